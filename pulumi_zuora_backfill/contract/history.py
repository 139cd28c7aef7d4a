"""
The jobs that a resource has had, each with what was asked for; state keeps them.

Asking again for what was asked before then starts another job, and the guard knows which jobs are
this resource's own. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 20


@dataclass(frozen=True, kw_only=True)
class History:
    """
    What a resource has had.

    Attributes:
        jobs: Pairs of an intent's first key and the job id, newest last; the last 20.
        complete: Whether this is known to be all. A state without a history is unknown, not empty.
    """

    jobs: tuple[tuple[str, str], ...] = ()
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
        return cls(jobs=tuple(jobs), complete=len(jobs) == len(value))

    def last(self, intent_key: str) -> str | None:
        """Return the last job that the resource had for an intent: its next key comes after it."""
        return dict(self.jobs).get(intent_key)

    @property
    def job_ids(self) -> frozenset[str]:
        """All jobs that the resource has had."""
        return frozenset(job_id for _, job_id in self.jobs)

    def with_job(self, intent_key: str, job_id: str) -> History:
        """Add the job that the resource has now."""
        jobs = (*self.jobs, (intent_key, job_id))[-_LONGEST:]
        return History(jobs=jobs, complete=self.complete)

    def to_state(self) -> list[dict[str, str]] | None:
        """Return it as state keeps it; an incomplete one is not written down as a complete one."""
        if not self.complete:
            return None
        return [{"intentKey": intent_key, "jobId": job_id} for intent_key, job_id in self.jobs]
