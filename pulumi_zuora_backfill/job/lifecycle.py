"""
The lifecycle of a BackfillJob: what create, read, update and delete do, in plain data.

Knows nothing of Pulumi's dynamic host, so that an adapter for the plugin protocol can call the same functions. Properties are in wire names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.connection import Voice, Zuora
from pulumi_zuora_backfill.contract.intent import key_for
from pulumi_zuora_backfill.contract.order import Submitted
from pulumi_zuora_backfill.contract.stopping import ensure_ended, stop_job
from pulumi_zuora_backfill.contract.tenant_check import (
    ensure_ran_here,
    ensure_same_address,
    ensure_same_place,
    ensure_same_scope,
    ensure_same_tenant,
    place_of,
    scope_in_state,
)
from pulumi_zuora_backfill.errors import JobError, NotFoundError
from pulumi_zuora_backfill.program.stack_state import Past
from pulumi_zuora_backfill.properties import INPUTS, OUTPUTS, WIRE_NAMES, is_verified
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.zuora.models import ENDED, Job, JobStatus, iso
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .differences import track_id_is_derived
from .inputs import scope_of, secrets_of
from .starting import adopt, intent_of, start

_COUNTS = ("progress", "batchSentCount", "batchFinishedCount", "errorCount")
_INPUT_NAMES = tuple(WIRE_NAMES[name] for name in INPUTS)
_PROPERTY_NAMES = (
    *(WIRE_NAMES[name] for name in (*INPUTS, *OUTPUTS)),
    "history",
    "secretHistory",
    "others",
)


def create_job(
    zuora: Zuora, settings: Settings, inputs: Mapping[str, Any], voice: Voice
) -> dict[str, Any]:
    """
    Start the job, or take over the one that is there, and return its outputs.

    Raises:
        ZuoraBackfillError: There is no job that this resource may call its own; the text says what to do.
    """
    past = Past.from_input(inputs.get("past"))
    declared = scope_of(inputs)
    scope = settings.scope_for(declared.entity_id, declared.org_ids)
    # The dry run that state tells of is this run's, unless it has been replaced by one that was bound to its place itself.
    dry_run = past.dry_run if past.dry_run.get("jobId") in (inputs.get("knownJobIds") or ()) else {}
    ensure_same_address(zuora.base_url, past.predecessor, settings)
    ensure_same_scope(past.predecessor, declared, scope)
    ensure_ran_here(dry_run, zuora.base_url, scope, settings)
    tenant_id = zuora.client.tenant_id()
    for earlier in (past.predecessor, dry_run):
        ensure_same_tenant(tenant_id, earlier)
    intent = intent_of(inputs, zuora.base_url, scope)
    secret = "triggers" in secrets_of(inputs)
    existing = inputs.get("existingJobId")
    if existing is not None:
        job = adopt(zuora, str(existing), intent.type, scope, voice)
        started: dict[str, Any] = {"recovered": False}
    else:
        submitted = start(
            zuora, inputs, intent, past, scope, scope_in_state(past.predecessor, settings)
        )
        job = submitted.job
        if submitted.remark:
            voice.warn(submitted.remark)
        started = _started(submitted, secret=secret)
    voice.status(f"Job {job.id} is {job.status}.")
    secret_history = secret or past.secret_history
    history = past.history.with_job(key_for(intent), job.id).to_state()
    return _known(
        {
            **{name: inputs.get(name) for name in _INPUT_NAMES},
            **started,
            **place_of(zuora.base_url, tenant_id, scope),
            **outputs_of(job),
            "history": _secret(history) if secret_history else history,
            "secretHistory": secret_history or None,
            "others": list(past.others)
            if intent.dry_run and past.others and is_verified(intent.urn)
            else None,
        }
    )


def read_job(
    zuora: Zuora, settings: Settings, job_id: str, properties: Mapping[str, Any], voice: Voice
) -> dict[str, Any]:
    """
    Look the job up and return its outputs; a job that Zuora does not know keeps its state.

    Raises:
        JobError: It is unknown and there is no state either: a ``get`` of a wrong id.
        ZuoraBackfillError: Zuora could not be asked, or is another tenant than the state's.
    """
    kept = {name: properties[name] for name in _PROPERTY_NAMES if properties.get(name) is not None}
    ensure_same_place(zuora.base_url, kept, settings)
    tenant_id = zuora.client.tenant_id()
    ensure_same_tenant(tenant_id, kept)
    scope = scope_in_state(kept, settings)
    try:
        job = zuora.client.get(job_id, scope)
    except NotFoundError as error:
        if "jobId" not in kept:
            raise JobError(
                f"Zuora does not know job {job_id} in {scope.described()}.",
                f"Check the id in {WHERE_TO_LOOK}, and the entity (ZUORA_ENTITY_IDS or zuora:entityIds): a job is only seen from its own entity.",
            ) from error
        voice.warn(
            f"Zuora does not know job {job_id} any more: it was purged, or the tenant was refreshed. Its state is kept with status UNKNOWN; "
            "no new job is started because of it."
        )
        return {**kept, "status": JobStatus.UNKNOWN.value}
    if job.status in (JobStatus.FAILED, JobStatus.STOPPED):
        voice.warn(f"Job {job_id} is {job.status}. To run the backfill again, change triggers.")
    place = place_of(zuora.base_url, tenant_id, scope)
    return _known({**place, "type": job.type, "recovered": False, **kept, **outputs_of(job)})


def update_job(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs after a change of state only; nothing is sent."""
    declared = {name: news.get(name) for name in _INPUT_NAMES}
    derived = declared["trackId"] is None and track_id_is_derived(olds)
    if derived:
        declared["trackId"] = olds["trackId"]
    outputs = _known({**{name: olds.get(name) for name in _PROPERTY_NAMES}, **declared})
    hashes: set[str] = set()
    if "triggers" in secrets_of(news):
        outputs["secretHistory"] = True
        hashes = {"idempotencyKey", *(["trackId"] if derived else [])}
    if outputs.get("secretHistory"):
        hashes.add("history")
    return outputs | {name: _secret(outputs[name]) for name in hashes & outputs.keys()}


