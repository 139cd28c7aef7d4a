"""
Send one request until it is answered, within limits: what is tried again, and how often.

Knows no path and no job. All attempts of a call carry the same headers, and so the same key.
Source: https://developer.zuora.com/docs/guides/error-handling/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import (
    ApiError,
    AskedToWaitError,
    InterruptedWaitError,
    TransportError,
    ZuoraBackfillError,
)

from .http import Answer, Exchange
from .models import duration
from .patience import Patience, Silence
from .token import ClientCredentials, Token

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
        json_body: Sent as JSON; a call that has one changes data.
        confirm_refusal: Whether a refusal is asked for once more, to learn whether it is a saved
            answer.
        before_send: Called right before each request leaves, when the token is there, with whether
            an earlier one of the call may have been carried out. Whatever it raises ends the call.
    """

    operation: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json_body: Mapping[str, Any] | None = None
    confirm_refusal: bool = False
    before_send: Callable[[bool], None] | None = None


class Transport:
    """
    Sends calls, with patience.

    Tried again are lost connections, 408, 409, 429, 5xx and refusals with only transient reasons:
    at most 5 times (409 and 429: as long as the time lasts), after a random pause that grows (full
    jitter, up to 60 s) and is never shorter than what Zuora asked for. While Zuora asked to wait,
    no thread sends anything. Two answers in a row with the same id are one saved answer: no further
    attempt.
    """

    def __init__(
        self,
        exchange: Exchange,
        credentials: ClientCredentials,
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
            credentials: Bring the token.
            version: ``Zuora-Version`` of every call.
            call_timeout_s: How long one call is tried in all.
            clock: Time and chance; its ``sleep`` raises when the run is cancelled.
            report: Takes a live line about what is going on.
        """
        self.exchange = exchange
        self._credentials = credentials
        self._version = version
        self._call_timeout_s = call_timeout_s
        self._clock = clock
        self._report = report
        self._silence = Silence(clock)

    def send(
        self, call: Call, understand: Callable[[Answer], T], *, within_s: float | None = None
    ) -> T:
        """
        Send a call until it is answered or the patience ends.

        Args:
            call: The request.
            understand: Reads the answer; a ``ValueError`` means that it makes no sense and may be
                asked for again.
            within_s: How long to try it where there is less time than a call may take.

        Returns:
            What `understand` read.

        Raises:
            ZuoraBackfillError: The last error; its ``outcome_open`` says whether the request may
                have been carried out all the same, its ``saved`` whether it is a saved answer.
        """

        def attempt(patience: Patience) -> T:
            answer = self._attempt(call, patience)
            if answer.pause_s:
                self._silence.keep(answer.pause_s)
            try:
                return understand(answer)
            except ValueError as cause:
                raise TransportError(
                    f"Zuora's answer to the request to {call.operation} makes no sense: {cause}.",
                    "Run the same command again; if it stays so, Zuora answers in a way that this "
                    "version does not know.",
                    arrived=call.json_body is not None,
                ) from cause

        return self.patiently(
            call.operation, attempt, within_s=within_s, confirm_refusal=call.confirm_refusal
        )

    def patiently(
        self,
        operation: str,
        attempt: Callable[[Patience], T],
        *,
        within_s: float | None = None,
        confirm_refusal: bool = False,
    ) -> T:
        """
        Make attempts until one succeeds or the patience ends.

        Args:
            operation: What is asked, for texts.
            attempt: Asks Zuora once.
            within_s: As with `send`.
            confirm_refusal: As with `Call`.

        Returns:
            What the attempt returned.

        Raises:
            ZuoraBackfillError: The last error, as with `send`.
        """
        timeout_s = (
            self._call_timeout_s if within_s is None else min(within_s, self._call_timeout_s)
        )
        patience = Patience(self._clock, self._silence, timeout_s, confirm_refusal)

        def attempt_in_time() -> T:
            try:
                self._keep_silence(operation, patience)
                return attempt(patience)
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
        except InterruptedWaitError as error:  # raised by a pause between two attempts, too
            patience.learn(error)
            raise
        except ZuoraBackfillError as error:
            refusal = patience.refusal_instead_of(error)
            if refusal is None:
                raise
            raise refusal from error

    def _attempt(self, call: Call, patience: Patience) -> Answer:
        """Send a call once; with a new token once more, where the old one was refused."""
        token = self._credentials.current(within_s=patience.attempt_s())
        try:
            return self._ask(call, token, patience)
        except ApiError as error:
            if error.status != 401 or error.transient or patience.over:
                raise
        token = self._credentials.current(instead_of=token, within_s=patience.attempt_s())
        return self._ask(call, token, patience)

    def _ask(self, call: Call, token: Token, patience: Patience) -> Answer:
        patience.over = True  # whatever is raised here ends the call
        if call.before_send is not None:
            call.before_send(patience.open)
        if call.json_body is not None:
            self._clock.sleep(0)  # raises when the run is cancelled
        patience.over = False
        return self.exchange.send(
            call.operation,
            call.method,
            call.path,
            bearer=token.value,
            headers={"Zuora-Version": self._version, **call.headers},
            json_body=call.json_body,
            timeout_s=patience.attempt_s(),
        )

    def _keep_silence(self, operation: str, patience: Patience) -> None:
        """Wait as long as Zuora asked to; another thread may learn of a longer wait meanwhile."""
        while (silence_s := self._silence.left_s()) > 0:
            if silence_s > patience.left_s():
                raise AskedToWaitError(
                    f"Could not {operation}: Zuora asked to wait {duration(silence_s)}, longer "
                    f"than one call may take ({duration(patience.timeout_s)}).",
                    "Run `pulumi up` again then, or raise ZUORA_CALL_TIMEOUT / zuora:callTimeout.",
                    arrived=False,
                    transient=False,
                )
            self._clock.sleep(silence_s)
