"""What the stack's state forbids, in a preview too: another live job, a state not known. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_zuora_backfill.contract.guard import (
    Found,
    already_there,
    open_attempt_of,
    second_live_job,
)
from pulumi_zuora_backfill.contract.history import History
from pulumi_zuora_backfill.contract.tenant_check import ensure_one_tenant, scope_in_force
from pulumi_zuora_backfill.errors import InputError, StateUnreadableError
from pulumi_zuora_backfill.settings.loading import Settings

from .identity import Identity
from .stack_state import StackJob, StackState


def refuse_by_state(
    identity: Identity,
    inputs: Mapping[str, Any],
    settings: Settings,
    state: StackState,
    predecessor: Mapping[str, Any],
) -> None:
    """
    Refuse what state alone forbids, in a preview too; nothing is sent.

    Raises:
        StateUnreadableError: State is unknown, so a live job could be a second one, and a dry run
            could be handed the job that it replaces.
        WrongTenantError: The stack's jobs are at another address or in another tenant.
        InputError: A dry run of the stack is to be taken over as a live job.
        GuardError: Another resource of the stack holds a live job of this type and place.
    """
    known = inputs.get("dryRun") is True and predecessor
    if inputs.get("existingJobId") is None and state.unreadable and not known:
        danger = (
            "A dry run could be handed the job of an earlier one."
            if inputs.get("dryRun") is True
            else "A live backfill could be a second one."
        )
        raise StateUnreadableError(
            "Nothing was started: the state of this stack could not be read "
            f"({state.unreadable}).\n{danger}",
            "Run `pulumi up` again. If that does not help, look at the state backend: "
            "`pulumi stack export` must work.",
        )
    ensure_one_tenant((job.outputs for job in state.jobs), settings.base_url, settings.tenant_id)
    if inputs.get("dryRun") is False and state.is_dry_run(inputs.get("existingJobId")):
        raise InputError(
            f"Nothing was started: existing_job_id is {inputs['existingJobId']}, a dry run, which "
            "can be no live job.",
            "Take existing_job_id away; a VerifiedBackfill is approved by  approval  alone.",
        )
    if inputs.get("existingJobId") is not None or inputs.get("dryRun") is not False:
        return
    if inputs.get("guard") == "none" or not isinstance(inputs.get("type"), str):
        return
    scope = scope_in_force(inputs, settings)
    for name, job_type, declared in state.beside:
        there = settings.scope_for(declared.entity_id, declared.org_ids)
        beside = job_type == inputs["type"] and not there.apart_from(scope)
        if beside and "attempt" not in predecessor:
            raise second_live_job(name, job_type)
    own = [identity.urn, *History.from_state(predecessor.get("history")).job_ids]
    own += [predecessor["jobId"]] if predecessor.get("jobId") else []
    own += map(str, inputs.get("knownJobIds") or ())
    others = state.live_jobs(inputs["type"], scope, own)
    for other in others:
        if other.job_id is None:  # the outcome of its start is not known
            raise open_attempt_of(identity.urn, other.urn, inputs["type"])
    if others:
        refused = already_there(
            identity.urn,
            inputs["type"],
            str(others[0].outputs.get("tenantId")),
            [_found(other) for other in others],
            inputs.get("knownJobIds") or (),
        )
        refused.add_hint("If it has failed or was stopped since, run `pulumi refresh` instead.")
        raise refused


def _found(other: StackJob) -> Found:
    status, created = other.outputs.get("status"), other.outputs.get("createdOn")
    return Found(
        id=str(other.job_id),
        described=f"{other.job_id} (last seen {status}, created {created})",
        young=False,
        holder=other.urn,
    )
