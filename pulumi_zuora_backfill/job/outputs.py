"""What state keeps of a job: its outputs in wire names, and which of them are secret. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_zuora_backfill.properties import CUSTOM_TIMEOUTS, INPUTS, OUTPUTS, WIRE_NAMES
from pulumi_zuora_backfill.zuora.models import Job, iso

_COUNTS = ("progress", "batchSentCount", "batchFinishedCount", "errorCount")
INPUT_NAMES: Final = (*(WIRE_NAMES[name] for name in INPUTS), CUSTOM_TIMEOUTS)
_MEMORY = ("history", "secretHistory", "secretPlace", "attempt")
PROPERTY_NAMES: Final = (*INPUT_NAMES, *(WIRE_NAMES[name] for name in OUTPUTS), *_MEMORY)
PLACE: Final = ("entityId", "orgIds")
# What is secret where its marker stands: it tells of triggers, or of an entity or organisations.
SECRET_BY: Final = {
    "secretHistory": ("idempotencyKey", "ran", "history", "attempt"),
    "secretPlace": (*PLACE, "effectiveEntityId", "effectiveOrgIds", "ran"),
}


def outputs_of(job: Job) -> dict[str, Any]:
    """Return what Zuora tells of a job; counts only once it has ended."""
    counts = (job.progress, job.batch_sent_count, job.batch_finished_count, job.error_count)
    return {
        "jobId": job.id,
        "status": job.status,
        "createdOn": iso(job.created_on),
        "updatedOn": iso(job.updated_on),
        "zuoraUser": job.user,
        **dict(zip(_COUNTS, counts if job.ended else (None,) * 4, strict=True)),
    }


def kept_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return what state holds of a job, without what is unset or not a property of a job."""
    return {name: properties[name] for name in PROPERTY_NAMES if properties.get(name) is not None}


def secret_again(outputs: dict[str, Any]) -> dict[str, Any]:
    """Mark what tells something of a secret argument, in the engine's own notation."""
    names = {name for marker, told in SECRET_BY.items() if outputs.get(marker) for name in told}
    return outputs | {
        name: {
            "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
            "value": value,
        }
        for name in sorted(names)
        if (value := outputs.get(name)) is not None
    }


def known(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is unset."""
    return {name: value for name, value in properties.items() if value is not None}
