"""The end of a job that is let go of: ask it to stop and see that it does, or see that it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import ApiError, JobStillRunningError, NotFoundError
from pulumi_zuora_backfill.zuora.models import ENDED, Job, Scope
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

if TYPE_CHECKING:
    from pulumi_zuora_backfill.zuora.client import BackfillClient

STOP_TIMEOUT_S: Final = 60.0
_POLL_S = 1.0
_SLOWEST_POLL_S = 5.0


def stop_job(
    client: BackfillClient,
    job_id: str,
    scope: Scope,
    clock: Clock,
    report: Callable[[str], None],
    timeout_s: float = STOP_TIMEOUT_S,
) -> Job | None:
    """
    Stop a job if it runs, and wait until it has ended.

    Sends one GET; for a job that runs one PUT, then GETs.

    Args:
        client: Talks to Zuora.
        job_id: The job.
        scope: The entity and the organisations it was started in.
        clock: Time.
        report: Takes a live line.
        timeout_s: How long to wait for its end; default 60.

    Returns:
        The job as it ended, or ``None`` where Zuora does not know it.

    Raises:
        JobStillRunningError: It still runs then, or Zuora refused to stop it.
        ZuoraBackfillError: Zuora could not be asked.
    """
    try:
        job = client.get(job_id, scope)
        if job.ended:
            return job
        report(f"Job {job_id} is {job.status}; asking it to stop.")
        refusal: ApiError | None = None
        try:
            client.stop(job_id, scope)
        except ApiError as error:
            refusal = error  # it may just have ended: look before complaining
        deadline_s = clock.monotonic() + timeout_s
        pause_s = _POLL_S
        while not (job := client.get(job_id, scope)).ended:
            if refusal is not None:
                raise JobStillRunningError(
                    f"Job {job_id} still runs ({job.status}): {refusal}", "It stays in the state."
                ) from refusal
            if clock.monotonic() + pause_s > deadline_s:
                raise JobStillRunningError(
                    f"Job {job_id} was asked to stop but is still {job.status} after {timeout_s:.0f} s.",
                    "It stays in the state; run the same command again, or wait longer with  "
                    'custom_timeouts=pulumi.CustomTimeouts(delete="10m").',
                )
            report(f"Job {job_id} is {job.status} {job.progress or ''}, stopping.")
            clock.sleep(pause_s)
            pause_s = min(_SLOWEST_POLL_S, pause_s * 1.5)
    except NotFoundError:
        return None
    return job


def ensure_ended(
    client: BackfillClient, job_id: str, status: str | None, scope: Scope, way_back: str = ""
) -> None:
    """
    Make sure that a job that is to be replaced and may not be stopped has ended; sends one GET, none where its status in state says so.

    A status that nobody documented is not taken for an end; a job that Zuora does not know is.

    Args:
        client: Talks to Zuora.
        job_id: The job.
        status: Its status in state.
        scope: The entity and the organisations it runs in.
        way_back: What to do to keep it, where that is still possible.

    Raises:
        JobStillRunningError: It has not ended.
        ZuoraBackfillError: Zuora could not be asked.
    """
    if status in ENDED:
        return
    try:
        job = client.get(job_id, scope)
    except NotFoundError:
        return
    if not job.ended:
        stands = f"{job.status} {job.progress}" if job.progress else job.status
        raise JobStillRunningError(
            f"Job {job.id}, which is to be replaced, still runs ({stands}); nothing was started.",
            'A live job is stopped halfway only if on_delete="stop" was in force before, and a job that retain_on_delete keeps is never stopped. '
            f"Wait until it has ended, or cancel it in {WHERE_TO_LOOK}, then run `pulumi up` again."
            + (f" {way_back}" if way_back else ""),
        )
