"""
The guard: one live job of a type in one tenant, entity and organisations, unless a person agrees.

It asks Zuora for the tenant's jobs and names those that this resource has not had.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pulumi_zuora_backfill.errors import GuardError
from pulumi_zuora_backfill.properties import alias_for, name_in
from pulumi_zuora_backfill.zuora.models import DID_NOTHING_MORE, Job, Scope

from .live_starts import LiveStarts
from .start_request import StartRequest

if TYPE_CHECKING:
    from pulumi_zuora_backfill.clock import Clock
    from pulumi_zuora_backfill.zuora.client import BackfillClient

    from .attempt import Attempt

GUARDS: Final = ("once", "none")
ONCE: Final = (
    "Zuora asks for one backfill before go-live: a second run makes Zuora Billing and Zuora "
    "Revenue disagree."
)
_REACHES = "that may reach the same entity and organisations"
# Zuora keeps a key so long, so a job that an attempt of this resource has started is no older.
KEY_LIFETIME: Final = timedelta(hours=24)
_NAMED_AT_MOST = 20
_ANSWER_S = 300.0
_SLICE_S = 0.25
_CLOCKS_DIFFER = timedelta(minutes=1)


class Guard:
    """Knows the tenant's jobs, and which of them this very process has started."""

    def __init__(self, client: BackfillClient, clock: Clock) -> None:
        """Keep the parts; nothing is sent yet."""
        self._client = client
        self._clock = clock
        self._changed = threading.Condition()
        self._started: dict[str, StartRequest] = {}
        self._live = LiveStarts()
        self._unanswered = 0

    @contextmanager
    def awaiting_an_answer(self, start: StartRequest) -> Iterator[Callable[[str], None]]:
        """Mark that a POST is under way; call what it hands out with the id of the job."""

        def take(job_id: str) -> None:
            with self._changed:
                self._started[job_id] = start

        with self._changed:
            self._unanswered += 1
        try:
            yield take
        finally:
            with self._changed:
                self._unanswered -= 1
                self._changed.notify_all()

    def check(self, start: StartRequest, *, within_s: float | None = None) -> tuple[Job, ...]:
        """
        Refuse a start if the tenant holds a job that counts against it; sends one GET.

        With ``guard="none"`` nothing is asked.

        Returns:
            The jobs that a lost attempt of this resource may have started: one of them is its own.

        Raises:
            GuardError: There is such a job; the text has the lines that take it over or accept it.
        """
        if not start.intent.dry_run:
            self._claim(start)
        if start.guard == "none":
            return ()
        found = self.jobs_against(start, within_s=within_s)
        attempt = start.attempt
        mine = [job for job in found if attempt is not None and attempt.may_have_started(job)]
        if others := [job for job in found if job not in mine]:
            raise _against(start, others)
        return tuple(mine)

    def check_left_behind(
        self,
        start: StartRequest,
        attempt: Attempt,
        scope: Scope,
        *,
        within_s: float | None = None,
    ) -> None:
        """
        Refuse a start elsewhere while nobody has taken up the job of an attempt; sends one GET.

        Raises:
            GuardError: The attempt's entity or organisations hold a job that may be its own.
        """
        explained = start.own | start.known_job_ids | frozenset(start.held_by)
        left = [
            job
            for job in self._client.list(scope, within_s=within_s)
            if attempt.may_have_started(job)
            and job.id not in explained
            and job.status not in DID_NOTHING_MORE
        ]
        if left:
            raise GuardError(
                f"Nothing was started: an earlier attempt of this resource may have started job "
                f"{left[-1].described()} in {scope.listed()}.",
                "Put type, entity_id and org_ids back, and `pulumi up` finds the job. To leave it "
                f'there and start elsewhere, add\n  known_job_ids=["{left[-1].id}"]',
            )

    def jobs_against(self, start: StartRequest, *, within_s: float | None = None) -> list[Job]:
        """
        Ask Zuora now for the jobs of the type that count against a start, oldest first.

        With ``guard="none"`` only jobs of the last 24 hours count: no older one can be of an
        attempt of this resource.
        """
        jobs = self._client.list(start.scope, within_s=within_s)
        if start.guard == "none":
            longest_s = (KEY_LIFETIME + _CLOCKS_DIFFER).total_seconds()
            jobs = tuple(job for job in jobs if job.age_s is None or job.age_s <= longest_s)

        def left() -> list[Job]:
            explained = start.own | start.known_job_ids | start.not_counted | self._explained(start)
            return sorted(
                (
                    job
                    for job in jobs
                    if job.type in (start.intent.type, None)
                    and job.status not in DID_NOTHING_MORE
                    and job.id not in explained
                ),
                key=lambda job: job.created_on.timestamp() if job.created_on else 0.0,
            )

        # Another thread may have started what the list shows, and not have its answer yet.
        deadline_s = self._clock.monotonic() + (_ANSWER_S if within_s is None else within_s)
        with self._changed:
            while left() and self._unanswered and self._clock.monotonic() < deadline_s:
                self._clock.sleep(0)  # raises when the run is cancelled
                self._changed.wait(_SLICE_S)
            return left()

    def _explained(self, start: StartRequest) -> frozenset[str]:
        """Name the jobs of this process that are dry runs, or run for another entity."""
        return frozenset(
            job_id
            for job_id, other in self._started.items()
            if other.intent.dry_run or other.scope.apart_from(start.scope)
        )

    def _claim(self, start: StartRequest) -> None:
        """Note a live start; the second one of a process is refused, however the first one ends."""
        intent = start.intent
        first = self._live.note(intent.type, start.scope, intent.urn)
        if first is not None and start.guard != "none":
            raise second_live_job(first, intent.type)


