"""
Wait until jobs have come to their end: polling as data, every job by one loop.

Knows neither Pulumi nor HTTP. Clock and sleep are injected; a sleep may end the wait by raising.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import (
    ApiError,
    AskedToWaitError,
    InterruptedWaitError,
    JobFailedError,
    JobTimedOutError,
    NotFoundError,
    TransportError,
    UnknownJobStatusError,
)
from pulumi_zuora_backfill.zuora.models import Job, JobStatus, Scope, duration, iso
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

if TYPE_CHECKING:
    from pulumi_zuora_backfill.zuora.client import BackfillClient

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
ANY_NUMBER: Final = 2**31
_GROWTH = 1.3


@dataclass(frozen=True, kw_only=True)
class Wait:
    """
    What is waited for.

    Attributes:
        job_ids: The jobs, each once.
        scope: The entity and the organisations they run in.
        timeout_s: How long to wait for all of them together.
        timeout_from: Which setting the timeout comes from, for the error text.
        max_errors: How many failed records in all are accepted; `ANY_NUMBER` also accepts a number
            that cannot be read.
        tenant_id: The tenant, which Zuora's support asks for.
        completed: Jobs that had completed before, by id. They still count as completed if Zuora no
            longer knows them.
    """

    job_ids: tuple[str, ...]
    scope: Scope
    timeout_s: float
    timeout_from: str
    max_errors: int = 0
    tenant_id: str | None = None
    completed: Mapping[str, Job] = field(default_factory=dict)


def wait_for(
    client: BackfillClient, wait: Wait, clock: Clock, report: Callable[[str], None]
) -> tuple[Job, ...]:
    """
    Poll until all jobs have completed.

    Asks for each running job once a round. The pause between rounds grows from 1 s to 30 s.
    Transient faults do not end the wait.

    Args:
        client: Talks to Zuora.
        wait: What is waited for.
        clock: Time.
        report: Takes a live line after each round.

    Returns:
        The jobs, in the order in which they were given.

    Raises:
        JobFailedError: A job FAILED, was STOPPED, or is not known to Zuora; or more records failed
            than are accepted, or their number cannot be read.
        UnknownJobStatusError: A job has a status that Zuora does not document.
        JobTimedOutError: The time is over; Zuora continues the jobs.
        InterruptedWaitError: The run was cancelled; Zuora continues the jobs.
        ZuoraBackfillError: Zuora refused to be asked.
    """
    began_s = clock.monotonic()
    jobs: dict[str, Job] = {}
    pause_s = FIRST_PAUSE_S
    try:
        while True:
            for job_id in wait.job_ids:
                left_s = wait.timeout_s - (clock.monotonic() - began_s)
                if left_s < 0:
                    break  # looking at the others may take long while Zuora does not answer
                if job_id not in jobs or not jobs[job_id].ended:
                    job = _look(client, job_id, wait, left_s, report)
                    if job is not None:
                        jobs[job_id] = _judged(job, wait.tenant_id)
            waited_s = clock.monotonic() - began_s
            if jobs:
                report(progress_line(list(jobs.values()), len(wait.job_ids), waited_s))
            if len(jobs) == len(wait.job_ids) and all(job.ended for job in jobs.values()):
                return _accepted(tuple(jobs[job_id] for job_id in wait.job_ids), wait.max_errors)
            left_s = wait.timeout_s - waited_s
            if left_s <= 0:
                raise JobTimedOutError(
                    f"After {duration(wait.timeout_s)} ({wait.timeout_from}), "
                    f"{_unfinished(wait, jobs)} still {_runs(wait, jobs)}. Zuora continues.",
                    "Run `pulumi up` again: it goes on waiting, and starts no second job. To "
                    f"wait longer at a time, raise {wait.timeout_from}.",
                )
            clock.sleep(min(pause_s, left_s))
            pause_s = min(LONGEST_PAUSE_S, pause_s * _GROWTH)
    except InterruptedWaitError as error:
        raise InterruptedWaitError(
            f"The wait was cancelled; {_unfinished(wait, jobs)} still {_runs(wait, jobs)}. "
            "Zuora continues.",
            "Run `pulumi up` again: it goes on waiting, and starts no second job.",
        ) from error


def progress_line(jobs: Sequence[Job], expected: int, waited_s: float) -> str:
    """
    Say how far the jobs are.

    Such as ``RatePlanCharge PROCESSING 45.00%, 3 of 10 batches, 0 errors, 12 min``.
    """
    slowest = min(jobs, key=lambda job: (job.ended, job.batch_finished_count or 0))
    parts = [f"{slowest.type or 'job'} {slowest.status} {slowest.progress or ''}".strip()]
    if slowest.batch_sent_count is not None:
        parts.append(f"{slowest.batch_finished_count or 0} of {slowest.batch_sent_count} batches")
    errors = total_of([job.error_count for job in jobs])
    parts += [] if errors is None else [f"{errors} errors"]
    parts.append(duration(waited_s))
    ended = (
        f"{sum(job.ended for job in jobs)} of {expected} jobs completed; " if expected > 1 else ""
    )
    return ended + ", ".join(parts)


def total_of(counts: Sequence[int | None]) -> int | None:
    """Add counts up; ``None`` where one of them is not known."""
    return None if None in counts else sum(count or 0 for count in counts)


def _look(
    client: BackfillClient, job_id: str, wait: Wait, left_s: float, report: Callable[[str], None]
) -> Job | None:
    """Read a job; ``None`` where Zuora cannot tell right now."""
    try:
        return client.get(job_id, wait.scope, within_s=left_s)
    except NotFoundError as error:
        if job_id in wait.completed:
            return wait.completed[job_id]
        raise JobFailedError(
            f"Zuora does not know job {job_id} in {wait.scope.described()}.",
            f"Check the id in {WHERE_TO_LOOK}, and entity_id: a job is only seen from its own "
            "entity.",
        ) from error
    except (ApiError, TransportError) as error:
        if not (error.transient or isinstance(error, AskedToWaitError)):
            raise
        report(f"{error.message} Still waiting.")
        return None


def _judged(job: Job, tenant_id: str | None) -> Job:
    """Return a job that runs or has completed."""
    if job.running or job.status == JobStatus.COMPLETED:
        return job
    times = f"created {iso(job.created_on)}, last changed {iso(job.updated_on)}"
    batches = (
        f"{job.batch_finished_count or 0} of {job.batch_sent_count or 0} batches had finished; "
        "what a live run has changed stays changed."
    )
    again = "To run the backfill again, change `triggers` of its BackfillJob or VerifiedBackfill."
    if job.status == JobStatus.FAILED:
        raise JobFailedError(
            f"Job {job.id} FAILED. Zuora gives no reason over the API.\n{batches}",
            f"Look in {WHERE_TO_LOOK}, or ask Zuora's support.\n"
            f"Tell them: job {job.id}, tenant {tenant_id or 'unknown'}, {times}.\n{again}",
        )
    if job.status == JobStatus.STOPPED:
        who = f" by {job.user}" if job.user else ""
        raise JobFailedError(
            f"Job {job.id} was STOPPED{who}.\n{batches}", f"Look in {WHERE_TO_LOOK}.\n{again}"
        )
    raise UnknownJobStatusError(
        f"Job {job.id} has the status {job.status!r}, which this version does not know.",
        f"Look in {WHERE_TO_LOOK}. A newer version of pulumi-zuora-backfill may know the status.",
    )


def _accepted(jobs: tuple[Job, ...], max_errors: int) -> tuple[Job, ...]:
    unreadable = [
        f"{job.unreadable_error_count} for job {job.id}"
        for job in jobs
        if job.unreadable_error_count
    ]
    if unreadable and max_errors < ANY_NUMBER:
        raise JobFailedError(
            "The jobs have completed, but the number of failed records cannot be read: Zuora says "
            f"errorCount {', '.join(unreadable)}. max_errors is {max_errors}.",
            f"Look in {WHERE_TO_LOOK}. To accept any number, set\n  max_errors={ANY_NUMBER}",
        )
    failed = {job.id: job.error_count for job in jobs if job.error_count}
    total = sum(failed.values())
    if total > max_errors:
        listed = ", ".join(f"{count} in job {job_id}" for job_id, count in failed.items())
        raise JobFailedError(
            f"The jobs have completed, but {total} records failed ({listed}). max_errors is "
            f"{max_errors}.\nWhat a live run has changed stays changed.",
            f"Look in {WHERE_TO_LOOK}: Zuora does not list the records over the API. To accept "
            f"exactly this number, set\n  max_errors={total}",
        )
    return jobs


def _unfinished(wait: Wait, jobs: dict[str, Job]) -> str:
    running = [job_id for job_id in wait.job_ids if job_id not in jobs or not jobs[job_id].ended]
    shown = ", ".join(
        f"{job_id} ({jobs[job_id].status} {jobs[job_id].progress or ''})".replace(" )", ")")
        if job_id in jobs
        else job_id
        for job_id in running
    )
    return f"job{'s' if len(running) > 1 else ''} {shown}"


def _runs(wait: Wait, jobs: dict[str, Job]) -> str:
    return (
        "runs"
        if sum(job_id not in jobs or not jobs[job_id].ended for job_id in wait.job_ids) == 1
        else "run"
    )
