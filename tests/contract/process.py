"""
One process of the provider: freshly wired, over real sockets, and mortal at every step.

Its clock only moves when it is told to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from unittest.mock import patch

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.connection import Voice, Zuora
from pulumi_zuora_backfill.contract.submission import Submission
from pulumi_zuora_backfill.errors import TransportError, ZuoraBackfillError
from pulumi_zuora_backfill.job.run_memory import RunMemory
from pulumi_zuora_backfill.settings.loading import DEFAULT_CALL_TIMEOUT_S, Settings
from pulumi_zuora_backfill.testing import Sandbox
from pulumi_zuora_backfill.testing.sandbox import SandboxClock
from pulumi_zuora_backfill.zuora.client import BackfillClient
from pulumi_zuora_backfill.zuora.http import ATTEMPT_TIMEOUT_S, Answer, Exchange
from pulumi_zuora_backfill.zuora.retries import Transport
from pulumi_zuora_backfill.zuora.token import ClientCredentials

_REQUEST_S = 0.25


class Crash(BaseException):
    """The process is killed; nothing in the package may survive it."""


@dataclass
class Fate:
    """
    What happens to one process, whoever runs it.

    Attributes:
        crash_at: The step at which it is killed: there is one before and after each request, and
            each time state is written.
        silent: Which of its requests, counted from 0, are carried out but never answered in time.
        records: Whether the host can write down a start of unknown outcome.
        readable: Whether the program can read the stack's state.
        stranger_at: The request before which somebody else starts a job.
    """

    crash_at: int | None = None
    silent: frozenset[int] = frozenset()
    records: bool = True
    readable: bool = True
    stranger_at: int | None = None
    steps: int = field(default=0, init=False)
    requests: int = field(default=0, init=False)

    def step(self) -> None:
        """
        Live through one more step.

        Raises:
            Crash: It was the last one.
        """
        self.steps += 1
        if self.steps - 1 == self.crash_at:
            raise Crash

    def answered(self) -> bool:
        """Tell whether the next request is answered in time."""
        self.requests += 1
        return self.requests - 1 not in self.silent


class StillClock(SandboxClock):
    """A clock that stands still until it is pushed."""

    def __init__(self) -> None:
        """Start on some day."""
        super().__init__()
        self._now_s = 1_800_000_000.0

    def now(self) -> float:
        """Return the time as seconds since 1970."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Push the clock forward."""
        self._now_s += seconds


@contextmanager
def still_sandbox() -> Iterator[Sandbox]:
    """Serve a local Zuora whose time only passes when it is pushed."""
    with patch("pulumi_zuora_backfill.testing.sandbox.sandbox.SandboxClock", StillClock):
        sandbox = Sandbox(seed=1)
    with sandbox:
        yield sandbox


class MortalExchange(Exchange):
    """Sends real requests; the process may die before and after each, and an answer stay away."""

    def __init__(self, sandbox: Sandbox, clock: Clock, fate: Fate) -> None:
        """Take Zuora, the time and the fate."""
        super().__init__(sandbox.base_url, clock=clock)
        self._sandbox = sandbox
        self._fate = fate

    def send(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        bearer: str | None = None,
        headers: Mapping[str, str] | None = None,
        json_body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        timeout_s: float = ATTEMPT_TIMEOUT_S,
    ) -> Answer:
        """Send one request once; every request takes a quarter of a second."""
        self._fate.step()
        if self._fate.requests == self._fate.stranger_at:
            self._sandbox.add_job()
        try:
            answer = super().send(
                operation,
                method,
                path,
                bearer=bearer,
                headers=headers,
                json_body=json_body,
                form=form,
            )
        except ZuoraBackfillError:
            self._clock.sleep(_REQUEST_S)
            self._fate.answered()
            self._fate.step()
            raise
        self._clock.sleep(_REQUEST_S)
        if not self._fate.answered():
            self._clock.sleep(timeout_s)
            raise TransportError(
                f"Could not {operation}: no answer came in time.", arrived=json_body is not None
            )
        self._fate.step()
        return answer


class Process:
    """The provider as one `pulumi` command starts it."""

    def __init__(
        self,
        sandbox: Sandbox,
        fate: Fate,
        *,
        secret: str | None = None,
        call_timeout_s: float = DEFAULT_CALL_TIMEOUT_S,
        ahead_s: float = 0.0,
    ) -> None:
        """
        Start it; nothing is sent yet.

        Args:
            sandbox: The tenant it talks to.
            fate: What happens to it.
            secret: The client secret, where it is not the right one.
            call_timeout_s: How long one call is tried in all.
            ahead_s: How far the clock of its machine is ahead of Zuora's.
        """
        self.fate = fate
        self.said: list[str] = []
        self.memory = RunMemory()
        self.clock = Clock(
            monotonic=lambda: sandbox.clock.now() - sandbox_began_s,
            now=lambda: datetime.fromtimestamp(sandbox.clock.now() + ahead_s, timezone.utc),
            sleep=sandbox.clock.advance,
            jitter=lambda: 0.5,
        )
        sandbox_began_s = sandbox.clock.now()
        self.voice = Voice(status=self.said.append, info=self.said.append, warn=self.said.append)
        self.settings = Settings(
            base_url=sandbox.base_url,
            client_id=sandbox.client_id,
            client_secret=secret or sandbox.client_secret,
            sources=dict.fromkeys(("base_url", "client_id", "client_secret"), "the test"),
            call_timeout_s=call_timeout_s,
        )
        self._zuora: Zuora | None = None
        self._exchange = MortalExchange(sandbox, self.clock, fate)

    def close(self) -> None:
        """Let the process be gone."""
        self._exchange.close()

    def zuora(self) -> Zuora:
        """Wire everything that talks to Zuora, once, as `BackfillJobProvider` does."""
        if self._zuora is None:
            base_url, client_id, client_secret = self.settings.require()
            credentials = ClientCredentials(
                self._exchange, client_id, client_secret, clock=self.clock
            )
            transport = Transport(
                self._exchange,
                credentials,
                version=self.settings.api_version,
                call_timeout_s=self.settings.call_timeout_s,
                clock=self.clock,
                report=self.voice.status,
            )
            client = BackfillClient(transport, credentials)
            submission = Submission(client, self.clock)
            self._zuora = Zuora(
                base_url=base_url, client=client, clock=self.clock, submission=submission
            )
        return self._zuora
