"""What the tests of the client side share: a clock of their own, the client, raw answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import count
from unittest.mock import patch

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.contract.intent import Intent
from pulumi_zuora_backfill.contract.start_request import StartRequest
from pulumi_zuora_backfill.errors import ZuoraBackfillError
from pulumi_zuora_backfill.settings.loading import DEFAULT_VERSION
from pulumi_zuora_backfill.testing import Sandbox
from pulumi_zuora_backfill.testing.sandbox import SandboxClock
from pulumi_zuora_backfill.zuora.client import BackfillClient
from pulumi_zuora_backfill.zuora.http import Exchange
from pulumi_zuora_backfill.zuora.models import BackfillRequest, Scope
from pulumi_zuora_backfill.zuora.retries import Transport
from pulumi_zuora_backfill.zuora.token import ClientCredentials

KEY = "zbf1-" + "0" * 64
REQUEST = BackfillRequest(type="RatePlanCharge", batch_size=500, dry_run=False)
NOWHERE = Scope()
INTENT = Intent(
    urn="urn:pulumi:dev::shop::pulumi-python:dynamic/zuora:BackfillJob::charges",
    base_url="https://rest.zuora.com",
    tenant_id="10042",
    entity_id=None,
    org_ids=(),
    type="RatePlanCharge",
    dry_run=False,
)
START = StartRequest(intent=INTENT, request=REQUEST, scope=NOWHERE, guard="once")
STANDS_AT = datetime(2027, 1, 15, 8, 0, tzinfo=timezone.utc)
MOST_SLEEPS = 2000


class StillClock(SandboxClock):
    """A sandbox's clock that stands still at `STANDS_AT` until it is pushed."""

    def now(self) -> float:
        """Return the time as seconds since 1970."""
        return STANDS_AT.timestamp() + self._skipped_s


@contextmanager
def still_sandbox() -> Iterator[Sandbox]:
    """Serve a local Zuora whose time only passes when it is pushed."""
    with patch("pulumi_zuora_backfill.testing.sandbox.sandbox.SandboxClock", StillClock):
        sandbox = Sandbox(seed=1)
    with sandbox:
        yield sandbox


class ManualClock:
    """Time that moves when somebody sleeps, the sandbox's too; chance that is chosen."""

    def __init__(self, sandbox: Sandbox | None = None, jitter: float = 0.5) -> None:
        """Start at zero; every `jitter` is the same."""
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self.jitter = jitter
        self.time_s = 0.0
        self.sleeps: list[float] = []
        self.on_sleep: Callable[[float], None] = lambda _: None

    @property
    def clock(self) -> Clock:
        """The clock to hand in."""
        return Clock(
            monotonic=lambda: self.time_s,
            now=lambda: datetime.fromtimestamp(
                self._sandbox.clock.now() if self._sandbox else self.time_s, timezone.utc
            ),
            sleep=self._sleep,
            jitter=lambda: self.jitter,
        )

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self.time_s += seconds
            if self._sandbox:
                self._sandbox.clock.advance(seconds)

    def _sleep(self, seconds: float) -> None:
        self.on_sleep(seconds)
        if seconds == 0:  # no pause, but the question whether the run was cancelled
            return
        assert len(self.sleeps) < MOST_SLEEPS, "it sleeps for ever"
        self.sleeps.append(seconds)
        self.advance(seconds)


@dataclass(kw_only=True)
class Connection:
    """The client and all that it is made of."""

    client: BackfillClient
    transport: Transport
    credentials: ClientCredentials
    exchange: Exchange
    time: ManualClock
    said: list[str] = field(default_factory=list)

    def create(self, key: str = KEY, scope: Scope = NOWHERE, track_id: str = "track-1") -> str:
        """Start a job and return its id."""
        return self.client.create(REQUEST, scope, idempotency_key=key, track_id=track_id).job_id


def connect(
    sandbox: Sandbox | None = None,
    *,
    base_url: str | None = None,
    client_secret: str | None = None,
    tenant_id: str | None = None,
    call_timeout_s: float = 300.0,
    compress_requests: bool = False,
    jitter: float = 0.5,
) -> Connection:
    """Wire everything as the provider does, for a sandbox or another address; send nothing yet."""
    time, said = ManualClock(sandbox, jitter), list[str]()
    exchange = Exchange(
        base_url or (sandbox.base_url if sandbox else ""),
        clock=time.clock,
        compress_requests=compress_requests,
    )
    credentials = ClientCredentials(
        exchange,
        sandbox.client_id if sandbox else "client-id",
        client_secret or (sandbox.client_secret if sandbox else "client-secret"),
        tenant_id=tenant_id,
        clock=time.clock,
    )
    transport = Transport(
        exchange,
        credentials,
        version=DEFAULT_VERSION,
        call_timeout_s=call_timeout_s,
        clock=time.clock,
        report=said.append,
    )
    client = BackfillClient(transport, credentials)
    return Connection(
        client=client,
        transport=transport,
        credentials=credentials,
        exchange=exchange,
        time=time,
        said=said,
    )


def in_threads(number: int, call: Callable[[], object]) -> list[object]:
    """Call from many threads at the same moment and return what each got, errors too."""
    barrier = threading.Barrier(number)

    def one(_: int) -> object:
        barrier.wait()
        try:
            return call()
        except ZuoraBackfillError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def http(status: int = 200, body: bytes | str = b"{}", *headers: str) -> bytes:
    """Write an answer as it goes over the wire, after which the connection is closed."""
    content = body.encode() if isinstance(body, str) else body
    lines = (
        f"HTTP/1.1 {status} Said",
        f"Content-Length: {len(content)}",
        "Connection: close",
        *headers,
    )
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content


TOKEN = http(200, '{"access_token": "the-token", "expires_in": 3600, "scope": "tenant.10042"}')


@dataclass
class RawServer:
    """A server that says what it is told to say; one connection after the other."""

    base_url: str
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def raw_server(
    *answers: bytes, wrap: Callable[[socket.socket], socket.socket] | None = None
) -> Iterator[RawServer]:
    """
    Serve raw bytes on a real socket: one answer a connection, the last one for all that follow.

    Args:
        *answers: What to send back, byte for byte; empty ones just close the connection.
        wrap: Turns a connection into another one, with TLS for instance.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    server = RawServer(f"{'https' if wrap else 'http'}://127.0.0.1:{listener.getsockname()[1]}")

    def serve() -> None:
        for number in count():
            try:
                connection, _ = listener.accept()
            except OSError:  # the listener was closed
                return
            try:
                with wrap(connection) if wrap else connection as open_connection:
                    server.requests.append(read_request(open_connection))
                    open_connection.sendall(answers[min(number, len(answers) - 1)])
            except OSError:  # the client has gone
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def read_request(connection: socket.socket) -> bytes:
    """Read one whole request, so that closing the connection does not reset it."""
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
        head, found, body = data.partition(b"\r\n\r\n")
        length = next(
            (
                line[15:]
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            b"0",
        )
        if found and len(body) >= int(length):
            break
    return data
