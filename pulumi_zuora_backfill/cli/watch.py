"""`watch`: follow jobs until they have ended. It only reads; the jobs go on without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pulumi_zuora_backfill.errors import ApiError, AskedToWaitError, TransportError
from pulumi_zuora_backfill.zuora.models import Job, duration, iso
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .exit_codes import ExitCode, outcome_of, worst_of
from .failures import EndedEarlyError
from .tenant_access import Tenant, open_tenant
from .terminal import console, say
from .views import Bars, Lines, View

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
_GROWTH: Final = 1.3


def watch_jobs(
    stack: str | None,
    job_ids: Sequence[str],
    *,
    timeout_s: float | None,
    max_errors: int,
    as_json: bool,
) -> ExitCode:
    """Show the jobs until all have ended; the worst of their outcomes is the exit code."""
    tenant = open_tenant(stack, lambda text: view.say(text))
    if timeout_s is None:
        timeout_s = tenant.wait_timeout_s
    out = console()
    seen: dict[str, Job] = {}
    view: View = Lines(as_json=as_json, now=lambda: iso(tenant.clock.now()) or "")
    try:
        if out.is_interactive and not as_json:
            with Bars(out, job_ids) as bars:
                view = bars
                _follow_all(tenant, job_ids, timeout_s, view, seen)
        else:
            _follow_all(tenant, job_ids, timeout_s, view, seen)
    except KeyboardInterrupt:
        running = [job_id for job_id in job_ids if job_id not in seen or seen[job_id].running]
        raise EndedEarlyError(
            "Stopped watching. What runs goes on in Zuora. To watch again:\n"
            f"  zuora-backfill watch {' '.join(running or job_ids)}",
            ExitCode.INTERRUPTED,
        ) from None
    return _judged([seen.get(job_id) for job_id in job_ids], timeout_s, max_errors)


def follow(
    tenant: Tenant, job_ids: Sequence[str], timeout_s: float | None, report: Callable[[str], None]
) -> Iterator[Job]:
    """
    Read each job that still runs once a round, until none does or the time is over.

    The pause between rounds grows from 1 s to 30 s. Transient faults do not end it.

    Args:
        tenant: Where the jobs are.
        job_ids: The jobs, each once.
        timeout_s: How long; ``None`` for ever.
        report: Takes a line about a fault.

    Yields:
        Each job, each time it was read.

    Raises:
        ZuoraBackfillError: Zuora refused to be asked.
    """
    clock = tenant.clock
    until_s = None if timeout_s is None else clock.monotonic() + timeout_s
    running, pause_s = list(job_ids), FIRST_PAUSE_S
    while True:
        for job_id in tuple(running):
            within_s = None if until_s is None else max(1.0, until_s - clock.monotonic())
            try:
                job = tenant.client.get(job_id, tenant.scope, within_s=within_s)
            except (ApiError, TransportError) as error:
                if not (error.transient or isinstance(error, AskedToWaitError)):
                    raise
                report(f"{error.message} Still watching.")
                continue
            if not job.running:
                running.remove(job_id)
            yield job
        left_s = LONGEST_PAUSE_S if until_s is None else until_s - clock.monotonic()
        if not running or left_s <= 0:
            return
        clock.sleep(min(pause_s, left_s))
        pause_s = min(LONGEST_PAUSE_S, pause_s * _GROWTH)


def _follow_all(
    tenant: Tenant,
    job_ids: Sequence[str],
    timeout_s: float | None,
    view: View,
    seen: dict[str, Job],
) -> None:
    for job in follow(tenant, job_ids, timeout_s, view.say):
        seen[job.id] = job
        view.show(job)


def _judged(jobs: Sequence[Job | None], timeout_s: float | None, max_errors: int) -> ExitCode:
    """Say what a person has to know about the end, and return the exit code."""
    outcomes = {ExitCode.RUNNING if job is None else outcome_of(job, max_errors) for job in jobs}
    if ExitCode.JOB in outcomes:
        say(
            "A job did not complete cleanly. What a live job has changed stays changed. Look in "
            f"{WHERE_TO_LOOK}."
        )
    if ExitCode.ERROR in outcomes:
        say(f"A job has a status that this version does not know. Look in {WHERE_TO_LOOK}.")
    if ExitCode.RUNNING in outcomes:
        say(f"After {duration(timeout_s or 0)}, not all jobs have ended. They go on in Zuora.")
    return worst_of(outcomes)
