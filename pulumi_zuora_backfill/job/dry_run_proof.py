"""
What a live job of a `VerifiedBackfill` must show before it starts: outputs of its dry run.

Echoed inputs prove nothing: with ``up --exclude`` they are what the program says, unchecked.
Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pulumi_zuora_backfill.contract.intent import Intent, canonical_json
from pulumi_zuora_backfill.errors import NotVerifiedError
from pulumi_zuora_backfill.input_checks import is_unknown
from pulumi_zuora_backfill.properties import DRY_RUN_SUFFIX, PYTHON_NAMES, name_in
from pulumi_zuora_backfill.zuora.models import JobStatus

APPROVALS: Final = ("auto", "wait")


def ran(intent: Intent) -> dict[str, Any]:
    """Return what a job runs and where: what a dry run has in common with its live job."""
    facts = {
        "type": intent.type,
        "triggers": _hash(intent.triggers),
        "baseUrl": intent.base_url,
        "tenantId": intent.tenant_id,
        "entityId": intent.entity_id,
        "orgIds": ",".join(intent.org_ids) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def ensure_approved(name: str, verified: Mapping[str, Any]) -> None:
    """
    Make sure that the approval is for this very dry run, as far as both are known.

    Raises:
        NotVerifiedError: Another job was approved, or none.
    """
    approval, job_id = verified.get("approval"), verified.get("dryRun")
    if not isinstance(approval, str) or not isinstance(job_id, str) or approval in ("auto", job_id):
        return
    raise NotVerifiedError(
        f"The live job of {name!r} was not started: approval is {approval!r}, but the dry run is "
        f"{job_id}.",
        f'To start nothing for now, write\n  approval="wait"\nTo approve this dry run, write\n'
        f'  approval="{job_id}"',
    )


def ensure_same_run(name: str, verified: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    """
    Make sure that the dry run had the same type and triggers, as far as a preview knows them.

    Raises:
        NotVerifiedError: It ran with others.
    """
    was, asked = verified.get("ran"), [inputs.get("type"), inputs.get("triggers")]
    if isinstance(was, Mapping) and not is_unknown([was, asked]):
        now = {**was, "type": asked[0], "triggers": _hash(asked[1])}
        _ensure_alike(name, str(verified.get("dryRun")), was, now)


def ensure_verified(verified: object, intent: Intent) -> None:
    """
    Make sure that a dry run of the very same backfill has completed cleanly and was approved.

    Raises:
        NotVerifiedError: It is not proven; nothing was started.
    """
    name = name_in(intent.urn)
    told = verified if isinstance(verified, Mapping) else {}
    job_id, approval = told.get("dryRun"), told.get("approval")
    if not isinstance(job_id, str) or not isinstance(approval, str):
        raise _not_verified(name, "it is not known which dry run it follows")
    ensure_approved(name, told)
    _ensure_alike(name, job_id, told.get("ran"), ran(intent))
    completed = told.get("completed")
    done = [
        job
        for job in (completed if isinstance(completed, list) else ())
        if isinstance(job, Mapping) and job.get("jobId") == job_id
    ]
    if not done or done[0].get("status") != JobStatus.COMPLETED:
        raise _not_verified(name, f"nothing shows that the dry run {job_id} has completed")
    errors, accepted = done[0].get("errorCount"), told.get("maxErrors")
    if not isinstance(accepted, int | float):
        raise _not_verified(name, "it is not known how many failed records are accepted")
    if errors is None:
        return  # Zuora told no number; the completion has warned of it
    if not isinstance(errors, int | float):
        raise _not_verified(name, f"the dry run {job_id} has an unknown number of failed records")
    if not errors <= accepted:
        raise _not_verified(
            name,
            f"the dry run {job_id} has {errors:.0f} failed records, and {accepted:.0f} are "
            "accepted",
        )


def _not_verified(name: str, why: str) -> NotVerifiedError:
    return NotVerifiedError(
        f"The live job of {name!r} was not started: {why}.",
        "Run `pulumi up` without --exclude and --target, or include "
        f'"{name}{DRY_RUN_SUFFIX}" and "{name}{DRY_RUN_SUFFIX}-done".',
    )


def _ensure_alike(name: str, job_id: str, was: object, now: Mapping[str, Any]) -> None:
    if not isinstance(was, Mapping):
        raise _not_verified(name, f"it is not known what the dry run {job_id} ran with")
    differ = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    if differ:
        names = " and ".join(PYTHON_NAMES.get(key, key) for key in differ)
        raise _not_verified(name, f"the dry run {job_id} differs in {names}")


def _hash(triggers: Any) -> str:
    return hashlib.sha256(canonical_json(triggers).encode()).hexdigest()
