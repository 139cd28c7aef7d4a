"""The exit codes: those of the `pulumi` CLI, and what becomes of a job in them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from pulumi_zuora_backfill.zuora.models import Job, JobStatus


class ExitCode(IntEnum):
    """What a command ends with."""

    OK = 0
    ERROR = 1
    USAGE = 2
    AUTHENTICATION = 3
    JOB = 4
    DECLINED = 8
    RUNNING = 9
    INTERRUPTED = 130
    TERMINATED = 143
    INTERNAL = 255


_WORST_FIRST = (ExitCode.JOB, ExitCode.ERROR, ExitCode.RUNNING)


def outcome_of(job: Job, max_errors: int) -> ExitCode:
    """
    Say what became of a job, as `BackfillCompletion` judges it.

    Args:
        job: As Zuora reports it.
        max_errors: How many failed records are accepted.
    """
    if job.status in (JobStatus.FAILED, JobStatus.STOPPED):
        return ExitCode.JOB
    if job.status == JobStatus.COMPLETED:
        bad = job.unreadable_error_count or (job.error_count or 0) > max_errors
        return ExitCode.JOB if bad else ExitCode.OK
    return ExitCode.RUNNING if job.running else ExitCode.ERROR


def worst_of(outcomes: Iterable[ExitCode]) -> ExitCode:
    """Take the outcome that matters most of several jobs."""
    there = set(outcomes)
    return next((code for code in _WORST_FIRST if code in there), ExitCode.OK)