def delete_job(
    connect: Callable[[], Zuora],
    settings: Settings,
    clock: Clock,
    job_id: str,
    properties: Mapping[str, Any],
    voice: Voice,
    *,
    replacing: bool,
) -> None:
    """
    Let go of the job: ask it to stop where it may be stopped and may still run.

    A replacement of a job that runs and may not be stopped is refused here, and not only when the new job is created: what was let go of stays to be replaced,
    so that a change that is taken back would start another job.

    Raises:
        JobStillRunningError: It was asked to stop and did not, or it is to be replaced and may not be stopped.
        ZuoraBackfillError: Zuora could not be asked, or is another tenant than the state's.
    """
    if settings.base_url is not None:
        ensure_same_place(settings.base_url, properties, settings)
    may_be_stopped = properties.get("onDelete") == "stop"
    if not may_be_stopped and (not replacing or properties.get("status") in ENDED):
        return
    zuora = connect()
    ensure_same_tenant(zuora.client.tenant_id(), properties)
    scope = scope_in_state(properties, settings)
    if not may_be_stopped:
        ensure_ended(
            zuora.client,
            job_id,
            properties.get("status"),
            scope,
            "To keep it, take the change back: it is still yours.",
        )
        return
    job = stop_job(zuora.client, job_id, scope, clock, voice.status)
    if job is None:
        voice.info(f"Zuora does not know job {job_id} any more; there is nothing to stop.")


def outputs_of(job: Job) -> dict[str, Any]:
    """Return what Zuora tells of a job; counts only once it has ended, as a frozen 0 would read as "no errors"."""
    counts: tuple[Any, ...] = (
        job.progress,
        job.batch_sent_count,
        job.batch_finished_count,
        job.error_count,
    )
    return {
        "jobId": job.id,
        "status": job.status,
        "createdOn": iso(job.created_on),
        "updatedOn": iso(job.updated_on),
        "zuoraUser": job.user,
        **dict(zip(_COUNTS, counts if job.ended else (None,) * 4, strict=True)),
    }


def _started(submitted: Submitted, *, secret: bool) -> dict[str, Any]:
    derived = {"idempotencyKey": submitted.idempotency_key, "trackId": submitted.track_id}
    return {
        **({name: _secret(value) for name, value in derived.items()} if secret else derived),
        "requestId": submitted.request_id,
        "recovered": submitted.recovered,
    }


def _secret(value: Any) -> dict[str, Any]:
    """Mark an output as secret, in the engine's own notation: a dynamic provider has no other way."""
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


def _known(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
