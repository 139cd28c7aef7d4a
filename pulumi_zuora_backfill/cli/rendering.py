"""Jobs as people and programs read them. Pure: nothing here prints, asks or waits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from pulumi_zuora_backfill.zuora.models import Job, JobStatus, iso

NOTHING: Final = "-"  # in the place of what Zuora did not tell
COLUMNS: Final = ("JOB ID", "TYPE", "STATUS", "PROGRESS", "FAILED", "CREATED", "USER")
STYLES: Final = {
    JobStatus.ACCEPTED.value: "cyan",
    JobStatus.PROCESSING.value: "cyan",
    JobStatus.COMPLETED.value: "green",
    JobStatus.FAILED.value: "red",
    JobStatus.STOPPED.value: "yellow",
}


def json_of(job: Job) -> dict[str, Any]:
    """Return a job for `--json`, named as the outputs of a `BackfillJob`; nothing is left out."""
    return {
        "jobId": job.id,
        "type": job.type,
        "status": job.status,
        "progress": job.progress,
        "batchSentCount": job.batch_sent_count,
        "batchFinishedCount": job.batch_finished_count,
        "errorCount": job.error_count,
        "createdOn": iso(job.created_on),
        "updatedOn": iso(job.updated_on),
        "zuoraUser": job.user,
    }


def row_of(job: Job) -> tuple[str, ...]:
    """Return the cells of a job, in the order of `COLUMNS`."""
    cells = (
        job.id,
        job.type,
        job.status,
        job.progress,
        _failed(job),
        iso(job.created_on),
        job.user,
    )
    return tuple(cell or NOTHING for cell in cells)


def newest_first(jobs: Sequence[Job]) -> list[Job]:
    """Sort jobs by their creation; those without a time come last."""
    dated = [job for job in jobs if job.created_on]
    dated.sort(key=lambda job: iso(job.created_on) or "", reverse=True)
    return dated + [job for job in jobs if not job.created_on]


def aligned(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """
    Write rows as lines, each column as wide as it has to be.

    Args:
        rows: The cells, with the heading first.
        width: How long a line may be; columns that do not fit are left out, from the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while width is not None and len(widths) > 1 and sum(widths) + 2 * (len(widths) - 1) > width:
        widths.pop()
    return [
        "  ".join(cell.ljust(space) for cell, space in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def facts_of(job: Job) -> list[tuple[str, str]]:
    """Return all that Zuora tells of a job, each with its name."""
    finished, sent = job.batch_finished_count, job.batch_sent_count
    facts = (
        ("Job id", job.id),
        ("Type", job.type),
        ("Status", job.status),
        ("Progress", job.progress),
        ("Batches", None if sent is None else f"{finished or 0} finished of {sent} sent"),
        ("Failed records", _failed(job)),
        ("Created", iso(job.created_on)),
        ("Changed", iso(job.updated_on)),
        ("User", job.user),
    )
    return [(name, value or NOTHING) for name, value in facts]


def state_of(job: Job) -> str:
    """Say where a job stands: ``PROCESSING 45.00%, 4 of 5 batches, 0 failed records``."""
    parts = [f"{job.status} {job.progress or ''}".strip()]
    if job.batch_sent_count is not None:
        parts.append(f"{job.batch_finished_count or 0} of {job.batch_sent_count} batches")
    failed = _failed(job)
    return ", ".join([*parts, f"{failed} failed records"] if failed else parts)


def short_state_of(job: Job) -> str:
    """Say it beside a bar: ``PROCESSING 45.00%``, and how many records failed if any did."""
    failed = _failed(job)
    told = "" if failed in (None, "0") else f", {failed} failed"
    return f"{job.status} {job.progress or ''}".strip() + told


def percent_of(job: Job) -> float | None:
    """Return how much of a job is done, from 0 to 100; ``None`` if Zuora does not tell."""
    told = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", job.progress or "")
    return min(100.0, float(told[1])) if told else None


def _failed(job: Job) -> str | None:
    return job.unreadable_error_count if job.error_count is None else str(job.error_count)
