"""
The idempotency contract: one intent becomes one job. DESIGN.md draws it; one method for each state.

| state | what it does | what comes → next |
|---|---|---|
| BEFORE | looks at the predecessor | it has ended → GUARD · it runs → error *still runs* |
| GUARD | lists the tenant's jobs | none counts → SEND · one does → error *guard* |
| SEND | POSTs under one key | a job → LOOK · a saved refusal → RECALL · open → *unknown* |
| RECALL | lists the jobs again | none counts → SEND, next key · one does → error *ambiguous* |
| LOOK | GETs the job | ours → done · had before, or stopped → SEND, next key |

Every key is derived from the intent, the last job and the saved refusals, so that every later run
finds it again. The contract's six promises and a model that plays them are in DESIGN.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import (
    ApiError,
    NotFoundError,
    OutcomeUnknownError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.zuora.models import BackfillType, Job, JobStatus

from . import outcomes
from .attempt import LATEST_JOB, LIFETIME, Attempt, Window
from .guard import Guard
from .intent import key_for
from .start_request import StartedJob, StartRequest
from .stopping import ensure_ended

if TYPE_CHECKING:
    from pulumi_zuora_backfill.zuora.client import BackfillClient, Started

MAX_CHAIN: Final = 16
MAX_REFUSALS: Final = 2
FRESH_S: Final = 60.0
MAX_LISTS: Final = 5
_CLOCK_SLACK_S = 1.0
# An attempt that begins in time may go on a little; Zuora forgets a key after 24 hours.
_MARGIN = timedelta(minutes=30)
_TYPES: Final = frozenset(type.value for type in BackfillType)


class _ListIsOldError(Exception):
    """The list of jobs has become too old before a POST left that may be the first to count."""


class Submission:
    """Turns start requests into jobs; one object serves all threads of a process."""

    def __init__(self, client: BackfillClient, clock: Clock) -> None:
        """Keep the parts; nothing is sent yet."""
        self._client = client
        self._clock = clock
        self._guard = Guard(client, clock)

    def submit(self, start: StartRequest) -> StartedJob:
        """
        Make sure that there is one job for a request.

        Raises:
            JobStillRunningError: The job that it replaces still runs.
            GuardError: The tenant already holds such a job.
            OutcomeUnknownError: It is not known whether a job was started; it carries the attempt.
            AmbiguousJobError: A job is there that this resource cannot call its own.
            JobRefusedError: Zuora will not start it.
            ZuoraBackfillError: Nothing was sent: settings, credentials, network, cancellation.
        """
        run = _Run(self._clock, start)
        if start.predecessor is not None:
            ensure_ended(
                self._client,
                start.predecessor,
                start.predecessor_status,
                start.predecessor_scope or start.scope,
            )
        other = start.other_attempt
        unsettled = other and other.may_still_start(self._zuora_now() or self._clock.now())
        self._check_guard(run)
        there = start.predecessor_scope
        if other and there and there != start.scope:
            self._guard.check_left_behind(start, other, there, within_s=run.left_s())
        if other and unsettled:  # the list does not show yet what may be on its way
            raise outcomes.not_settled(other)
        for _ in range(MAX_CHAIN):
            try:
                started = self._send(run)
            except ApiError as refusal:
                if not refusal.saved:  # SEND has told an open outcome
                    raise
                self._recall(run, refusal)
                continue
            job = self._look(run, started)
            if job.job.id not in start.own and job.job.status != JobStatus.STOPPED:
                return job
            run.after, run.refusals = job.job.id, ()
        raise outcomes.stopped_again_and_again(MAX_CHAIN)

    def _check_guard(self, run: _Run) -> None:
        """GUARD: the list must be fresh when a POST leaves, so its start is noted."""
        run.listed_at_s = self._clock.monotonic()
        run.lists += 1
        run.perhaps_ours = self._guard.check(run.start, within_s=run.left_s())

    def _send(self, run: _Run) -> Started:
        """SEND: POST under one key until the outcome is known or the time is over."""
        start, key = run.start, run.key
        while True:
            try:
                with self._guard.awaiting_an_answer(start) as take:
                    started = self._client.create(
                        start.request,
                        start.scope,
                        idempotency_key=key,
                        track_id=start.track_id_under(key),
                        within_s=run.left_s(),
                        before_send=lambda open_: run.about_to_post(self._zuora_now(), open_),
                    )
                    take(started.job_id)
                    return started
            except _ListIsOldError:
                if run.lists == MAX_LISTS:
                    raise outcomes.no_fresh_list(FRESH_S, MAX_LISTS) from None
                self._check_guard(run)
            except ZuoraBackfillError as error:
                if error.outcome_open:
                    raise self._unknown(run, error) from error
                if outcomes.refuses_the_job(error) and not error.saved:
                    raise outcomes.refused(error) from error
                raise

    def _recall(self, run: _Run, refusal: ApiError) -> None:
        """RECALL: the cause of a saved refusal may be mended; go on under the key after it."""
        start, passed = run.start, (*run.refusals, str(refusal.answer_id))
        run.listed_at_s = self._clock.monotonic()
        refused = outcomes.refused(refusal)
        # State keeps the refusals, so that the next run goes on after them, however many there are.
        refused.attempt = self._attempt(run, passed)
        if refusal.answer_id in run.refusals:
            raise refused from refusal
        try:
            found = self._guard.jobs_against(start, within_s=run.left_s())
        except ZuoraBackfillError as error:
            raise refused from error  # the refusal is what the user has to mend
        if found:
            raise outcomes.refused_beside_jobs(refusal, start, found) from refusal
        known = len(run.continued.refusals) if run.continued else 0
        if len(passed) - known > MAX_REFUSALS:
            raise refused from refusal
        run.refusals = passed

    def _look(self, run: _Run, started: Started) -> StartedJob:
        """LOOK: ask Zuora what kind of job the answer names."""
        start, key, remark, found_age_s = run.start, run.key, None, None
        try:
            job = self._client.get(started.job_id, start.scope, within_s=run.left_s())
        except NotFoundError as error:
            raise outcomes.unknown_job(started.job_id, error) from error
        except ZuoraBackfillError as error:
            job = Job(id=started.job_id, status=JobStatus.UNKNOWN.value, type=start.request.type)
            remark = outcomes.status_not_read(job, error)
        else:
            if job.type in _TYPES - {start.request.type}:
                raise outcomes.job_of_another_type(job, start)
            found_age_s = self._age_if_found(run, job)
            if found_age_s is not None:
                remark = outcomes.recovered(job, found_age_s)
        recovered = found_age_s is not None
        if not start.history.complete and (recovered or job.age_s is None):
            raise outcomes.perhaps_an_old_job(job)
        if strangers := [other for other in run.perhaps_ours if other.id != job.id]:
            remark = " ".join(filter(None, [remark, outcomes.strangers(start, strangers)]))
        return StartedJob(
            job=job,
            idempotency_key=key,
            track_id=start.track_id_under(key),
            request_id=started.request_id,
            recovered=recovered,
            remark=remark,
        )

    def _age_if_found(self, run: _Run, job: Job) -> float | None:
        """
        Return the age of a job that was there before, and ``None`` for one that is new.

        Told by Zuora's clock alone: `Date` is cut to the second, so allow for one.
        """
        asked_s = self._clock.monotonic() - run.posted_at_s
        found = job.age_s is not None and job.age_s > asked_s + _CLOCK_SLACK_S
        return job.age_s if found else None

    def _unknown(self, run: _Run, error: ZuoraBackfillError) -> OutcomeUnknownError:
        """Say that the outcome is open, and keep what the next `up` needs to continue."""
        now = self._zuora_now()
        window: tuple[Window, ...] = ()
        if run.window_since:
            until = (now or run.window_since) + LATEST_JOB
            window = (Window(since=run.window_since, until=until),)
        attempt = self._attempt(run, run.refusals, window)
        return outcomes.unknown(run.start, error, attempt, now or self._clock.now())

    def _attempt(
        self, run: _Run, refusals: tuple[str, ...], window: tuple[Window, ...] = ()
    ) -> Attempt:
        """Return what state keeps: the key that the next run continues under."""
        earlier = run.continued
        return Attempt(
            intent_key=run.start.intent_key,
            after=run.after,
            refusals=refusals,
            began=earlier.began if earlier else run.began or self._clock.now(),
            windows=(*(earlier.windows if earlier else ()), *window),
        )

    def _zuora_now(self) -> datetime | None:
        return self._client.zuora_now()


@dataclass
class _Run:
    """What one call of `submit` knows: the key it is at, and when what was sent."""

    clock: Clock
    start: StartRequest
    after: str | None = None
    refusals: tuple[str, ...] = ()
    listed_at_s: float = 0.0
    lists: int = 0
    perhaps_ours: tuple[Job, ...] = ()
    posted_at_s: float = 0.0
    began: datetime | None = None
    window_since: datetime | None = None

    def __post_init__(self) -> None:
        self._deadline_s = (
            None if self.start.timeout_s is None else self.clock.monotonic() + self.start.timeout_s
        )
        self.continued = self.start.attempt
        if self.continued:
            # An attempt is continued under the very key that it ended with.
            self.after, self.refusals = self.continued.after, self.continued.refusals
        else:
            self.after = self.start.history.last(self.start.intent_key)

    @property
    def key(self) -> str:
        return key_for(self.start.intent, self.after, self.refusals)

    def left_s(self) -> float | None:
        """Return what custom_timeouts.create leaves, or ``None`` if it sets no limit."""
        if self._deadline_s is None:
            return None
        return max(0.0, self._deadline_s - self.clock.monotonic())

    def about_to_post(self, zuora_now: datetime | None, may_be_started: bool) -> None:
        """Note the first POST that counts, or say that its list is old or that time is over."""
        now_s = self.clock.monotonic()
        first = self.continued.began if self.continued else self.began
        if first and (zuora_now or self.clock.now()) > first + LIFETIME + _MARGIN:
            raise outcomes.key_about_to_expire()
        if self.left_s() == 0 and self.start.timeout_s is not None:
            raise outcomes.out_of_time(self.start.timeout_s)
        if not may_be_started:
            if self.start.guard != "none" and now_s - self.listed_at_s > FRESH_S:
                raise _ListIsOldError
            self.began, self.window_since = zuora_now or self.clock.now(), zuora_now
            self.posted_at_s = now_s
