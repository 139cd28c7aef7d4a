"""
The lifecycle of a BackfillJob: what create, read, update and delete do, in plain data.

Knows nothing of Pulumi's dynamic host, so that an adapter for the plugin protocol can call the same functions. Properties are in wire names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .changes import track_id_is_derived
from .clock import Clock
from .config import Settings
from .errors import InputError, JobError, NotFoundError
from .idempotency import Intent
from .inputs import scope_of
from .models import ENDED, BackfillRequest, Job, JobStatus, Scope, duration, iso
from .names import INPUTS, OUTPUTS, WIRE_NAMES
from .order import Order, Submitted
from .past import Past
from .place import ensure_same_place, ensure_same_scope, ensure_same_tenant, scope_in_state
from .stopping import ensure_ended, stop_job

if TYPE_CHECKING:
    from .client import BackfillClient
    from .submission import Submission

_COUNTS = ("progress", "batchSentCount", "batchFinishedCount", "errorCount")
_INPUT_NAMES = tuple(WIRE_NAMES[name] for name in INPUTS)
_PROPERTY_NAMES = tuple(WIRE_NAMES[name] for name in (*INPUTS, *OUTPUTS))


@dataclass(frozen=True, kw_only=True)
class Zuora:
    """
    A connection to one tenant.

    Attributes:
        base_url: The endpoint.
        client: The four operations.
        submission: Turns an order into one job.
    """

    base_url: str
    client: BackfillClient
    submission: Submission


@dataclass(frozen=True, kw_only=True)
class Voice:
    """
    How the lifecycle speaks to the user.

    Attributes:
        status: A live line.
        info: A line that stays.
        warn: A warning that stays.
    """

    status: Callable[[str], None]
    info: Callable[[str], None]
    warn: Callable[[str], None]


def create_job(zuora: Zuora, settings: Settings, inputs: Mapping[str, Any], voice: Voice) -> dict[str, Any]:
    """
    Start the job, or take over the one that is there, and return its outputs.

    Raises:
        ZuoraBackfillError: There is no job that this resource may call its own; the text says what to do.
    """
    past = Past.from_input(inputs.get("past"))
    predecessor_id = past.predecessor.get("jobId")
    declared = scope_of(inputs)
    scope = settings.scope_for(declared.entity_id, declared.org_ids)
    if predecessor_id:
        ensure_same_place(zuora.base_url, past.predecessor, settings)
        ensure_same_scope(past.predecessor, declared, scope)
    existing = inputs.get("existingJobId")
    if existing is not None and existing == predecessor_id:
        raise InputError(
            f"existing_job_id is {existing}, the very job that is to be replaced; nothing was started.",
            "Take existing_job_id away to start a new job, or take the change back that asks for a replacement.",
        )
    tenant_id = zuora.client.tenant_id()
    if predecessor_id:
        ensure_same_tenant(tenant_id, past.predecessor)
    if existing is not None:
        job = adopt(zuora, str(existing), str(inputs["type"]), scope, voice)
        started: dict[str, Any] = {"recovered": False}
    else:
        submitted = zuora.submission.submit(
            _order(zuora, inputs, past, scope, scope_in_state(past.predecessor, settings))
        )
        job = submitted.job
        if submitted.remark:
            voice.warn(submitted.remark)
        started = _started(submitted, secret=bool(inputs.get("identity", {}).get("secretTriggers")))
    voice.status(f"Job {job.id} is {job.status}.")
    place = {
        "tenantId": tenant_id,
        "baseUrl": zuora.base_url,
        "effectiveEntityId": scope.entity_id,
        "effectiveOrgIds": list(scope.org_ids) or None,
    }
    return _known({**{name: inputs.get(name) for name in _INPUT_NAMES}, **started, **place, **outputs_of(job)})


def read_job(
    zuora: Zuora, settings: Settings, job_id: str, properties: Mapping[str, Any], voice: Voice
) -> dict[str, Any]:
    """
    Look the job up and return its outputs; a job that Zuora does not know keeps its state.

    Raises:
        NotFoundError: It is unknown and there is no state either: a ``get`` of a wrong id.
        ZuoraBackfillError: Zuora could not be asked, or is another tenant than the state's.
    """
    kept = {name: properties[name] for name in _PROPERTY_NAMES if properties.get(name) is not None}
    ensure_same_place(zuora.base_url, kept, settings)
    tenant_id = zuora.client.tenant_id()
    ensure_same_tenant(tenant_id, kept)
    scope = scope_in_state(kept, settings)
    try:
        job = zuora.client.get(job_id, scope)
    except NotFoundError:
        if "jobId" not in kept:
            raise
        voice.warn(
            f"Zuora does not know job {job_id} any more: it was purged, or the tenant was refreshed. Its state is kept with status UNKNOWN; "
            "no new job is started because of it."
        )
        return {**kept, "status": JobStatus.UNKNOWN.value}
    if job.status in (JobStatus.FAILED, JobStatus.STOPPED):
        voice.warn(f"Job {job_id} is {job.status}. To run the backfill again, change triggers.")
    place = {
        "baseUrl": zuora.base_url,
        "tenantId": tenant_id,
        "effectiveEntityId": scope.entity_id,
        "effectiveOrgIds": list(scope.org_ids) or None,
    }
    return _known({**place, "type": job.type, "recovered": False, **kept, **outputs_of(job)})


def update_job(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs after a change of state only; nothing is sent."""
    declared = {name: news.get(name) for name in _INPUT_NAMES}
    derived = declared["trackId"] is None and track_id_is_derived(olds)
    if derived:
        declared["trackId"] = olds["trackId"]
    outputs = _known({**{name: olds.get(name) for name in _PROPERTY_NAMES}, **declared})
    if news.get("identity", {}).get("secretTriggers"):
        hashes = {"idempotencyKey", *(["trackId"] if derived else [])} & outputs.keys()
        outputs |= {name: _secret(outputs[name]) for name in hashes}
    return outputs


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


