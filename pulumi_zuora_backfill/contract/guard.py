"""
Whether the tenant already holds a backfill that nobody here accounts for.

One list of jobs is asked for per run, entity and organisations; the strict guard and the recall ask anew each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pulumi_zuora_backfill.errors import GuardError, ZuoraBackfillError
from pulumi_zuora_backfill.zuora.models import Job, JobStatus, Scope

if TYPE_CHECKING:
    from pulumi_zuora_backfill.zuora.client import BackfillClient

GUARDS: Final = ("once", "strict", "none")
# Jobs younger than this are the business of the idempotency key, which lives for 24 hours. One that was adopted, or started under a one-time key, is nobody's.
KEYS_BUSINESS: Final = timedelta(hours=23)
_YOUNG = timedelta(hours=24)
_DESCRIBED_AT_MOST = 20
_ABORTED = frozenset({JobStatus.FAILED.value, JobStatus.STOPPED.value})


class Guard:
    """Knows the tenant's jobs, and which of them this very process started."""

    def __init__(self, client: BackfillClient) -> None:
        """Keep the client; nothing is sent yet."""
        self._client = client
        self._lists: dict[Scope, tuple[Job, ...]] = {}
        self._failures: dict[Scope, ZuoraBackfillError] = {}
        self._listing = threading.Lock()
        self._changed = threading.Condition()
        self._started: set[str] = set()
        self._awaited = 0

    @contextmanager
    def awaiting_an_answer(self) -> Iterator[Callable[[str], None]]:
        """Mark that a request to start a job is under way; call what it hands out with the id of the job."""
        with self._changed:
            self._awaited += 1
        try:
            yield self._take
        finally:
            with self._changed:
                self._awaited -= 1
                self._changed.notify_all()

    def check(self, guard: str, job_type: str, scope: Scope, accounted: frozenset[str]) -> None:
        """
        Refuse where the tenant holds a job of this type that is not accounted for.

        Args:
            guard: ``once`` looks at jobs older than 23 hours that did not fail or stop, ``strict`` at all of them, ``none`` at none.
            job_type: The type that is about to be started.
            scope: The entity and the organisations in force.
            accounted: Jobs that are explained.

        Raises:
            GuardError: There is one; the lines that accept or adopt it are in the text.
        """
        if guard == "none":
            return
        if guard == "strict":
            found = self.unaccounted(job_type, scope, accounted)
        else:
            found = self._unaccounted(self._listed_once(scope), job_type, accounted)
            found = [
                job
                for job in found
                if job.status not in _ABORTED
                and (job.age_s is None or job.age_s > KEYS_BUSINESS.total_seconds())
            ]
        if found:
            older = len(found) - _DESCRIBED_AT_MOST
            lines = [f"  (and {older} older)"] if older > 0 else []
            listed = "\n".join(
                [*lines, *(f"  {job.described()}" for job in found[-_DESCRIBED_AT_MOST:])]
            )
            ids = ", ".join(f'"{job.id}"' for job in found)
            young = any(job.age_s is None or job.age_s <= _YOUNG.total_seconds() for job in found)
            own = (
                "\nand another value of  triggers  too, as a job that this very resource started within 24 hours is taken over."
                if young
                else ""
            )
            raise GuardError(
                f"The tenant already holds {len(found)} {job_type} backfill job{'s' if len(found) > 1 else ''} "
                f"(guard={guard!r}); nothing was started:\n{listed}\n"
                "Zuora asks to run the backfill once before go-live: a second run makes Zuora Billing and Zuora Revenue disagree. "
                "Zuora does not tell dry runs from live runs here.",
                f"If you know of it and want another run, add\n  known_job_ids=[{ids}]{own}\n"
                f'To take over the last one instead of starting a job, if it is no dry run, add\n  existing_job_id="{found[-1].id}"',
            )

    def unaccounted(
        self,
        job_type: str,
        scope: Scope,
        accounted: frozenset[str],
        *,
        younger_than: timedelta | None = None,
    ) -> list[Job]:
        """Ask Zuora now for the jobs of a type that nothing explains; oldest first."""
        jobs = self._client.list(scope)
        if younger_than is not None:
            limit_s = younger_than.total_seconds() + 60  # Zuora's clocks may differ a little
            jobs = tuple(job for job in jobs if job.age_s is None or job.age_s <= limit_s)
        return self._unaccounted(jobs, job_type, accounted)

    def _unaccounted(
        self, jobs: tuple[Job, ...], job_type: str, accounted: frozenset[str]
    ) -> list[Job]:
        def left() -> list[Job]:
            explained = accounted | self._started
            return sorted(
                (job for job in jobs if job.type in (job_type, None) and job.id not in explained),
                key=lambda job: job.created_on.timestamp() if job.created_on else 0.0,
            )

        with self._changed:
            # Another thread of this process may have started what the list shows, and not have its answer yet.
            self._changed.wait_for(lambda: not left() or self._awaited == 0)
            return left()

    def _listed_once(self, scope: Scope) -> tuple[Job, ...]:
        """Ask for the list once; the threads that wait for it share it, and a failure too, as each would wait for its own otherwise, one after the other."""
        failed_before = self._failures.get(scope)
        with self._listing:
            if scope not in self._lists:
                failure = self._failures.get(scope)
                if failure is not None and failure is not failed_before:
                    raise copy(failure)
                try:
                    self._lists[scope] = self._client.list(scope)
                except ZuoraBackfillError as error:
                    self._failures[scope] = error
                    raise
            return self._lists[scope]

    def _take(self, job_id: str) -> None:
        with self._changed:
            self._started.add(job_id)
