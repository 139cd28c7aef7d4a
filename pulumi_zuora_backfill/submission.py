"""
The idempotency contract: one intent becomes one job.

```
            ┌────────┐  the predecessor still runs       ┌─────────┐
  order ──▶ │ BEFORE │ ────────────────────────────────▶ │ too soon│ JobStillRunningError
            └───┬────┘                                   └─────────┘
                ▼
            ┌────────┐  a job that nobody accounts for   ┌─────────┐
            │ GUARD  │ ────────────────────────────────▶ │ refused │ GuardError
            └───┬────┘                                   └─────────┘
                ▼ key = key_for(intent, after=predecessor)
            ┌────────┐  outcome open, patience over      ┌─────────┐
       ┌──▶ │  SEND  │ ────────────────────────────────▶ │ unknown │ OutcomeUnknownError: the same `up` goes on
       │    │        │  refused, and refused anew        ┌─────────┐
       │    │        │ ────────────────────────────────▶ │ refused │ JobRefusedError
       │    └─┬────┬─┘                                   └─────────┘
       │      │    │ one saved refusal twice
       │      │    ▼
       │      │  ┌────────┐  an unaccounted job of 24 h  ┌─────────┐
       │      │  │ RECALL │ ───────────────────────────▶ │ unclear │ AmbiguousJobError
       │      │  └───┬────┘                              └─────────┘
       │      │      ▼ a one-time key, once; a refusal of that is final
       │      ▼ job id
       │    ┌────────┐  it is the predecessor, or was stopped: key_for(intent, after=it)
       └────│  LOOK  │ ──┐
            └───┬────┘ ◀─┘ at most 16 times
                ▼ new, or adopted whatever its status
               ours
```

GUARD keeps a second go-live backfill out. SEND keeps to one key, so that nothing is started twice (I1). RECALL gets past failures that Zuora
saved although their cause is gone (I2), and past nothing else: a key that holds no refusal could still start a job. LOOK never hands out a
predecessor or a stopped job (I3). Nothing here stops a job (I4), and where it cannot be decided, nothing more is sent (I5).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from .clock import Clock
from .errors import (
    AmbiguousJobError,
    ApiError,
    JobRefusedError,
    JobStillRunningError,
    NotFoundError,
    OutcomeUnknownError,
    ZuoraBackfillError,
)
from .guard import Guard
from .idempotency import Intent, key_for, track_id_for
from .models import ENDED, BackfillRequest, Job, JobStatus, Scope, duration, iso

if TYPE_CHECKING:
    from .client import BackfillClient, Started

KEY_LIFETIME: Final = timedelta(hours=24)
_MAX_CHAIN = 16
_CLOCK_SLACK_S = 1.0
# What to do when the outcome is not known.
_SAME_KEY = (
    "Nothing is lost: run `pulumi up` again before {until} (24 hours after the first such attempt; count from that one if an earlier run ended like this). "
    "It continues with the same idempotency key: it takes over the job that was started, or starts the one that was not. Later than that, list the jobs "
    "first, then set existing_job_id or change triggers."
)
_ONE_TIME_KEY = (
    "Wait two minutes, then run `pulumi up` again before {until}, and within 24 hours after the first attempt that was refused: it looks at the tenant's "
    "jobs first, and names the job if it was started. (Zuora had saved an earlier refusal, so this attempt went out under a key that is used only once.)"
)
_HOW_TO_GO_ON = 'existing_job_id="{}"  to take it over, or another value of  triggers  to start one more.'


@dataclass(frozen=True, kw_only=True)
class Order:
    """
    What is to become one job.

    Attributes:
        intent: What is asked for.
        request: The body.
        scope: The entity and the organisations in force.
        guard: ``once``, ``strict`` or ``none``.
        accounted: Jobs that are explained: the stack's others and those a reviewer accepted.
        predecessor: The job that this one replaces.
        predecessor_status: Its status in state; one that has ended is not asked about again.
        predecessor_scope: The entity and the organisations it runs in; ``None`` for those in force.
        track_id: ``Zuora-Track-Id``; ``None`` derives it from the key.
    """

    intent: Intent
    request: BackfillRequest
    scope: Scope
    guard: str
    accounted: frozenset[str] = frozenset()
    predecessor: str | None = None
    predecessor_status: str | None = None
    predecessor_scope: Scope | None = None
    track_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """
    What became of an order.

    Attributes:
        job: As Zuora reports it; status ``UNKNOWN`` where it could not be read.
        idempotency_key: The key that brought it.
        track_id: The ``Zuora-Track-Id`` that was sent.
        request_id: ``Zuora-Request-Id`` of the answer that named it.
        recovered: Whether an earlier attempt had started it.
        remarks: What the user should be told.
    """

    job: Job
    idempotency_key: str
    track_id: str
    request_id: str | None
    recovered: bool
    remarks: tuple[str, ...] = field(default=())


class Submission:
    """Turns orders into jobs; one object serves all threads of a process."""

    def __init__(self, client: BackfillClient, guard: Guard, clock: Clock, report: Callable[[str], None]) -> None:
        """Keep the parts; nothing is sent yet."""
        self._report = report
        self._client = client
        self._guard = guard
        self._clock = clock

    def submit(self, order: Order) -> Submitted:
        """
        Make sure that there is one job for an order.

        Raises:
            JobStillRunningError: The job that it replaces still runs.
            GuardError: The tenant already holds such a job.
            OutcomeUnknownError: It could not be found out whether a job was started.
            AmbiguousJobError: A job exists that nothing accounts for.
            JobRefusedError: Zuora will not start it.
            ZuoraBackfillError: Nothing was sent: settings, credentials, network.
        """
        self._ensure_predecessor_ended(order)
        self._guard.check(order.guard, order.request.type, order.scope, self._accounted(order))
        after = order.predecessor
        since = self._clock.now()
        for _ in range(_MAX_CHAIN):
            key = key_for(order.intent, after)
            sent_at_s = self._clock.monotonic()
            self._report(f"Asking Zuora to start the {order.request.type} backfill.")
            try:
                started = self._ask(order, key, since)
            except ApiError as refusal:
                if not refusal.replayed:
                    raise
                return self._recall(order, after, since, refusal)
            submitted = self._look(order, key, started, sent_at_s)
            if submitted.job.id != order.predecessor and submitted.job.status != JobStatus.STOPPED:
                return submitted
            after = submitted.job.id
            # The way here leads over this job's key: once Zuora forgets that one, the next `up` does not find what it starts now.
            since = min(since, self._clock.now() - timedelta(seconds=submitted.job.age_s or 0.0))
        raise AmbiguousJobError(
            f"{_MAX_CHAIN} jobs in a row were started and stopped for this resource.",
            "Change `triggers` to start over.",
        )

    def _ensure_predecessor_ended(self, order: Order) -> None:
        if order.predecessor is None or order.predecessor_status in ENDED:
            return
        try:
            job = self._client.get(order.predecessor, order.predecessor_scope or order.scope)
        except NotFoundError:
            return
        if not job.ended:  # a status that nobody documented is not taken for an end
            raise JobStillRunningError(
                f"Job {job.id}, which is to be replaced, still runs ({job.status} {job.progress or ''}); nothing was started.",
                'A live job is not stopped halfway unless on_delete="stop" was in force before. Wait until it has ended, or cancel it in Revenue → '
                "Data Backfill → Backfill Logs, then run `pulumi up` again.",
            )

    def _ask(self, order: Order, key: str, since: datetime) -> Started:
        """
        POST with one key; a refusal is asked for once more, to learn whether Zuora saved it.

        Only a key that is known to hold a refusal may be passed by: any other could start a second job later, next to that of a one-time key.

        Raises:
            ApiError: Zuora had saved it (``replayed``), or the request could not be sent.
            JobRefusedError: Zuora refuses now.
            OutcomeUnknownError: There was no answer.
        """
        refusal: ApiError | None = None
        while True:
            try:
                return self._send(order, key, since, next_time=_SAME_KEY)
            except ApiError as error:
                twice = refusal is not None and error.request_id == refusal.request_id is not None
                error.replayed = error.replayed or twice
                if error.replayed or not error.arrived or error.status == 401:
                    raise
                if refusal is not None or error.status == 422:
                    raise _refused(error) from error
                refusal = error

    def _send(self, order: Order, key: str, since: datetime, *, next_time: str) -> Started:
        """POST with one key until the outcome is known; `since` is when the first key of the chain was sent."""
        with self._guard.awaiting_an_answer() as take:
            try:
                started = self._client.create(
                    order.request, order.scope, idempotency_key=key, track_id=_track_id(order, key)
                )
            except ZuoraBackfillError as error:
                if not error.outcome_open:
                    raise
                until = iso(since + KEY_LIFETIME)
                raise OutcomeUnknownError(
                    f"It is not known whether the backfill job was started. {error.message}",
                    next_time.format(until=until),
                ) from error
            take(started.job_id)
            return started

    def _look(self, order: Order, key: str, started: Started, sent_at_s: float) -> Submitted:
        """Ask Zuora what kind of job the answer names."""
        remarks: tuple[str, ...] = ()
        recovered = False
        try:
            job = self._client.get(started.job_id, order.scope)
        except NotFoundError as error:
            raise AmbiguousJobError(
                f"Zuora answered with job {started.job_id}, but does not know it ({error.message})",
                "Nothing more was sent. If it appears in Zuora's backfill logs, add  "
                + _HOW_TO_GO_ON.format(started.job_id),
            ) from error
        except ZuoraBackfillError as error:
            job = Job(id=started.job_id, status=JobStatus.UNKNOWN.value, type=order.request.type)
            remarks = (
                f"Job {job.id} was started, but its state could not be read: {error} `pulumi refresh` reads it later.",
            )
        else:
            elapsed_s = self._clock.monotonic() - sent_at_s
            # Zuora's clock alone decides: `Date` is cut to the second, so an age above the time since we asked was there before.
            recovered = job.age_s is not None and job.age_s > elapsed_s + _CLOCK_SLACK_S
            if recovered and job.age_s is not None:
                remarks = (_about_recovered(job, job.age_s),)
        return Submitted(
            job=job,
            idempotency_key=key,
            track_id=_track_id(order, key),
            request_id=started.request_id,
            recovered=recovered,
            remarks=remarks,
        )

    def _recall(self, order: Order, after: str | None, since: datetime, refusal: ApiError) -> Submitted:
        """Get past a refusal that Zuora may have saved before its cause was mended, once."""
        try:
            candidates = self._guard.unaccounted(
                order.request.type, order.scope, self._accounted(order), younger_than=KEY_LIFETIME
            )
        except ZuoraBackfillError as error:
            raise refusal from error  # whether it was a saved one cannot be found out: the refusal itself is what the user has to mend
        if candidates:
            raise AmbiguousJobError(
                f"{refusal.message} The tenant holds a {order.request.type} job of the last 24 hours that nothing here accounts for, and it may be this one: "
                f"{_listed(candidates)}. Nothing more was sent.",
                "Add  " + _HOW_TO_GO_ON.format(candidates[-1].id),
            ) from refusal
        key = key_for(order.intent, after, self._clock.nonce())
        sent_at_s = self._clock.monotonic()
        try:
            return self._look(order, key, self._send(order, key, since, next_time=_ONE_TIME_KEY), sent_at_s)
        except ApiError as final:
            raise _refused(final) from final

    def _accounted(self, order: Order) -> frozenset[str]:
        return order.accounted | ({order.predecessor} if order.predecessor else frozenset())


def _track_id(order: Order, key: str) -> str:
    return order.track_id or track_id_for(key)


def _refused(error: ApiError) -> JobRefusedError:
    hint = error.hint or "Mend the cause and run `pulumi up` again."
    if error.status == 422:
        hint = (
            "This idempotency key was used before with another tenant, URL or method, or with another batch size: put the old batch_size back, "
            "take the job over with existing_job_id, or change triggers."
        )
    return JobRefusedError(error.message, hint)


def _about_recovered(job: Job, age_s: float) -> str:
    text = f"Zuora answered with job {job.id}, which an earlier attempt started {duration(age_s)} ago; it was taken over, no second one was started."
    if job.ended:
        text += f" It has already {'completed' if job.status == JobStatus.COMPLETED else 'failed'}; to run another one, change `triggers`."
    return text


def _listed(jobs: Collection[Job]) -> str:
    return ", ".join(job.described() for job in jobs)