def second_live_job(other_urn: str, job_type: str) -> GuardError:
    """Return the error for two live jobs of a type in one program that no place keeps apart."""
    return GuardError(
        f"Nothing was started: {name_in(other_urn)!r} of this stack is a live {job_type} backfill "
        f"{_REACHES}. {ONCE}",
        "Remove one of the two. If they are for different entities or organisations, name "
        "entity_id or org_ids in both, before either has started. If both must run: deploy the "
        "other one first, then name its job in known_job_ids here.",
    )


def open_attempt_of(urn: str, other_urn: str, job_type: str) -> GuardError:
    """Return the error for a resource of the stack that may have started such a job."""
    other, alias = name_in(other_urn), alias_for(urn, other_urn)
    ways = [f"Run `pulumi up` with {other!r} in the program first: it finds out."]
    if alias:
        ways += [
            "If it is the same backfill under a new name, add",
            f'  opts=pulumi.ResourceOptions(aliases=["{alias}"])',
        ]
    return GuardError(
        f"Nothing was started: {other!r} of this stack may have started a live {job_type} backfill "
        f"{_REACHES}; the answer was lost. {ONCE}",
        "\n".join(ways),
    )


@dataclass(frozen=True, kw_only=True)
class Found:
    """
    A job that stands against a start.

    Attributes:
        id: The job.
        described: What is known of it, in one line.
        young: Whether a lost attempt of the resource may have started it.
        holder: URN of the resource of the stack that holds it; ``None`` if none does.
    """

    id: str
    described: str
    young: bool
    holder: str | None = None


def already_there(
    urn: str,
    job_type: str,
    tenant_id: str,
    found: Sequence[Found],
    known_job_ids: Iterable[str] = (),
) -> GuardError:
    """
    Return the error that names the jobs and the ways on, the safe one first.

    Args:
        urn: The resource that is refused.
        job_type: The type.
        tenant_id: The tenant that holds the jobs.
        found: The jobs, oldest first.
        known_job_ids: What a person has accepted so far: the line replaces it.
    """
    older, named = found[:-_NAMED_AT_MOST], found[-_NAMED_AT_MOST:]
    lines = [f"  (and {len(older)} older)"] if older else []
    for job in named:
        held = f", held by {name_in(job.holder)!r} of this stack" if job.holder else ""
        lines.append(f"  {job.described}{held}")
    jobs, it = ("a", "it") if len(found) == 1 else (f"{len(found)}", "the last one")
    last = found[-1]
    ways = [
        f"To take {it} over instead, if it was no dry run, add",
        f'  existing_job_id="{last.id}"',
    ]
    alias = alias_for(urn, last.holder)
    if alias:
        ways += [
            "If it is the same backfill under a new name, add",
            f'  opts=pulumi.ResourceOptions(aliases=["{alias}"])',
        ]
    accepted = ", ".join(f'"{id_}"' for id_ in [*sorted(known_job_ids), *(job.id for job in found)])
    ways += ["To start one more all the same, add", f"  known_job_ids=[{accepted}]"]
    if any(job.young for job in found):
        ways += ["and change triggers, in case a lost attempt of this resource started it"]
    return GuardError(
        f"Nothing was started: tenant {tenant_id} holds {jobs} {job_type} backfill "
        f"job{'s' if len(found) > 1 else ''} that state does not hold as this resource's:\n"
        + "\n".join(lines)
        + f"\n{ONCE} Zuora's list does not tell dry runs from live runs.",
        "\n".join(ways),
    )


def _against(start: StartRequest, jobs: Sequence[Job]) -> GuardError:
    found = [
        Found(
            id=job.id,
            described=job.described(),
            young=job.age_s is None or job.age_s <= KEY_LIFETIME.total_seconds(),
            holder=start.held_by.get(job.id),
        )
        for job in jobs
    ]
    intent = start.intent
    return already_there(intent.urn, intent.type, intent.tenant_id, found, start.known_job_ids)
