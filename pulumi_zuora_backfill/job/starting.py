"""How a resource comes by its job: it is started, found again, or taken over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pulumi_zuora_backfill.connection import Voice, Zuora
from pulumi_zuora_backfill.contract.intent import Intent, key_for, track_id_for
from pulumi_zuora_backfill.contract.order import Order, Submitted
from pulumi_zuora_backfill.errors import JobError, NotFoundError
from pulumi_zuora_backfill.program.stack_state import Past
from pulumi_zuora_backfill.zuora.models import BackfillRequest, Job, Scope, duration
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .inputs import secrets_of


def intent_of(inputs: Mapping[str, Any], base_url: str, scope: Scope) -> Intent:
    """Return what the inputs ask for, at this endpoint and in the scope in force."""
    identity = inputs["identity"]
    return Intent(
        organization=str(identity["organization"]),
        urn=str(identity["urn"]),
        base_url=base_url,
        entity_id=scope.entity_id,
        org_ids=scope.org_ids,
        type=str(inputs["type"]),
        dry_run=bool(inputs["dryRun"]),
        triggers=inputs.get("triggers"),
    )


def start(
    zuora: Zuora,
    inputs: Mapping[str, Any],
    intent: Intent,
    past: Past,
    scope: Scope,
    predecessor_scope: Scope,
) -> Submitted:
    """
    Start the job, or find the one that an earlier attempt started.

    Raises:
        ZuoraBackfillError: There is no job that this resource may call its own; the text says what to do.
    """
    predecessor_id = past.predecessor.get("jobId")
    return zuora.submission.submit(
        Order(
            intent=intent,
            request=BackfillRequest(
                type=intent.type, batch_size=int(inputs["batchSize"]), dry_run=intent.dry_run
            ),
            scope=scope,
            guard=str(inputs["guard"]),
            explained=past.job_ids | frozenset(inputs.get("knownJobIds") or ()),
            spent=past.history.job_ids | ({predecessor_id} if predecessor_id else frozenset()),
            after=past.history.last(key_for(intent)),
            predecessor=predecessor_id,
            predecessor_status=past.predecessor.get("status"),
            predecessor_scope=predecessor_scope,
            track_id=inputs.get("trackId") or _plain_track_id(inputs, intent),
        )
    )


def _plain_track_id(inputs: Mapping[str, Any], intent: Intent) -> str | None:
    """Return a track id that tells nothing of secret triggers, as it is shown in errors; ``None`` where they are none."""
    return (
        track_id_for(key_for(replace(intent, triggers=None)))
        if "triggers" in secrets_of(inputs)
        else None
    )


def adopt(zuora: Zuora, job_id: str, wanted_type: str, scope: Scope, voice: Voice) -> Job:
    """
    Take over a job that somebody else started; one GET, no POST.

    Raises:
        JobError: Zuora does not know it here, or it is of another type.
    """
    try:
        job = zuora.client.get(job_id, scope)
    except NotFoundError as error:
        raise JobError(
            f"existing_job_id is {job_id}, which Zuora does not know in {scope.described()}; nothing was started.",
            f"Check the id in {WHERE_TO_LOOK}, and entity_id: a job is only seen from its own entity.",
        ) from error
    if job.type not in (wanted_type, None):
        raise JobError(
            f"existing_job_id is {job_id}, a job of type {job.type}, but type is {wanted_type}; nothing was started.",
            f'Declare type="{job.type}", or give the id of a job of type {wanted_type}.',
        )
    if job.ended:
        age = f" {duration(job.age_s)} ago" if job.age_s is not None else ""
        voice.warn(
            f"Job {job_id} was taken over; it is {job.status}, created{age}. To run the backfill again, change triggers."
        )
    return job