def adopt(zuora: Zuora, job_id: str, wanted_type: str, scope: Scope, voice: Voice) -> Job:
    """
    Take over a job that somebody else started; one GET, no POST.

    Raises:
        JobError: Zuora does not know it here, or it is of another type.
    """
    try:
        job = zuora.client.get(job_id, scope)
    except NotFoundError as error:
        entity = f"entity {scope.entity_id}" if scope.entity_id else "this tenant, asked without an entity"
        raise JobError(
            f"existing_job_id is {job_id}, which Zuora does not know in {entity}; nothing was started.",
            "Check the id in Revenue → Data Backfill → Backfill Logs, and entity_id: a job is only seen from its own entity.",
        ) from error
    if job.type not in (wanted_type, None):
        raise JobError(
            f"existing_job_id is {job_id}, a {job.type} job, but type is {wanted_type}; nothing was started.",
            f'Declare type="{job.type}", or give the id of a {wanted_type} job.',
        )
    if job.ended:
        age = f" {duration(job.age_s)} ago" if job.age_s is not None else ""
        voice.warn(
            f"Job {job_id} was taken over; it is {job.status}, created{age}. To run the backfill again, change triggers."
        )
    return job


def outputs_of(job: Job) -> dict[str, Any]:
    """Return what Zuora tells of a job; counts only once it has ended, as a frozen 0 would read as "no errors"."""
    counts: tuple[Any, ...] = (job.progress, job.batch_sent_count, job.batch_finished_count, job.error_count)
    return {
        "jobId": job.id,
        "status": job.status,
        "createdOn": iso(job.created_on),
        "updatedOn": iso(job.updated_on),
        "zuoraUser": job.user,
        **dict(zip(_COUNTS, counts if job.ended else (None,) * 4, strict=True)),
    }


def _order(zuora: Zuora, inputs: Mapping[str, Any], past: Past, scope: Scope, predecessor_scope: Scope) -> Order:
    identity = inputs["identity"]
    intent = Intent(
        organization=str(identity["organization"]),
        urn=str(identity["urn"]),
        base_url=zuora.base_url,
        entity_id=scope.entity_id,
        org_ids=scope.org_ids,
        type=str(inputs["type"]),
        dry_run=bool(inputs["dryRun"]),
        triggers=inputs.get("triggers"),
    )
    return Order(
        intent=intent,
        request=BackfillRequest(type=intent.type, batch_size=int(inputs["batchSize"]), dry_run=intent.dry_run),
        scope=scope,
        guard=str(inputs["guard"]),
        explained=past.job_ids | frozenset(inputs.get("knownJobIds") or ()),
        predecessor=past.predecessor.get("jobId"),
        predecessor_status=past.predecessor.get("status"),
        predecessor_scope=predecessor_scope,
        track_id=inputs.get("trackId"),
    )


def _started(submitted: Submitted, *, secret: bool) -> dict[str, Any]:
    derived = {"idempotencyKey": submitted.idempotency_key, "trackId": submitted.track_id}
    return {
        **({name: _secret(value) for name, value in derived.items()} if secret else derived),
        "requestId": submitted.request_id,
        "recovered": submitted.recovered,
    }


def _secret(value: str) -> dict[str, str]:
    """Mark an output as secret, in the engine's own notation: a dynamic provider has no other way."""
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


def _known(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
