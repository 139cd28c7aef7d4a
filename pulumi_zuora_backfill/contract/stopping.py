"""The end of a job that is deleted or replaced: ask it to stop, or see that it has ended."""

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
                    f"Job {job_id} could not be stopped and still runs ({job.status}).\n"
                    f"{refusal.message}",
                    f"{refusal.hint}\nThe resource stays in the state.".strip(),
                ) from refusal
            if clock.monotonic() + pause_s > deadline_s:
                raise JobStillRunningError(
                    f"Job {job_id} was asked to stop but is still {job.status} after "
                    f"{timeout_s:.0f} s.",
                    "The resource stays in the state. Run the same command again: the job may have "
                    "stopped by then.\nTo allow more time, apply this to the resource first: "
                    'custom_timeouts=pulumi.CustomTimeouts(delete="10m")',
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
    Make sure that a job that is replaced and may not be stopped has ended.

    Sends one GET, or none if its status in state says that it has ended. A status that Zuora does
    not document is not taken for an end; a job that Zuora does not know has ended.

    Args:
        client: Talks to Zuora.
        job_id: The job.
        status: Its status in state.
        scope: The entity and the organisations it runs in.
        way_back: What to do to keep it, if that is still possible.

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
            f"Job {job.id} still runs ({stands}), so the new job was not started.",
            f"Wait until it has ended, or cancel it in {WHERE_TO_LOOK}. Then run `pulumi up` "
            "again.\n"
            + (f"{way_back}\n" if way_back else "")
            + 'Pulumi stops a running job only if on_delete="stop" was applied before, and never '
            "if retain_on_delete is set.",
        )
