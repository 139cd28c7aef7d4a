"""
What one call has been through so far: whether another attempt makes sense, and what stays open.

`Silence` is shared by all calls, `Patience` belongs to one.
"""

from __future__ import annotations

import threading
from typing import Final

from tenacity import RetryCallState

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import ApiError, TransportError, ZuoraBackfillError

from .http import ATTEMPT_TIMEOUT_S

MAX_ATTEMPTS: Final = 5
_MAX_BACKOFF_S = 60.0


class Silence:
    """For how long Zuora asked this process to send nothing; shared by all threads."""

    def __init__(self, clock: Clock) -> None:
        """Start without any."""
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s = clock.monotonic()

    def left_s(self) -> float:
        """Return the seconds that are left of it."""
        with self._lock:
            return max(0.0, self._until_s - self._clock.monotonic())

    def keep(self, seconds: float) -> None:
        """Let it last so many seconds from now, unless it lasts longer already."""
        with self._lock:
            self._until_s = max(self._until_s, self._clock.monotonic() + seconds)


class Patience:
    """
    What one call has been through so far, and whether another attempt makes sense.

    Attributes:
        timeout_s: How long the call may take in all.
        over: Whether the next error ends the call, whatever it is.
        open: Whether one of the attempts so far may have been carried out.
        reason: Why the last attempt failed.
        try_again: Whether another attempt makes sense.

    What has no value here is not known before the first `learn`.
    """

    reason: str
    try_again: bool
    _confirming: bool
    _open_before: bool

    def __init__(
        self, clock: Clock, silence: Silence, timeout_s: float, confirm_refusal: bool
    ) -> None:
        """Start with all the time there is."""
        self.timeout_s = timeout_s
        self.over = False
        self._clock = clock
        self._silence = silence
        self._deadline_s = clock.monotonic() + timeout_s
        self._confirm_refusal = confirm_refusal
        self._refusal: ApiError | None = None
        self._last_id: str | None = None
        self._faults = 0
        self.open = False

    def left_s(self) -> float:
        """Return the seconds that are left of the call."""
        return self._deadline_s - self._clock.monotonic()

    def attempt_s(self) -> float:
        """Return how long an attempt may take; one that has just begun gets a second."""
        return min(ATTEMPT_TIMEOUT_S, max(1.0, self.left_s()))

    def learn(self, error: ZuoraBackfillError) -> None:
        """Take in what an attempt brought, and note on the error what it means for the call."""
        self.reason, self.try_again, self._confirming = error.message, False, False
        if self.over:
            error.outcome_open, error.saved = self.open, False
            return
        answer_id = error.answer_id if isinstance(error, ApiError) else None
        error.saved = answer_id is not None and answer_id == self._last_id
        if error.saved:
            # It says what became of the key long ago, and nothing about the attempts in between.
            self.open = self._open_before
        else:
            self._open_before, self.open = self.open, self.open or error.arrived
        self._last_id = answer_id
        error.outcome_open = self.open
        if isinstance(error, ApiError | TransportError):
            self._decide(error, answer_id)

    def _decide(self, error: ApiError | TransportError, answer_id: str | None) -> None:
        self.try_again = error.transient and not error.saved
        if isinstance(error, ApiError):
            if error.retry_after_s:
                self._silence.keep(error.retry_after_s)
            if self._confirm_refusal and answer_id and _refuses(error) and not error.saved:
                self._confirming = self.try_again = self._refusal is None
                self._refusal = self._refusal or error
        busy = isinstance(error, ApiError) and error.come_back_later
        self._faults += not (busy or self._confirming)

    def refusal_instead_of(self, last: ZuoraBackfillError) -> ApiError | None:
        """Return the refusal that could not be asked for once more, with nothing open since."""
        unanswered = isinstance(last, TransportError) and not last.outcome_open and not self.over
        return self._refusal if unanswered else None

    def exhausted(self, state: RetryCallState) -> bool:
        """Stop at the fifth fault, or where the next attempt would come after the deadline."""
        return self._faults >= MAX_ATTEMPTS or state.upcoming_sleep >= self.left_s()

    def pause_s(self, state: RetryCallState) -> float:
        """Take a random part of a growing time, and never less than what Zuora asked for."""
        backoff_s = min(_MAX_BACKOFF_S, 2.0 ** min(state.attempt_number - 1, 6))
        jitter_s = 0.0 if self._confirming else self._clock.jitter() * backoff_s
        return max(self._silence.left_s(), jitter_s)


def _refuses(error: ApiError) -> bool:
    """Tell whether Zuora looked at the request and said no; a key that does not fit stays so."""
    return not error.transient and error.status not in (401, 422)
