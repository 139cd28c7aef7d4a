"""
The inputs of a BackfillJob: all faults at once, defaults explicit, one form for each value.

Pure; nothing is asked of Zuora.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_zuora_backfill.contract.guard import GUARDS
from pulumi_zuora_backfill.contract.intent import canonical, canonical_json
from pulumi_zuora_backfill.errors import InputError
from pulumi_zuora_backfill.input_checks import (
    Check,
    Fault,
    boolean,
    check_all,
    custom_timeouts,
    header_value,
    is_unknown,
    job_id,
    one_of,
    sorted_list,
    text,
    track_id,
    whole_number,
)
from pulumi_zuora_backfill.properties import (
    CUSTOM_TIMEOUTS,
    DECISIVE,
    INTERNAL,
    PYTHON_NAMES,
    WIRE_NAMES,
)
from pulumi_zuora_backfill.zuora.models import JOB_ID_LENGTH, BackfillType, job_id_of
from pulumi_zuora_backfill.zuora.texts import clean

from .identity import Identity

ON_DELETE: Final = ("stop", "leave")
MAX_BATCH_SIZE: Final = 1000
_DEFAULTS: Final[Mapping[str, Any]] = {"batchSize": MAX_BATCH_SIZE}


def check_inputs(
    news: Mapping[str, Any], *, preview: bool = True
) -> tuple[dict[str, Any], list[Fault]]:
    """
    Validate the inputs and bring them into one form.

    Args:
        news: What the program declared, in wire names; unset values are missing.
        preview: Whether values may be unknown. In an update they never are, unless ``--exclude`` or
            ``--target`` left out what supplies them.

    Returns:
        The inputs to go on with, and all faults.
    """
    given = {name: value for name, value in news.items() if value is not None}
    inputs, faults = check_all(
        {**_DEFAULTS, **given},
        CHECKS,
        required=("type",),
        internal=INTERNAL,
        may_be_secret=("triggers", *secrets_of(news)),
    )
    faults += [*_without_a_value(given), *_nulls(given)]
    if not preview:
        faults += _unknown(given)
    dry_run = inputs.get("dryRun")
    if isinstance(dry_run, bool):
        inputs.setdefault("guard", "none" if dry_run else "once")
        inputs.setdefault("onDelete", "stop" if dry_run else "leave")
    return dict(sorted(inputs.items())), faults


def secrets_of(properties: Mapping[str, Any]) -> frozenset[str]:
    """Name the inputs whose values the program declared as secrets."""
    told = properties.get("identity")
    return frozenset(told.get("secrets") or ()) if isinstance(told, Mapping) else frozenset()


def _without_a_value(given: Mapping[str, Any]) -> list[Fault]:
    """Find decisive arguments that are declared and come out as null: they get no default."""
    identity = Identity.of(given)
    declared = identity.declared if identity else frozenset()
    unknown = identity.unknown if identity else frozenset()
    faults = []
    for name in DECISIVE:
        wire = WIRE_NAMES[name]
        if wire in given or wire in unknown or name == "type":
            continue
        if wire not in declared and name != "dry_run":
            continue
        what = "set True or False" if name == "dry_run" else "give it a value, or leave it out"
        faults.append(
            Fault(
                wire_name="",
                reason=f"{name} is declared but comes out as null (an unset configuration value, "
                f"or an output that does not exist): {what}",
            )
        )
    return faults


def _nulls(given: Mapping[str, Any]) -> list[Fault]:
    """Find what Pulumi drops from the triggers: without it they would ask for another run."""
    identity = Identity.of(given)
    return [
        Fault(
            wire_name="",
            reason=f"{where} is null (an unset configuration value, or an output that does not "
            "exist): give it a value, or leave it out",
        )
        for where in sorted(identity.nulls if identity else ())
    ]


def _unknown(given: Mapping[str, Any]) -> list[Fault]:
    identity = Identity.of(given)
    dropped = identity.unknown if identity else frozenset()
    return [
        Fault(
            wire_name="",
            reason=f"{PYTHON_NAMES[name]} is not known in this update: run `pulumi up` without "
            "--exclude or --target of the resource that supplies it",
        )
        for name in CHECKS
        if name in dropped or is_unknown(given.get(name))
    ]


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
            f"{clean(job_id)!r} is not a job id: a job id has {JOB_ID_LENGTH} characters.",
            "Nothing was sent to Zuora.",
        ) from None


def same(old: object, new: object) -> bool:
    """Tell whether two values mean the same; state may hold what only an earlier version took."""
    try:
        return canonical_json(old) == canonical_json(new)
    except ValueError:
        return False


def _triggers(value: Any) -> Any:
    try:
        return canonical(value)
    except ValueError as error:
        raise ValueError(f"must be a JSON value: {error}") from None


CHECKS: Final[Mapping[str, Check]] = {
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
    CUSTOM_TIMEOUTS: custom_timeouts,
}
