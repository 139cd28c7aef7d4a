"""
When Zuora's own records excuse an `up` that fails although nothing goes wrong.

And what the user must then be able to read.
"""

from __future__ import annotations

from collections.abc import Collection

from pulumi_zuora_backfill.testing import Sandbox

from .declared import Declared
from .oracle import Oracle, Start

RUNNING = ("ACCEPTED", "PROCESSING")


def excused(
    text: str,
    zuora: Sandbox,
    oracle: Oracle,
    start: Start,
    predecessor: str | None,
    beside: Collection[Declared],
) -> bool:
    """
    Tell whether a job may be refused like this, and see that the text names what it is about.

    Args:
        text: What the user reads.
        zuora: What there is.
        oracle: What was asked for.
        start: What the user asks for now.
        predecessor: The job to be replaced.
        beside: The other jobs of the program.
    """
    jobs = {job.id: job for job in zuora.jobs}
    if predecessor in jobs and jobs[predecessor].status in RUNNING and f"Job {predecessor}" in text:
        return "still runs" in text
    rivals = [each for each in beside if each.type == start.type and not each.dry_run]
    if "of this stack is a live" in text and start.guarded:
        return any(repr(each.name) in text for each in rivals)
    if "that state does not hold as this resource's" in text and start.guarded:
        assert "known_job_ids=" in text and "existing_job_id=" in text
        found = [
            job
            for job in oracle.standing(start, explain=False)
            if not oracle.own_and_open(start, job)
        ]
        return any(job.id in text for job in found) or any(
            f"held by {each.name!r} of this stack" in text for each in rivals
        )
    if "may have started" in text and "Zuora had saved this answer" in text:
        return any(job.id in text for job in oracle.standing(start, explain=False))
    if "No job was started." in text and oracle.refusals(start.wish) > 2:
        return True
    if "a dry run, which can be no live job" in text:
        return any(job.dry_run and job.id in text for job in jobs.values())
    return "does not know it" in text and any(job_id in text for job_id in oracle.purged_ids)
