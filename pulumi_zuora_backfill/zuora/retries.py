"""
Send one request until it is answered, within limits: what is tried again, how often, and after how long.

Knows no path and no job. All attempts of a call carry the same headers, and so the same idempotency key.
Source: https://developer.zuora.com/docs/guides/error-handling/
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import (
    ApiError,
    AskedToWaitError,
    InterruptedWaitError,
    TransportError,
    ZuoraBackfillError,
)

from .http import READ_TIMEOUT_S, Answer, Exchange
from .models import duration

MAX_ATTEMPTS: Final = 5
_MAX_BACKOFF_S = 60.0
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Call:
    """
    One request to Zuora.

    Attributes:
        operation: What is asked, for texts: ``start the backfill job``.
        method: The HTTP method.
        path: The path below the base URL.
        headers: Further headers.
        json_body: Sent as JSON.
    """

    operation: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json_body: Mapping[str, Any] | None = None


class Transport:
    """
    Sends calls, with patience.

    Tried again are lost connections, 409, 429, 500, 502, 503, 504 and ``success: false`` with only transient reasons: at most 5 times (409 and 429:
    as long as the time lasts), after a random pause that grows (full jitter, up to 60 s) and is never shorter than what Zuora asked for.
    While Zuora asked to wait, no thread sends anything. Two answers in a row with the same request id are one saved answer: no further attempt.
    """

    def __init__(
        self,
        exchange: Exchange,
        auth: AuthBase,
        *,
        version: str,
        call_timeout_s: float,
        clock: Clock,
        report: Callable[[str], None],
    ) -> None:
        """
        Keep the parts; nothing is sent yet.

        Args:
            exchange: Carries single attempts.
            auth: Puts the token on.
            version: ``Zuora-Version`` of every call.
            call_timeout_s: How long one call is tried in all.
            clock: Time and chance.
            report: Takes a live line about what is going on.
        """
        self._exchange = exchange
        self._auth = auth
        self._version = version
        self._call_timeout_s = call_timeout_s
        self._clock = clock
        self._report = report
        self._silence = _Silence(clock)

    def send(
        self, call: Call, understand: Callable[[Answer], T], *, within_s: float | None = None
    ) -> T:
        """
        Send a call until it is answered or the patience ends.

        Args:
            call: The request.
            understand: Reads the answer; a ``ValueError`` means that it makes no sense and may be asked for again.
            within_s: How long to try it where there is less time than a call may take.

        Returns:
            What `understand` read.

        Raises:
            ZuoraBackfillError: The last error; its ``outcome_open`` says whether the request may have been carried out all the same.
        """

        def attempt(left_s: float) -> T:
            answer = self._exchange.send(
                call.operation,
                call.method,
                call.path,
                auth=self._auth,
                headers={"Zuora-Version": self._version, **call.headers},
                json_body=call.json_body,
                read_timeout_s=min(READ_TIMEOUT_S, max(1.0, left_s)),
            )
            if answer.pause_s:
                self._silence.keep(answer.pause_s)
            try:
                return understand(answer)
            except ValueError as cause:
                raise TransportError(
                    f"Zuora's answer to the request to {call.operation} makes no sense: {cause}.",
                    "Run the same command again; if it stays so, Zuora answers in a way that this version does not know.",
                    arrived=True,
                ) from cause

        return self.patiently(call.operation, attempt, within_s=within_s)

    def patiently(
        self, operation: str, attempt: Callable[[float], T], *, within_s: float | None = None
    ) -> T:
        """
        Make attempts until one succeeds or the patience ends.

        Args:
            operation: What is asked, for texts.
            attempt: Asks Zuora once; takes the seconds that are left.
            within_s: As with `send`.

        Returns:
            What the attempt returned.

        Raises:
            ZuoraBackfillError: The last error, as with `send`.
        """
        timeout_s = (
            self._call_timeout_s if within_s is None else min(within_s, self._call_timeout_s)
        )
        patience = _Patience(self._clock, self._silence, timeout_s)

        def attempt_in_time() -> T:
            try:
                self._keep_silence(operation, patience)
                return attempt(patience.left_s())
            except ZuoraBackfillError as error:
                patience.learn(error)
                raise

        retrying = Retrying(
            retry=retry_if_exception(
                lambda error: isinstance(error, ZuoraBackfillError) and patience.try_again
            ),
            stop=patience.exhausted,
            wait=patience.pause_s,
            sleep=self._clock.sleep,
            before_sleep=lambda state: self._report(
                f"{patience.reason} Trying again in {duration(state.upcoming_sleep)}."
            ),
            reraise=True,
        )
        try:
            return retrying(attempt_in_time)
        except InterruptedWaitError as error:  # raised by a pause between two attempts
            patience.learn(error)
            raise

    def _keep_silence(self, operation: str, patience: _Patience) -> None:
        """Wait as long as Zuora asked to; another thread may learn of a longer wait meanwhile."""
        while (silence_s := self._silence.left_s()) > 0:
            if silence_s > patience.left_s():
                raise AskedToWaitError(
                    f"Could not {operation}: Zuora asked to wait {duration(silence_s)}, longer than one call may take ({duration(patience.timeout_s)}).",
                    "Run `pulumi up` again then, or raise ZUORA_CALL_TIMEOUT / zuora:callTimeout.",
                    arrived=False,
                    transient=False,
                )
            self._clock.sleep(silence_s)


class _Silence:
    """For how long Zuora asked this process to send nothing; shared by all threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s = clock.monotonic()

    def left_s(self) -> float:
        with self._lock:
            return max(0.0, self._until_s - self._clock.monotonic())

    def keep(self, seconds: float) -> None:
        with self._lock:
            self._until_s = max(self._until_s, self._clock.monotonic() + seconds)


