"""
What create, update and read of a BackfillCompletion do, in plain data.

Knows nothing of Pulumi's dynamic host. Properties are in wire names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pulumi_zuora_backfill.contract.tenant_check import (
    ensure_same_place,
    ensure_same_tenant,
    place_of,
    scope_in_force,
    scope_in_state,
)
from pulumi_zuora_backfill.errors import NotFoundError
from pulumi_zuora_backfill.properties import CUSTOM_TIMEOUTS
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.zuora.models import Job, JobStatus, Scope, iso
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .polling import Wait, total_of, wait_for

if TYPE_CHECKING:
    from pulumi_zuora_backfill.clock import Clock
    from pulumi_zuora_backfill.connection import Voice, Zuora
from .declared import DECLARED, timeout_of

_PLACE = ("baseUrl", "tenantId", "effectiveEntityId", "effectiveOrgIds")


def await_jobs(
    zuora: Zuora,
    settings: Settings,
    clock: Clock,
    inputs: Mapping[str, Any],
    kind: str,
    voice: Voice,
    olds: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Wait for all jobs and return the outputs.

    Args:
        zuora: The connection.
        settings: Today's settings.
        clock: Time.
        inputs: The checked inputs.
        kind: ``create`` or ``update``: which custom timeout counts.
        voice: How to speak to the user.
        olds: The outputs before, in an update.

    Raises:
        ZuoraBackfillError: The jobs did not all complete cleanly in time.
    """
    scope = scope_in_force(inputs, settings)
    timeout_s, source = timeout_of(inputs, settings, kind)
    tenant_id = zuora.client.tenant_id()
    place = place_of(zuora.base_url, tenant_id, scope)
    wait = Wait(
        job_ids=tuple(inputs["jobIds"]),
        scope=scope,
        timeout_s=timeout_s,
        timeout_from=source,
        max_errors=int(inputs["maxErrors"]),
        tenant_id=tenant_id,
        completed=_completed(olds or {}, {**inputs, **place}),
    )
    jobs = wait_for(zuora.client, wait, clock, voice.status)
    for job in jobs:
        if job is wait.completed.get(job.id):
            voice.warn(_purged(job.id, job.status))
    if errors := sum(job.error_count or 0 for job in jobs):
        voice.warn(
            f"{errors} records failed; max_errors={wait.max_errors} accepts that. Look in "
            f"{WHERE_TO_LOOK}."
        )
    if untold := [job.id for job in jobs if job.error_count is None]:
        voice.warn(
            "How many records failed is not known: Zuora tells no number for "
            f"job{'s' if len(untold) > 1 else ''} {', '.join(untold)}.\nmax_errors could not be "
            f"checked there. Look in {WHERE_TO_LOOK}."
        )
    kept = _kept(olds or {})
    seen = [kept[job.id] if job is wait.completed.get(job.id) else _output(job) for job in jobs]
    return _outputs({**inputs, **place}, seen)


def read_completion(
    zuora: Zuora, settings: Settings, properties: Mapping[str, Any], voice: Voice
) -> dict[str, Any]:
    """Look at every job once; one that Zuora has purged keeps its state."""
    bound = {**properties, "jobId": ", ".join(map(str, properties.get("jobIds") or ()))}
    ensure_same_place(zuora.base_url, bound, settings)
    ensure_same_tenant(zuora.client.tenant_id(), bound)
    scope = scope_in_state(properties, settings)
    kept = _kept(properties)
    jobs = []
    for job_id in properties.get("jobIds") or ():
        jobs.append(_seen(zuora, str(job_id), scope, kept.get(job_id, {}), voice))
    return _outputs(properties, jobs)


def _seen(
    zuora: Zuora, job_id: str, scope: Scope, kept: Mapping[str, Any], voice: Voice
) -> dict[str, Any]:
    try:
        job = zuora.client.get(job_id, scope)
    except NotFoundError:
        voice.warn(_purged(job_id, str(kept.get("status", JobStatus.UNKNOWN.value))))
        return {"jobId": job_id, **kept}
    if job.status != JobStatus.COMPLETED:
        voice.warn(f"Job {job_id} had completed, and is now {job.status}.")
    return _output(job)


def _purged(job_id: str, status: str) -> str:
    return f"Zuora no longer knows job {job_id}. State keeps it as {status}."


def _completed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Job]:
    """Return the jobs that had completed where the wait looks for them, by id."""
    if any(olds.get(name) != news[name] for name in _PLACE):
        return {}
    return {
        job_id: Job(
            id=job_id,
            status=JobStatus.COMPLETED.value,
            type=job.get("type"),
            progress=job.get("progress"),
            error_count=int(job["errorCount"])
            if isinstance(job.get("errorCount"), int | float)
            else None,
        )
        for job_id, job in _kept(olds).items()
        if job.get("status") == JobStatus.COMPLETED
    }


def _kept(properties: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what state holds of each job; anything unusable counts as nothing."""
    jobs = properties.get("jobs")
    return {
        str(job["jobId"]): job
        for job in (jobs if isinstance(jobs, list) else ())
        if isinstance(job, Mapping) and "jobId" in job
    }


def _outputs(properties: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return all outputs; no number of failed records where one of the jobs has none."""
    errors = total_of([job.get("errorCount") for job in jobs])
    return {
        **_declared(properties),
        "jobs": [dict(job) for job in jobs],
        **({} if errors is None else {"errorCount": errors}),
    }


def _output(job: Job) -> dict[str, Any]:
    known = {
        "jobId": job.id,
        "type": job.type,
        "status": job.status,
        "progress": job.progress,
        "createdOn": iso(job.created_on),
        "batchSentCount": job.batch_sent_count,
        "batchFinishedCount": job.batch_finished_count,
        "errorCount": job.error_count,
    }
    return {name: value for name, value in known.items() if value is not None}


def _declared(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: properties[name]
        for name in (*DECLARED, CUSTOM_TIMEOUTS, *_PLACE)
        if properties.get(name) is not None
    }
