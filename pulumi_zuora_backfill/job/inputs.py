"""
The inputs of a BackfillJob: every fault found at once, defaults made explicit, numbers and lists in one form.

Pure; nothing is asked of Zuora.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_zuora_backfill.contract.guard import GUARDS
from pulumi_zuora_backfill.contract.intent import canonical, canonical_json
from pulumi_zuora_backfill.errors import InputError
from pulumi_zuora_backfill.validation import (
    Check,
    Fault,
    boolean,
    check_all,
    header_value,
    job_id,
    one_of,
    sorted_list,
    text,
    track_id,
    whole_number,
)
from pulumi_zuora_backfill.zuora.models import JOB_ID_LENGTH, BackfillType, Scope, job_id_of
from pulumi_zuora_backfill.zuora.texts import clean

ON_DELETE: Final = ("stop", "leave")
MAX_BATCH_SIZE: Final = 1000
_DEFAULTS: Final[Mapping[str, Any]] = {"batchSize": MAX_BATCH_SIZE, "dryRun": False}


def check_inputs(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """
    Validate the inputs and bring them into one form.

    Args:
        news: What the program declared, in wire names; unset values are missing.

    Returns:
        The inputs to go on with, and all faults.
    """
    inputs, faults = check_all(
        {**_DEFAULTS, **{name: value for name, value in news.items() if value is not None}},
        _CHECKS,
        required=("type",),
        internal=("identity", "past"),
        may_be_secret=("triggers", *secrets_of(news)),
    )
    dry_run = inputs.get("dryRun")
    if isinstance(dry_run, bool):
        inputs.setdefault("guard", "none" if dry_run else "once")
        inputs.setdefault("onDelete", "stop" if dry_run else "leave")
    return dict(sorted(inputs.items())), faults


def scope_of(properties: Mapping[str, Any]) -> Scope:
    """Return the declared entity and organisations."""
    return Scope(entity_id=properties.get("entityId"), org_ids=ids_in(properties.get("orgIds")))


def secrets_of(properties: Mapping[str, Any]) -> frozenset[str]:
    """Name the inputs whose values the program declared as secrets."""
    identity = properties.get("identity")
    return (
        frozenset(identity.get("secrets") or ()) if isinstance(identity, Mapping) else frozenset()
    )


def ids_in(value: object) -> tuple[str, ...]:
    """Read a list of ids; state may hold anything, and what is no list counts as none."""
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def ensure_job_id(job_id: str) -> None:
    """
    Make sure that a job can be looked up by this id.

    Raises:
        InputError: It cannot be one.
    """
    try:
        job_id_of(job_id)
    except ValueError:
        raise InputError(
            f"{clean(job_id)!r} is no job id: it has to be {JOB_ID_LENGTH} characters long.",
            "Nothing was sent to Zuora.",
        ) from None


def same(old: object, new: object) -> bool:
    """Tell whether two values mean the same, however Pulumi carried them; state may hold what only an earlier version took."""
    try:
        return canonical_json(old) == canonical_json(new)
    except ValueError:
        return False


def _triggers(value: Any) -> Any:
    try:
        return canonical(value)
    except ValueError as error:
        raise ValueError(f"must be a JSON value: {error}") from None


_CHECKS: Final[Mapping[str, Check]] = {
    "type": one_of(*(member.value for member in BackfillType)),
    "batchSize": whole_number(1, MAX_BATCH_SIZE),
    "dryRun": boolean,
    "triggers": _triggers,
    "reason": text,
    "entityId": header_value,
    "orgIds": sorted_list(header_value),
    "trackId": track_id,
    "guard": one_of(*GUARDS),
    "knownJobIds": sorted_list(job_id),
    "onDelete": one_of(*ON_DELETE),
    "existingJobId": job_id,
}
