"""
The idempotency contract: one intent becomes one job. DESIGN.md draws it; here is one method for each state.

| state | what it does | what Zuora can answer → next |
|---|---|---|
| BEFORE | looks at the predecessor | ended, or not known → GUARD · it runs → error *still runs* |
| GUARD | lists the tenant's jobs | all accounted for → SEND · one that is not → error *guard* |
| SEND | POSTs with the intent's key | a job id → LOOK · one saved refusal twice → RECALL · refusals → error *refused* · none → error *unknown* |
| RECALL | lists, POSTs with a one-time key | a job id → LOOK · a young job that is not accounted for → error *ambiguous* · otherwise as SEND |
| LOOK | GETs the job | ours → done · one the resource has had, or a stopped one → SEND with the key after it · unknown, or another type → error *ambiguous* |

I1, nothing twice: SEND keeps to one key, and RECALL passes by no key but one that is known to hold a refusal, as any other could still start a job.
I2, no failure for ever: RECALL gets past a refusal that Zuora saved before its cause was mended. I3, no mix-up: LOOK hands out neither a job that the
resource has had nor a stopped one. I4, nothing foreign is stopped: nothing here stops a job. I5, no guess: every error is raised before anything more is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeGuard

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import (
    AmbiguousJobError,
    ApiError,
    AskedToWaitError,
    JobRefusedError,
    NotFoundError,
    OutcomeUnknownError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.zuora.models import BackfillType, Job, JobStatus, duration, iso
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .guard import KEYS_BUSINESS, Guard
from .intent import key_for
from .order import Order, Submitted
from .stopping import ensure_ended

if TYPE_CHECKING:
    from pulumi_zuora_backfill.zuora.client import BackfillClient, Started

KEY_LIFETIME: Final = timedelta(hours=24)
MAX_CHAIN: Final = 16
_CLOCK_SLACK_S = 1.0
_TYPES: Final = frozenset(type.value for type in BackfillType)
# How long the next `up` finds a job by its key, before the guard stands between them.
_FOUND_AGAIN: Final = {"once": KEYS_BUSINESS, "none": KEY_LIFETIME}
# What to do when the outcome is not known.
_SAME_KEY = (
    "Nothing is lost: run `pulumi up` again before {until} ({hours} hours after the first such attempt; count from that one if an earlier run ended like "
    "this). It continues with the same idempotency key: it takes over the job that was started, or starts the one that was not. Later than that, look "
    f"into {WHERE_TO_LOOK} first, then set existing_job_id or change triggers."
)
_NAMED_BY_THE_GUARD = (
    "Nothing is lost: run `pulumi up` again. If the job was started, guard='strict' names it, with the line that takes it over; "
    "if not, it is started then."
)
_ONE_TIME_KEY = (
    "Wait two minutes, then run `pulumi up` again before {until}, and within 24 hours after the first attempt that was refused: it looks at the tenant's "
    "jobs first, and names the job if it was started. (Zuora had saved an earlier refusal, so this attempt went out under a key that is used only once.)"
)
_HOW_TO_GO_ON = (
    'existing_job_id="{}"  to take it over, or another value of  triggers  to start one more.'
)


@dataclass(frozen=True, kw_only=True)
class _Key:
    """An idempotency key, when it is sent first, and what to do when the outcome stays open."""

    value: str
    at_s: float
    way_on: str


class Submission:
    """Turns orders into jobs; one object serves all threads of a process."""

    def __init__(self, client: BackfillClient, guard: Guard, clock: Clock) -> None:
        """Keep the parts; nothing is sent yet."""
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
        self._before(order)
        self._guard.check(order.guard, order.request.type, order.scope, order.accounted)
        after, since = order.after, self._clock.now()
        for _ in range(MAX_CHAIN):
            key = self._key(order, after, None, _way_on(order.guard, since))
            try:
                started = self._send(order, key)
            except ApiError as refusal:
                if not refusal.saved:
                    raise
                key = self._key(
                    order,
                    after,
                    self._clock.nonce(),
                    _ONE_TIME_KEY.format(until=iso(since + KEY_LIFETIME)),
                )
                started = self._recall(order, key, refusal)
            submitted = self._look(order, key, started)
            if submitted.job.id not in order.spent and submitted.job.status != JobStatus.STOPPED:
                return submitted
            after = submitted.job.id
            # The way here leads over this job's key: once Zuora forgets that one, the next `up` does not find what it starts now.
            since = min(since, self._clock.now() - timedelta(seconds=submitted.job.age_s or 0.0))
        raise AmbiguousJobError(
            f"{MAX_CHAIN} jobs in a row were started and stopped for this resource.",
            "Change `triggers` to start over.",
        )

    def _key(self, order: Order, after: str | None, nonce: str | None, way_on: str) -> _Key:
        return _Key(
            value=key_for(order.intent, after, nonce), at_s=self._clock.monotonic(), way_on=way_on
        )

    def _before(self, order: Order) -> None:
        """BEFORE: the predecessor must have ended; a status that nobody documented is not taken for an end."""
        if order.predecessor is not None:
            ensure_ended(
                self._client,
                order.predecessor,
                order.predecessor_status,
                order.predecessor_scope or order.scope,
            )

    def _send(self, order: Order, key: _Key) -> Started:
        """SEND: a refusal that Zuora had saved is raised as it is."""
        try:
            return self._post(order, key)
        except ZuoraBackfillError as error:
            refusal = error
        if not refusal.saved:
            _tell(refusal, key)
        raise refusal

    def _recall(self, order: Order, key: _Key, refusal: ApiError) -> Started:
        """RECALL: get past a refusal that Zuora may have saved before its cause was mended, once."""
        try:
            candidates = self._guard.unaccounted(
                order.request.type, order.scope, order.accounted, younger_than=KEY_LIFETIME
            )
        except ZuoraBackfillError as error:
            raise refusal from error  # whether it was a saved one cannot be found out: the refusal itself is what the user has to mend
        if candidates:
            raise AmbiguousJobError(
                f"{refusal.message} The tenant holds {order.request.type} jobs of the last 24 hours that nothing here accounts for, and an earlier attempt may "
                "have started one of them: "
                f"{', '.join(job.described() for job in candidates)}. Nothing more was sent.",
                "Add  " + _HOW_TO_GO_ON.format(candidates[-1].id),
            ) from refusal
        try:
            return self._post(order, key)
        except ZuoraBackfillError as final:
            _tell(final, key)
            raise

    def _post(self, order: Order, key: _Key) -> Started:
        """POST with one key until the outcome is known, or the patience ends."""
        with self._guard.awaiting_an_answer() as take:
            started = self._client.create(
                order.request,
                order.scope,
                idempotency_key=key.value,
                track_id=order.track_id_under(key.value),
            )
            take(started.job_id)
            return started

    def _look(self, order: Order, key: _Key, started: Started) -> Submitted:
        """LOOK: ask Zuora what kind of job the answer names."""
        remark: str | None = None
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
            remark = f"Job {job.id} was started, but its state could not be read: {error.message} `pulumi refresh` reads it later."
        else:
            if job.type in _TYPES - {order.request.type}:
                raise AmbiguousJobError(
                    f"Zuora answered with job {job.id}, which is of type {job.type} and not the {order.request.type} backfill that was asked for.",
                    f"Nothing more was sent, and that job is left alone. Look into {WHERE_TO_LOOK}, then add  "
                    'existing_job_id="…"  with the right one, or another value of  triggers  to start one more.',
                )
            elapsed_s = self._clock.monotonic() - key.at_s
            # Zuora's clock alone decides: `Date` is cut to the second, so an age above the time since we asked was there before.
            if job.age_s is not None and job.age_s > elapsed_s + _CLOCK_SLACK_S:
                recovered, remark = True, _about_recovered(job, job.age_s)
        return Submitted(
            job=job,
            idempotency_key=key.value,
            track_id=order.track_id_under(key.value),
            request_id=started.request_id,
            recovered=recovered,
            remark=remark,
        )


def _way_on(guard: str, since: datetime) -> str:
    """Say how long the next `up` finds the job, where the first key of the chain was sent at `since`: until the guard, or Zuora, stands between them."""
    lifetime = _FOUND_AGAIN.get(guard)
    if lifetime is None:
        return _NAMED_BY_THE_GUARD
    return _SAME_KEY.format(until=iso(since + lifetime), hours=lifetime // timedelta(hours=1))


def _refuses_the_job(error: ZuoraBackfillError) -> TypeGuard[ApiError]:
    """Tell whether Zuora has looked at the request for a job and said no; a refused token says nothing about it."""
    return isinstance(error, ApiError) and error.answer_id is not None and error.status != 401


def _tell(error: ZuoraBackfillError, key: _Key) -> None:
    """Raise what an error means for the job, where it does not say so itself."""
    if error.outcome_open:
        said = (
            error.message
        )  # its hint would send the reader elsewhere than `way_on`: another base URL is another key
        if isinstance(error, AskedToWaitError) or (
            isinstance(error, ApiError) and error.status == 429
        ):
            said = str(error)  # this one names the setting that waits longer
        elif isinstance(error, ApiError) and not error.transient:
            said = f"An attempt was left without a clear answer, and the one after it was refused: {said}"
        raise OutcomeUnknownError(
            f"It is not known whether the backfill job was started. {said}", key.way_on
        ) from error
    if _refuses_the_job(error):
        raise _refused(error) from error


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
