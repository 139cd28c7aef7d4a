"""
The jobs that a resource has had, each with what was asked for: kept in state, so that asking again for the same starts another one.

Pure. What a state has forgotten can still be found by the key of the intent alone, which is why a first job never goes out under any other.
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
        jobs: Pairs of the intent's key and the job id, newest last; the last 20.
    """

    jobs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_state(cls, value: object) -> History:
        """Read what state holds; anything unusable counts as nothing."""
        entries = (
            [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
        )
        jobs = ((str(entry.get("intentKey")), str(entry.get("jobId"))) for entry in entries)
        return cls(jobs=tuple(jobs))

    def last(self, intent_key: str) -> str | None:
        """Return the last job that the resource had for an intent: the key that follows it is unspent."""
        return dict(self.jobs).get(intent_key)

    @property
    def job_ids(self) -> frozenset[str]:
        """All jobs that the resource has had."""
        return frozenset(job_id for _, job_id in self.jobs)

    def with_job(self, intent_key: str, job_id: str) -> History:
        """Add the job that the resource has now."""
        return History(jobs=(*self.jobs, (intent_key, job_id))[-_LONGEST:])

    def to_state(self) -> list[dict[str, str]]:
        """Return it as state keeps it."""
        return [{"intentKey": intent_key, "jobId": job_id} for intent_key, job_id in self.jobs]
