"""
The jobs that a resource has had, each with what was asked for; state keeps them.

Asking again for what was asked before then starts another job, and the guard knows which jobs are
this resource's own. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

_LONGEST: Final = 20


@dataclass(frozen=True, kw_only=True)
class History:
    """
    What a resource has had.

    Attributes:
        jobs: Pairs of an intent's first key and the job id, newest last; the last 20.
        dry_runs: Which of the jobs were started as dry runs; what does not say so was live.
        complete: Whether this is known to be all. A state without a history is unknown, not empty.
    """

    jobs: tuple[tuple[str, str], ...] = ()
    dry_runs: frozenset[str] = frozenset()
    complete: bool = True

    @classmethod
    def from_state(cls, value: object) -> History:
        """Read what state holds; what cannot be read is unknown."""
        if not isinstance(value, list):
            return cls(complete=False)
        jobs = [
            (entry["intentKey"], entry["jobId"])
            for entry in value
            if isinstance(entry, dict)
            and isinstance(entry.get("intentKey"), str)
            and isinstance(entry.get("jobId"), str)
        ]
        dry_runs = frozenset(
            str(entry.get("jobId"))
            for entry in value
            if isinstance(entry, dict) and entry.get("dryRun") is True
        )
        return cls(jobs=tuple(jobs), dry_runs=dry_runs, complete=len(jobs) == len(value))

    def last(self, intent_key: str) -> str | None:
        """Return the last job that the resource had for an intent: its next key comes after it."""
        return dict(self.jobs).get(intent_key)

    @property
    def job_ids(self) -> frozenset[str]:
        """All jobs that the resource has had."""
        return frozenset(job_id for _, job_id in self.jobs)

    @property
    def live_job_ids(self) -> tuple[str, ...]:
        """The jobs that are not known to be dry runs, oldest first."""
        return tuple(job_id for _, job_id in self.jobs if job_id not in self.dry_runs)

    def with_job(self, intent_key: str, job_id: str, *, dry_run: bool = False) -> History:
        """Add the job that the resource has now; one that was taken over is no dry run for sure."""
        jobs = (*self.jobs, (intent_key, job_id))[-_LONGEST:]
        dry_runs = self.dry_runs | {job_id} if dry_run else self.dry_runs - {job_id}
        return History(jobs=jobs, dry_runs=dry_runs, complete=self.complete)

    def to_state(self) -> list[dict[str, Any]] | None:
        """Return it as state keeps it; an incomplete one is not written down as a complete one."""
        if not self.complete:
            return None
        return [
            {"intentKey": intent_key, "jobId": job_id}
            | ({"dryRun": True} if job_id in self.dry_runs else {})
            for intent_key, job_id in self.jobs
        ]
