"""When Zuora's own records excuse an `up` that fails although nothing goes wrong, and what the user must then be able to read."""

from __future__ import annotations

from collections.abc import Collection

from pulumi_zuora_backfill.testing import Sandbox

from .declared import Declared
from .oracle import DAY_S, GUARDS_AGE_S, Wish

RUNNING = ("ACCEPTED", "PROCESSING")
_CLOCKS_DIFFER_S = 61.0


def excused(
    text: str,
    zuora: Sandbox,
    purged: Collection[str],
    declared: Declared,
    wish: Wish,
    predecessor: str | None,
) -> bool:
    """
    Tell whether a job may be refused like this, and see that the text names what it is about.

    Args:
        text: What the user reads.
        zuora: What there is.
        purged: The jobs that Zuora has forgotten.
        declared: What the program says.
        wish: What the user asks for.
        predecessor: The job to be replaced.
    """
    jobs = {job.id: job for job in zuora.jobs}
    now = zuora.clock.now()
    if predecessor in jobs and jobs[predecessor].status in RUNNING and f"Job {predecessor}" in text:
        return "still runs" in text
    unaccounted = [
        job for job in jobs.values() if job.type == declared.type and job.id not in wish.accounted
    ]
    if "already holds" in text and declared.guarded != "none":
        old = [
            job
            for job in unaccounted
            if now - job.created_s >= GUARDS_AGE_S - 1 and job.status not in ("FAILED", "STOPPED")
        ]
        if old:
            assert all(job.id in text for job in old), (
                f"I5: not all candidates are named: {old}, {text}"
            )
            assert "known_job_ids=" in text and "existing_job_id=" in text
            return True
    if "nothing here accounts for" in text:
        young = [job for job in unaccounted if now - job.created_s <= DAY_S + _CLOCKS_DIFFER_S]
        if young:
            assert "existing_job_id=" in text and "triggers" in text
            return any(job.id in text for job in young)
    return "does not know it" in text and any(job_id in text for job_id in purged)
