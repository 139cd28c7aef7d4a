"""
Names that state holds for ever, and the two spellings of every property.

snake_case in Python, camelCase in state and on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

TYPE_TOKEN: Final = "pulumi-python:dynamic/zuora:BackfillJob"
COMPLETION_TYPE_TOKEN: Final = "pulumi-python:dynamic/zuora:BackfillCompletion"
VERIFIED_TYPE: Final = "zuora:index:VerifiedBackfill"
DRY_RUN_SUFFIX: Final = "-dry-run"
INPUTS: Final = (
    "type",
    "batch_size",
    "dry_run",
    "triggers",
    "reason",
    "entity_id",
    "org_ids",
    "track_id",
    "guard",
    "known_job_ids",
    "on_delete",
    "existing_job_id",
)
# What makes one start another one, or another place: if one is declared, it must arrive.
DECISIVE: Final = ("type", "dry_run", "triggers", "entity_id", "org_ids", "existing_job_id")
# Inputs of our own: what the engine tells no dynamic provider.
INTERNAL: Final = ("identity", "past", "verified")
CUSTOM_TIMEOUTS: Final = "customTimeouts"
OUTPUTS: Final = (
    "job_id",
    "status",
    "created_on",
    "updated_on",
    "zuora_user",
    "tenant_id",
    "base_url",
    "effective_entity_id",
    "effective_org_ids",
    "idempotency_key",
    "request_id",
    "recovered",
    "ran",
    "progress",
    "batch_sent_count",
    "batch_finished_count",
    "error_count",
)
COMPLETION_INPUTS: Final = ("job_ids", "timeout", "max_errors", "entity_id", "org_ids")
COMPLETION_OUTPUTS: Final = ("jobs", "error_count")


def is_verified(urn: str) -> bool:
    """Tell whether a `VerifiedBackfill` declares the resource."""
    return f"{VERIFIED_TYPE}$" in urn


def name_in(urn: str) -> str:
    """Return a resource's name."""
    return urn.rsplit("::", 1)[-1]


def alias_for(urn: str, earlier_urn: str | None) -> str | None:
    """Return the alias that makes a resource the one that had another URN; ``None`` if none can."""
    if not earlier_urn or urn == earlier_urn:
        return None
    if not is_verified(urn):
        return earlier_urn
    # Aliases are the component's here, as it hands them down: of another component, not of a job.
    return earlier_urn.replace(f"${TYPE_TOKEN}::", "::") if is_verified(earlier_urn) else None


def camel(name: str) -> str:
    """Spell a Python name as state and wire do."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


WIRE_NAMES: Final[Mapping[str, str]] = {
    name: camel(name) for name in (*INPUTS, *OUTPUTS, *COMPLETION_INPUTS, *COMPLETION_OUTPUTS)
}
PYTHON_NAMES: Final[Mapping[str, str]] = {
    **{wire: name for name, wire in WIRE_NAMES.items()},
    CUSTOM_TIMEOUTS: "custom_timeouts",
}
