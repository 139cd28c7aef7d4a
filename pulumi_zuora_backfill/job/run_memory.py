"""
What this run has seen: a plugin process serves one run, and the engine shows it piece by piece.

Of the past, the engine shows ``diff`` and ``delete`` the outputs before; the program tells what
state held. Kept per process, as state may hold the provider in the words of another SDK, and then
two objects serve one run.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from pulumi_zuora_backfill.contract.live_starts import LiveStarts
from pulumi_zuora_backfill.properties import name_in
from pulumi_zuora_backfill.zuora.models import JobStatus, Scope

from .stack_state import StackState


class RunMemory:
    """What this run has seen; safe for all threads of the process."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.preview = False
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self._starting = LiveStarts()
        self._checked: set[str] = set()
        self._to_start: dict[str, Mapping[str, Any]] = {}
        self._before: dict[str, Mapping[str, Any]] = {}
        self._holders: dict[str, set[str]] = {}
        self._moved: dict[str, str] = {}
        self._taken_over: dict[str, str] = {}
        self._ended: set[str] = set()
        self._changed: dict[str, tuple[str, ...]] = {}

    def first_time(self, what: str) -> bool:
        """Tell whether something has not been said yet, and note that it is now."""
        with self._lock:
            said = what in self._said
            self._said.add(what)
        return not said

    def learn_of_program(self, urn: str, state: StackState, taken_over: object) -> None:
        """Note which resources hold which jobs, and which a resource takes over."""
        with self._lock:
            if state.former_urn:
                self._moved[state.former_urn] = urn
            for job in state.jobs:
                if job.job_id:
                    self._holders.setdefault(job.job_id, set()).add(job.urn)
            if isinstance(taken_over, str):
                self._holders.setdefault(taken_over, set()).add(urn)
            self._taken_over |= state.taken_over

    def urn_now(self, urn: str) -> str:
        """Return the URN that a resource has in this program: `delete` is told the one in state."""
        with self._lock:
            return self._moved.get(urn, urn)

    def kept_by(self, job_id: object, urn: str) -> str | None:
        """Name another resource that holds a job or takes it over; ``None`` if there is none."""
        with self._lock:
            holders = self._holders.get(str(job_id), set())
            others = sorted({self._moved.get(holder, holder) for holder in holders} - {urn})
            if others:
                return name_in(others[0])
            taker = self._taken_over.get(str(job_id))
            return None if taker == name_in(urn) else taker

    def checked(self, urn: str) -> None:
        """Note that the program of this run declares a resource: a refresh checks nothing."""
        with self._lock:
            self._checked.add(urn)

    def declares(self, urn: str) -> bool:
        """Tell whether the program of this run declares a resource."""
        with self._lock:
            return urn in self._checked

    def to_start(self, urn: str, inputs: Mapping[str, Any]) -> None:
        """Note the inputs with which a resource has been checked for a start."""
        with self._lock:
            self._to_start[urn] = inputs

    def replacement_of(self, urn: str) -> Mapping[str, Any] | None:
        """Return the inputs with which a resource that is deleted is started again in this run."""
        with self._lock:
            return self._to_start.get(urn)

    def starts_beside(self, job_type: str, scope: Scope, urn: str) -> str | None:
        """Note a live start; return the URN of another one of the type, if it may meet its jobs."""
        return self._starting.note(job_type, scope, urn)

    def show_before(self, urn: str, outputs: Mapping[str, Any]) -> None:
        """Note what the engine shows of the job, or the attempt, that is replaced."""
        with self._lock:
            self._before[urn] = outputs

    def before(self, urn: str) -> Mapping[str, Any] | None:
        """Return what the engine has shown; ``None`` if it has shown nothing."""
        with self._lock:
            return self._before.get(urn)

    def note_changes(self, urn: str, names: tuple[str, ...]) -> None:
        """Note what an update is for: it is told by ``diff`` only."""
        with self._lock:
            self._changed[urn] = names

    def changes(self, urn: str) -> tuple[str, ...]:
        """Return what an update is for."""
        with self._lock:
            return self._changed.get(urn, ())

    def learn_of_end(self, jobs: object) -> None:
        """Note the jobs that a completion has seen to their end."""
        for job in jobs if isinstance(jobs, list) else ():
            if isinstance(job, Mapping) and job.get("status") == JobStatus.COMPLETED:
                with self._lock:
                    self._ended.add(str(job.get("jobId")))

    def has_ended(self, job_id: object) -> bool:
        """Tell whether a completion has seen a job's end."""
        with self._lock:
            return job_id in self._ended
