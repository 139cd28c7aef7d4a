"""
One HTTP request in a thread of its own, so that nothing the other end does can hold up the caller.

Neither a name server, nor a handshake, nor an answer that comes byte by byte takes longer than
there is time, and a cancelled run is noticed meanwhile.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from io import BytesIO
from typing import Final

import requests

from pulumi_zuora_backfill.errors import ZuoraBackfillError

from .lost_answers import Request, TooLargeError, as_transport_error, lost

MAX_BODY: Final = 10_000_000
_CONNECT_TIMEOUT_S = 10.0
_CHUNK = 65_536
_SLICE_S = 0.25
_GZIP = zlib.MAX_WBITS | 16


@dataclass(frozen=True, kw_only=True)
class Response:
    """
    An answer as it came.

    Attributes:
        status: The HTTP status.
        headers: Its headers; their names in any case.
        content: Its body, unzipped.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


class RequestThreads:
    """Carries requests over connections that it keeps; follows no redirect, keeps no cookie."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        """
        Start without connections.

        Args:
            sleep: Called with 0 while an answer is waited for; raises when the run is cancelled.
        """
        self._sleep = sleep
        self._idle: list[requests.Session] = []

    def close(self) -> None:
        """Close the connections that are kept open; the next request opens a new one."""
        while self._idle:
            self._idle.pop().close()

    def carry(self, request: Request, timeout_s: float) -> Response:
        """
        Send a request once and wait for its answer.

        Raises:
            TransportError: No answer came; ``arrived`` says whether the body had begun to leave.
            InterruptedWaitError: The run was cancelled meanwhile; ``arrived`` says the same.
        """
        errand = _Errand(request, self._idle, timeout_s)
        until_s = time.monotonic() + timeout_s
        errand.start()
        try:
            while not errand.done.wait(min(_SLICE_S, max(0.0, until_s - time.monotonic()))):
                self._sleep(0)
                if time.monotonic() >= until_s:
                    raise lost(request, TimeoutError(), "no answer came from {host} in time")
            return errand.outcome()
        except BaseException as error:
            arrived = errand.abandon()
            if isinstance(error, ZuoraBackfillError):
                error.arrived = arrived
            raise


class _Body(BytesIO):
    """A body that does not leave any more once it is withdrawn, and tells whether it has."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._lock = threading.Lock()
        self._withdrawn = False
        self._left = False

    def read(self, size: int | None = -1) -> bytes:
        """Hand out what the connection sends next; only a connection that stands asks for it."""
        with self._lock:
            if self._withdrawn:
                raise _WithdrawnError
            self._left = True
            return super().read(size)

    def withdraw(self) -> bool:
        """Let nothing leave from now on, and tell whether something has."""
        with self._lock:
            self._withdrawn = True
            return self._left


class _WithdrawnError(Exception):
    """Nobody waits for the answer any more."""


class _Session(requests.Session):
    """A session that keeps no cookie and does not even look where a redirect leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _Errand(threading.Thread):
    """One request on its way; a daemon, as nobody may wait for it any more."""

    def __init__(self, request: Request, idle: list[requests.Session], timeout_s: float) -> None:
        super().__init__(name=f"zuora: {request.operation}", daemon=True)
        self.done = threading.Event()
        self._request = request
        self._body = None if request.body is None else _Body(request.body)
        self._idle = idle
        self._timeout = (min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s)
        self._result: Response | BaseException = _WithdrawnError()

    def run(self) -> None:
        request = self._request
        try:
            session = self._idle.pop()
        except IndexError:
            session = _Session()
        try:
            with session.request(
                request.method,
                request.base_url + request.path,
                data=self._body,
                headers=request.headers,
                auth=_no_authorization,
                timeout=self._timeout,
                proxies=request.proxies,
                stream=True,
            ) as response:
                content = _content(response)
            self._result = Response(
                status=response.status_code, headers=response.headers, content=content
            )
            self._idle.append(session)
        except BaseException as error:  # whoever waits for it gets it
            self._result = error
            session.close()
        self.done.set()

    def outcome(self) -> Response:
        """Return the answer, or raise what became of it."""
        if isinstance(self._result, Response):
            return self._result
        raise as_transport_error(self._request, self._result, self.abandon()) from self._result

    def abandon(self) -> bool:
        """Let nothing leave from now on, and tell whether the request may have been carried out."""
        return self._body is not None and self._body.withdraw()


def _no_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from putting credentials of a .netrc file on the request."""
    return request


def _content(response: requests.Response) -> bytes:
    """Read a body within limits, whatever it unzips to."""
    chunks: Iterable[bytes] = response.raw.stream(_CHUNK, decode_content=False)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        chunks = _unzipped(chunks)
    elif encoding not in ("", "identity"):
        raise zlib.error(f"{encoding} was not asked for")
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_BODY:
            raise TooLargeError
    return bytes(content)


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unzip = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        left = chunk
        while left and not unzip.eof:
            yield unzip.decompress(left, _CHUNK)
            left = unzip.unconsumed_tail
    yield unzip.flush()
    if not unzip.eof:
        raise zlib.error("the end is missing")
