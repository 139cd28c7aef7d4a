"""
The lifecycle of a BackfillCompletion: what check, create, read and update do, in plain data.

Knows nothing of Pulumi's dynamic host. Properties are in wire names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pulumi_zuora_backfill.contract.tenant_check import (
    ensure_same_place,
    ensure_same_tenant,
    place_of,
    scope_in_state,
    scope_of,
)
from pulumi_zuora_backfill.errors import NotFoundError
from pulumi_zuora_backfill.properties import CUSTOM_TIMEOUTS, INTERNAL
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.settings.parsing import duration_s
from pulumi_zuora_backfill.validation import (
    Check,
    Fault,
    check_all,
    custom_timeouts,
    duration_text,
    header_value,
    is_unknown,
    job_ids,
    sorted_list,
    whole_number,
)
from pulumi_zuora_backfill.zuora.models import Job, JobStatus, Scope, duration, iso
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .polling import ANY_NUMBER, Wait, total_of, wait_for

if TYPE_CHECKING:
    from pulumi_zuora_backfill.clock import Clock
    from pulumi_zuora_backfill.connection import Voice, Zuora

_DECLARED = ("jobIds", "timeout", "maxErrors", "entityId", "orgIds")
_PLACE = ("baseUrl", "tenantId", "effectiveEntityId", "effectiveOrgIds")


def check_completion(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Validate the inputs of a completion; all faults at once, unknown values passed on."""
    given = {"timeout": "2h", "maxErrors": 0, **news}
    return check_all(given, _CHECKS, required=("jobIds",), internal=INTERNAL)


def announce_wait(olds: Mapping[str, Any], inputs: Mapping[str, Any], settings: Settings) -> str:
    """Say what would be waited for, and for how long."""
    ids, before, kept = inputs.get("jobIds"), olds.get("jobIds"), ""
    if ids is None or is_unknown(ids):
        jobs = "its jobs complete (ids not known yet)"
        if isinstance(before, list):
            kept = (
                f" If they still are {', '.join(map(str, before))}, there is nothing to wait for."
            )
    elif len(ids) == 1:
        jobs = f"job {ids[0]} completes"
    else:
        jobs = f"jobs {', '.join(ids)} complete"
    if is_unknown(inputs.get("timeout")) or is_unknown(inputs.get("maxErrors")):
        return f"Waits until {jobs}.{kept}"
    timeout_s, source = timeout_of(inputs, settings, "update" if olds else "create")
    return (
        f"Waits until {jobs}, at most {duration(timeout_s)} ({source}), with at most "
        f"{inputs['maxErrors']:.0f} failed records.{kept}"
    )


def begins_to_wait(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """
    Tell from the inputs whether another wait begins.

    There is none yet, or it is for other jobs, or for jobs that are not known yet.
    """
    return is_unknown(news.get("jobIds")) or olds.get("jobIds") != news.get("jobIds")


def completion_changes(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Name the inputs that are different.

    Ids that are not known yet are a change in a preview: the wait will begin anew.
    """
    return tuple(
        name
        for name in (*_DECLARED, CUSTOM_TIMEOUTS)
        if is_unknown(news.get(name)) or olds.get(name) != news.get(name)
    )


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
    declared = scope_of(inputs)
    scope = settings.scope_for(declared.entity_id, declared.org_ids)
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
            f"How many records failed is not known: Zuora tells no number for "
            f"job{'s' if len(untold) > 1 else ''} {', '.join(untold)}.\nmax_errors could not be checked "
            f"there. Look in {WHERE_TO_LOOK}."
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


def timeout_of(inputs: Mapping[str, Any], settings: Settings, kind: str) -> tuple[float, str]:
    """
    Return how long to wait, and which setting says so.

    `custom_timeouts` beats `timeout`, and the cap of the run limits both.
    """
    custom = inputs.get(CUSTOM_TIMEOUTS)
    own = custom.get(kind) if isinstance(custom, Mapping) else None
    timeout_s, source = (
        (duration_s(own), f"custom_timeouts.{kind}")
        if own
        else (duration_s(str(inputs["timeout"])), "timeout")
    )
    if settings.wait_timeout_s is not None and settings.wait_timeout_s < timeout_s:
        return settings.wait_timeout_s, settings.sources["wait_timeout"]
    return timeout_s, source


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
        for name in (*_DECLARED, CUSTOM_TIMEOUTS, *_PLACE)
        if properties.get(name) is not None
    }


_CHECKS: Mapping[str, Check] = {
    "jobIds": job_ids,
    "timeout": duration_text,
    "maxErrors": whole_number(0, ANY_NUMBER),
    "entityId": header_value,
    "orgIds": sorted_list(header_value),
    CUSTOM_TIMEOUTS: custom_timeouts,
}
