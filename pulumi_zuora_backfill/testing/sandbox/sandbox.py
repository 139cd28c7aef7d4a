"""The sandbox as a test holds it: a tenant, the hands on it, and the socket it is served on."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType

from .controls_for_tests import Controls
from .faults import FaultPlan, HeldRequests
from .guesses_about_zuora import Behaviours
from .recorded_requests import RequestLog
from .sandbox_clock import SandboxClock
from .server import SocketServer, WsgiApplication
from .simulated_zuora import IdempotencyKeys, RateLimits, SimulatedZuora, Tenant


class Sandbox(Controls):
    """
    A Zuora tenant of one's own, at `base_url` while it is started.

    It does what Zuora documents, guesses the rest (`behaviours`) and fails as planned (`plan()`).
    State survives `stop()`; a second `start()` serves it again, at the same address.
    """

    def __init__(
        self,
        *,
        tenant_id: str = "10042",
        client_id: str | None = None,
        client_secret: str | None = None,
        entity_ids: Iterable[str] = (),
        org_ids: Iterable[str] = (),
        job_duration_s: float | None = None,
        batches: int = 10,
        behaviours: Behaviours | None = None,
        answer_time_s: float = 0.0,
        requests_per_minute: int = 50_000,
        token_requests_per_minute: int = 100,
        requests_at_once: int = 40,
        neighbour: Sandbox | None = None,
        seed: int | None = None,
        port: int = 0,
    ) -> None:
        """
        Make a tenant; nothing listens yet.

        Args:
            tenant_id: The `tenant.<n>` of the token's scope.
            client_id: 36 characters; made up by default.
            client_secret: At most 42 characters; made up by default, with characters that a form
                must encode.
            entity_ids: The tenant's entities. When given, others are refused; two or more: a
                request must name one.
            org_ids: The user's organisations. When given, others are refused.
            job_duration_s: How long a job runs, by the sandbox's clock; `None`: until `finish()` or
                a stop.
            batches: How many batches a job has.
            behaviours: The guesses to start with.
            answer_time_s: Real time that every answer takes.
            requests_per_minute: The API's rate limit.
            token_requests_per_minute: The token endpoint's rate limit.
            requests_at_once: The concurrency limit.
            neighbour: Another tenant of the same data center: they share the clock and the
                idempotency keys.
            seed: Makes ids and made-up credentials the same in each run.
            port: Where to listen on 127.0.0.1; 0: any free port.
        """
        self.clock = neighbour.clock if neighbour else SandboxClock()
        self.behaviours = behaviours or Behaviours()
        self._tenant = Tenant(
            clock=self.clock,
            behaviours=self.behaviours,
            seed=seed,
            tenant_id=tenant_id,
            client_id=client_id,
            client_secret=client_secret,
            entity_ids=entity_ids,
            org_ids=org_ids,
            job_duration_s=job_duration_s,
            batches=batches,
        )
        self._keys: IdempotencyKeys = neighbour._keys if neighbour else IdempotencyKeys(self.clock)
        limits = RateLimits(self.clock, requests_per_minute, requests_at_once)
        token_limits = RateLimits(self.clock, token_requests_per_minute, sys.maxsize)
        self._plan, self._log, self._held = FaultPlan(), RequestLog(), HeldRequests()
        zuora = SimulatedZuora(self._tenant, self._keys, limits, token_limits)
        self._application = WsgiApplication(zuora, self._plan, self._log, self._held, answer_time_s)
        self._server: SocketServer | None = None
        self._port = port
        self._past_connections = 0

    def start(self) -> Sandbox:
        """
        Start to listen.

        Raises:
            RuntimeError: It is started already.
            OSError: The port is in use.
        """
        if self._server:
            msg = "The sandbox is started already."
            raise RuntimeError(msg)
        self._held.open()
        self._server = SocketServer(self._application, self._port)
        self._port = self._server.port
        return self

    def stop(self) -> None:
        """Stop to listen and close all connections; held answers are never sent."""
        server, self._server = self._server, None
        if server:
            self._held.close()
            server.close()
            self._past_connections += server.connections

    def __enter__(self) -> Sandbox:
        """Start to listen."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop to listen."""
        self.stop()

    @property
    def base_url(self) -> str:
        """
        Where it listens, or did last.

        Raises:
            RuntimeError: It was never started, so that its port is unknown.
        """
        if not self._port:
            msg = "The sandbox has no address before it is started."
            raise RuntimeError(msg)
        return f"http://127.0.0.1:{self._port}"

    def environment(self) -> dict[str, str]:
        """Return the environment variables that point a program at the sandbox."""
        return {
            "ZUORA_BASE_URL": self.base_url,
            "ZUORA_CLIENT_ID": self.client_id,
            "ZUORA_CLIENT_SECRET": self.client_secret,
        }

    @property
    def connections(self) -> int:
        """How many TCP connections clients have opened so far."""
        return self._past_connections + (self._server.connections if self._server else 0)