class _Patience:
    """What one call has been through so far, and whether another attempt makes sense."""

    # Why the last attempt failed, and whether that passes; there is nothing to know before the first `learn`.
    reason: str
    try_again: bool

    def __init__(self, clock: Clock, silence: _Silence, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._clock = clock
        self._silence = silence
        self._deadline_s = clock.monotonic() + timeout_s
        self._last: ApiError | None = None
        self._faults = 0
        self._may_be_done = False

    def left_s(self) -> float:
        return self._deadline_s - self._clock.monotonic()

    def learn(self, error: ZuoraBackfillError) -> None:
        """Take in what an attempt brought, and write on the error what it means for the whole call."""
        transient, arrived, busy = False, False, False
        if isinstance(error, ApiError):
            transient, arrived, busy = error.transient, error.arrived, error.come_back_later
            if error.retry_after_s:
                self._silence.keep(error.retry_after_s)
            error.replayed = transient and arrived and error.repeats(self._last)
            self._last = error if arrived else None
        elif isinstance(error, TransportError):
            transient, arrived = error.transient, error.arrived
            self._last = None
        # A refusal says nothing about the attempt before it, which may still be under way behind a gateway that says no; only a saved answer does.
        error.outcome_open = not error.replayed and (self._may_be_done or (transient and arrived))
        # What was turned away at the door (429, 401) has done nothing, whatever comes after it.
        turned_away = isinstance(error, ApiError) and error.status in (401, 429)
        self._may_be_done = error.outcome_open and (self._may_be_done or not turned_away)
        self._faults += not busy
        self.reason = error.message
        self.try_again = transient and not error.replayed

    def exhausted(self, state: RetryCallState) -> bool:
        """Stop at the fifth fault, or where the next attempt would come after the deadline."""
        return self._faults >= MAX_ATTEMPTS or state.upcoming_sleep >= self.left_s()

    def pause_s(self, state: RetryCallState) -> float:
        """Full jitter (a random part of an exponentially growing time), and never less than what Zuora asked for."""
        backoff_s = min(_MAX_BACKOFF_S, 2.0 ** min(state.attempt_number - 1, 6))
        return max(self._silence.left_s(), self._clock.jitter() * backoff_s)
