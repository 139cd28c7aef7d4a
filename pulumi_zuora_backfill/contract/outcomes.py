"""How a start can end other than with its job, in words for the user. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeGuard

from pulumi_zuora_backfill.errors import (
    AmbiguousJobError,
    ApiError,
    AskedToWaitError,
    JobError,
    JobRefusedError,
    OutcomeUnknownError,
    TransportError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.zuora.models import Job, JobStatus, duration, iso
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .attempt import Attempt
from .start_request import StartRequest

_TAKE_OR_START: Final = (
    'existing_job_id="{}"  to take it over, or another value of  triggers  to start one.'
)


def refuses_the_job(error: ZuoraBackfillError) -> TypeGuard[ApiError]:
    """Tell whether Zuora has looked at the request and said no; a refused token is no such no."""
    return isinstance(error, ApiError) and error.answer_id is not None and error.status != 401


# Nothing was started


def not_settled(attempt: Attempt) -> JobError:
    """Return the error for another start while a request of an attempt may be on its way."""
    return JobError(
        f"Nothing was started: the attempt of {iso(attempt.began)} may still start its job.",
        f"Run `pulumi up` again after {iso(attempt.settled_on)}: the guard looks for that job "
        "first.",
    )


def no_fresh_list(fresh_s: float, lists: int) -> TransportError:
    """Return the error for a Zuora that lists so slowly that no list can be gone by."""
    return TransportError(
        f"Could not start the backfill job: Zuora took more than {duration(fresh_s)} for each of "
        f"{lists} lists of the tenant's jobs, so none was fresh enough to go by.",
        "Run `pulumi up` again later.",
        arrived=False,
    )


def out_of_time(timeout_s: float) -> TransportError:
    """Return the error for a start whose own time limit is over before the POST."""
    return TransportError(
        f"Could not start the backfill job: the {duration(timeout_s)} of custom_timeouts.create "
        "were over before the request could be sent.",
        "Run `pulumi up` again, or give it more time.",
        arrived=False,
    )


def key_about_to_expire() -> JobError:
    """Return the error for an attempt that went on for as long as Zuora knows its key."""
    return JobError(
        "Nothing more was sent: Zuora is about to forget the idempotency key of this attempt.",
        "Run `pulumi up` again: the guard looks first.",
    )


def refused(error: ApiError) -> JobRefusedError:
    """Return the error for a request that Zuora has looked at and refused."""
    hint = error.hint or "Fix the cause and run `pulumi up` again."
    if error.status == 422:
        hint = (
            "This idempotency key was used before with another tenant, URL or method, or with "
            "another batch size: put the old batch_size back, take the job over with "
            "existing_job_id, or change triggers."
        )
    return JobRefusedError(f"{error.message} No job was started.", hint)


# Something may have been started


def unknown(
    start: StartRequest, error: ZuoraBackfillError, attempt: Attempt, now: datetime
) -> OutcomeUnknownError:
    """Return the error for an open outcome, with what the next `up` needs to continue."""
    said = error.message
    if refuses_the_job(error):
        said = f"One attempt got no clear answer, and the one after it was refused: {said}"
    # The hints of other errors would lead elsewhere: another base URL is another key.
    hint = f" {error.hint}" if _names_a_longer_wait(error) else ""
    later = _later(start.guard)
    again = (
        f"Run `pulumi up` again before {iso(attempt.until)}: it continues this attempt. It finds "
        "the job, or starts the one that is missing. Until then change neither the resource's "
        f"name, type, triggers, tenant nor entity. Later, {later}"
    )
    if not attempt.can_be_continued(start.guard):
        again = (
            "Zuora's answers tell no time, so its job cannot be told from somebody else's. Run "
            f"`pulumi up` again: {later} If there is none, it starts the job."
        )
    elif now >= attempt.until:
        again = f"Run `pulumi up` again: {later} If there is none, it starts the job."
    return OutcomeUnknownError(
        f"It is not known whether the {start.intent.type} backfill was started.\n{said}{hint}",
        again,
        attempt=attempt,
        unrecorded_hint="This attempt could not be written to the state. Run `pulumi up` again: "
        f"{later}",
    )


def _names_a_longer_wait(error: ZuoraBackfillError) -> bool:
    """Tell whether an error says which setting lets a call wait as long as Zuora asks for."""
    return isinstance(error, AskedToWaitError) or (
        isinstance(error, ApiError) and error.status == 429
    )


def _later(guard: str) -> str:
    if guard == "none":
        return f'look into {WHERE_TO_LOOK} first, as guard="none" looks for no job.'
    return "the guard looks first: if the job is there, it prints the line that takes it over."


# A job is there that may or may not be this resource's


def refused_beside_jobs(
    refusal: ApiError, start: StartRequest, found: Sequence[Job]
) -> AmbiguousJobError:
    """Return the error for a saved refusal beside jobs that an attempt may have started."""
    return AmbiguousJobError(
        f"{refusal.message} Zuora had saved this answer. The tenant holds {start.intent.type} jobs "
        "that an attempt of this resource may have started: "
        f"{', '.join(job.described() for job in found)}. Nothing more was sent.",
        "Add  " + _TAKE_OR_START.format(found[-1].id),
    )


def unknown_job(job_id: str, error: ZuoraBackfillError) -> AmbiguousJobError:
    """Return the error for an answer that names a job which Zuora does not know."""
    return AmbiguousJobError(
        f"Zuora answered with job {job_id}, but does not know it ({error.message})",
        f"Nothing more was sent. If the job appears in {WHERE_TO_LOOK}, add  "
        + _TAKE_OR_START.format(job_id),
    )


def job_of_another_type(job: Job, start: StartRequest) -> AmbiguousJobError:
    """Return the error for an answer that names a job of another type."""
    return AmbiguousJobError(
        f"Zuora answered with job {job.id} of type {job.type}, but {start.request.type} was asked "
        "for. That job is left alone.",
        f'Look into {WHERE_TO_LOOK}, then add  existing_job_id="…"  with the right job, or another '
        "value of  triggers  to start one.",
    )


def perhaps_an_old_job(job: Job) -> AmbiguousJobError:
    """Return the error for a job that was there before, where state has lost the history."""
    return AmbiguousJobError(
        f"Zuora answered with job {job.id}, which an earlier run may have started. State does not "
        "hold which jobs this resource has had, so it may be an old one. Nothing more was sent.",
        "Add  " + _TAKE_OR_START.format(job.id),
    )


def stopped_again_and_again(jobs: int) -> AmbiguousJobError:
    """Return the error for a resource whose every job somebody has stopped."""
    return AmbiguousJobError(
        f"{jobs} jobs in a row were started and stopped for this resource.",
        "Change `triggers` to start over.",
    )


# Remarks on a job that is this resource's


def recovered(job: Job, age_s: float) -> str:
    """Say that the job had been started by an earlier attempt."""
    text = (
        f"Job {job.id}, which an earlier attempt started {duration(age_s)} ago, was taken over; "
        "no second one was started."
    )
    if job.ended:
        ended = "completed" if job.status == JobStatus.COMPLETED else "failed"
        text += f"\nIt has already {ended}; to run another one, change `triggers`."
    return text


def status_not_read(job: Job, error: ZuoraBackfillError) -> str:
    """Say that the job is there, and no more is known of it."""
    return (
        f"Job {job.id} was started, but its status could not be read: {error.message} "
        "`pulumi refresh` reads it later."
    )


def strangers(start: StartRequest, jobs: Sequence[Job]) -> str:
    """Name the jobs that were taken for the lost attempt's own, and are not."""
    return (
        f"{start.intent.type} backfill job{'s' if len(jobs) > 1 else ''} "
        f"{', '.join(job.described() for job in jobs)}, of the time of the lost attempt, was not "
        "started by this resource. If it is a live run, this is a SECOND one: look in "
        f"{WHERE_TO_LOOK}."
    )
