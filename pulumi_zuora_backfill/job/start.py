"""How a resource comes by its job: it is started, found again, or taken over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pulumi_zuora_backfill.connection import Voice, Zuora
from pulumi_zuora_backfill.contract.attempt import Attempt
from pulumi_zuora_backfill.contract.history import History
from pulumi_zuora_backfill.contract.intent import Intent, key_for, track_id_for
from pulumi_zuora_backfill.contract.start_request import StartedJob, StartRequest
from pulumi_zuora_backfill.contract.tenant_check import (
    ensure_one_tenant,
    ensure_replaced_in_place,
    ensure_same_tenant,
    scope_in_force,
    scope_in_state,
    scope_of,
)
from pulumi_zuora_backfill.errors import JobError, NotFoundError
from pulumi_zuora_backfill.properties import CUSTOM_TIMEOUTS
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.settings.parsing import duration_s
from pulumi_zuora_backfill.zuora.models import BackfillRequest, Job, Scope, duration
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .dry_run_proof import ensure_verified
from .identity import Identity
from .refused_by_state import refuse_by_state
from .stack_state import StackState


@dataclass(frozen=True, kw_only=True)
class Start:
    """
    Everything that a start goes by, once the tenant is known.

    Attributes:
        inputs: The checked inputs.
        identity: Which resource this is.
        intent: What is asked for.
        scope: The entity and the organisations in force.
        history: The jobs that the resource has had.
        predecessor: Outputs of the job, or of the attempt, that was there before; may be empty.
        state: What the stack's state holds.
    """

    inputs: Mapping[str, Any]
    identity: Identity
    intent: Intent
    scope: Scope
    history: History
    predecessor: Mapping[str, Any]
    state: StackState

    @property
    def secret(self) -> bool:
        """Whether what is derived from the triggers has to be a secret."""
        return "triggers" in self.identity.secrets


def prepare_start(
    zuora: Zuora,
    settings: Settings,
    inputs: Mapping[str, Any],
    identity: Identity,
    predecessor: Mapping[str, Any] | None,
    state: StackState,
) -> Start:
    """
    Look at everything that can refuse a start before Zuora is asked for more than a token.

    Args:
        zuora: The connection.
        settings: Today's settings.
        inputs: The checked inputs.
        identity: Which resource this is.
        predecessor: What the engine showed in this run; ``None`` if it showed nothing.
        state: What the stack's state holds.

    Raises:
        ZuoraBackfillError: Something stands against it; nothing was started.
    """
    before = state.predecessor if predecessor is None else predecessor
    scope = scope_in_force(inputs, settings)
    refuse_by_state(identity, inputs, settings, state, before)
    ensure_replaced_in_place(zuora.base_url, before, settings, scope_of(inputs), scope)
    tenant_id = zuora.client.tenant_id()
    ensure_same_tenant(tenant_id, before)
    ensure_one_tenant((job.outputs for job in state.jobs), zuora.base_url, tenant_id)
    intent = Intent(
        urn=identity.urn,
        base_url=zuora.base_url,
        tenant_id=tenant_id,
        entity_id=scope.entity_id,
        org_ids=scope.org_ids,
        type=str(inputs["type"]),
        dry_run=bool(inputs["dryRun"]),
        triggers=inputs.get("triggers"),
    )
    return Start(
        inputs=inputs,
        identity=identity,
        intent=intent,
        scope=scope,
        history=History.from_state(before.get("history")) if before else History(),
        predecessor=before,
        state=state,
    )


def start_job(zuora: Zuora, settings: Settings, start: Start) -> StartedJob:
    """
    Start the job, or find the one that an earlier attempt started.

    Raises:
        ZuoraBackfillError: There is no job that this resource may call its own; the text says what
            to do.
    """
    inputs, before = start.inputs, start.predecessor
    if "verified" in start.identity.declared and not start.intent.dry_run:
        ensure_verified(inputs.get("verified"), start.intent)
    attempt = Attempt.from_state(before.get("attempt"))
    now = zuora.client.zuora_now() or zuora.clock.now()
    other = None
    if attempt is not None and not attempt.continues(key_for(start.intent), now):
        attempt, other = None, attempt
    timeouts = inputs.get(CUSTOM_TIMEOUTS) or {}
    return zuora.submission.submit(
        StartRequest(
            intent=start.intent,
            request=BackfillRequest(
                type=start.intent.type,
                batch_size=int(inputs["batchSize"]),
                dry_run=start.intent.dry_run,
            ),
            scope=start.scope,
            guard=str(inputs["guard"]),
            history=start.history,
            known_job_ids=frozenset(inputs.get("knownJobIds") or ()),
            not_counted=start.state.not_counted(start.scope),
            held_by=start.state.held_by(),
            attempt=attempt,
            other_attempt=other,
            predecessor=before.get("jobId"),
            predecessor_status=before.get("status"),
            predecessor_scope=scope_in_state(before, settings),
            track_id=inputs.get("trackId") or _plain_track_id(start),
            timeout_s=duration_s(str(timeouts["create"])) if timeouts.get("create") else None,
        )
    )


def take_over(zuora: Zuora, start: Start, voice: Voice) -> Job:
    """
    Take over a job that somebody else started; one GET, no POST.

    Raises:
        JobError: Zuora does not know it here, or it is of another type.
    """
    job = look_at_existing(zuora, start.inputs, start.scope)
    if job.ended:
        age = f" {duration(job.age_s)} ago" if job.age_s is not None else ""
        voice.warn(
            f"Job {job.id} was taken over; it is {job.status}, created{age}.\nTo run the backfill "
            "again, remove existing_job_id and change triggers."
        )
    return job


def look_at_existing(zuora: Zuora, inputs: Mapping[str, Any], scope: Scope) -> Job:
    """
    Look up the job that a resource is to take over; one GET.

    Raises:
        JobError: Zuora does not know it here, or it is of another type.
    """
    job_id, wanted = str(inputs["existingJobId"]), inputs["type"]
    try:
        job = zuora.client.get(job_id, scope)
    except NotFoundError as error:
        raise JobError(
            f"Nothing was started: existing_job_id is {job_id}, which Zuora does not know in "
            f"{scope.described()}.",
            f"Check the id in {WHERE_TO_LOOK}, and entity_id: a job is only seen from its own "
            "entity.",
        ) from error
    if job.type not in (wanted, None):
        raise JobError(
            f"Nothing was started: existing_job_id is {job_id}, a job of type {job.type}, but "
            f"type is {wanted}.",
            f'Declare type="{job.type}", or give the id of a job of type {wanted}.',
        )
    return job


def id_of_attempt(start: Start) -> str:
    """Return the resource id of an attempt: a key that tells nothing of secret triggers."""
    return key_for(replace(start.intent, triggers=None) if start.secret else start.intent)


def _plain_track_id(start: Start) -> str | None:
    """Return a track id that tells nothing of secret triggers, as it is shown in errors."""
    return track_id_for(id_of_attempt(start)) if start.secret else None
