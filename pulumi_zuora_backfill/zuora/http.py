"""
One request out, one answer or one error back: a single attempt, without any patience.

Knows HTTP and Zuora's habit of refusing with 200, and nothing of paths, tokens or retries.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import TransportError

from .base_url import is_loopback
from .headers import moment_of, retry_after_s, seconds_of
from .lost_answers import CHECK_THE_WAY, Request
from .refusals import error_from_answer
from .request_thread import RequestThreads, Response
from .texts import text_or_none

ATTEMPT_TIMEOUT_S: Final = 130.0  # Zuora's gateway gives up at 120 s


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    An answer that is a yes.

    Attributes:
        body: The JSON object.
        date: Zuora's clock, from the ``Date`` header.
        request_id: ``Zuora-Request-Id``.
        pause_s: How long nothing may be sent after it, as it used the last request of the tenant's
            rate limit.
    """

    body: Mapping[str, Any]
    date: datetime | None
    request_id: str | None
    pause_s: float | None = None


class Exchange:
    """Sends requests to one base URL; one object serves all threads of a process."""

    def __init__(
        self, base_url: str, *, clock: Clock | None = None, compress_requests: bool = False
    ) -> None:
        """
        Keep the address; nothing is sent yet.

        Args:
            base_url: In the form of `base_url_of`.
            clock: Time; its ``sleep`` raises when the run is cancelled.
            compress_requests: Whether JSON bodies are gzipped.
        """
        self.base_url = base_url
        self._clock = clock or Clock()
        self._compress_requests = compress_requests
        host = urlsplit(base_url).hostname or ""
        # A proxy is never asked for a server on this very machine: it would see the secret.
        self._proxies = {"no_proxy": host} if is_loopback(host) else None
        self._threads = RequestThreads(self._clock.sleep)
        self._ahead_s: float | None = None

    def close(self) -> None:
        """Close the connections that are kept open; the next request opens a new one."""
        self._threads.close()

    def zuora_now(self) -> datetime | None:
        """Return the time by Zuora's clock; ``None`` where no answer has told it yet."""
        if self._ahead_s is None:
            return None
        try:
            return datetime.fromtimestamp(self._clock.monotonic() + self._ahead_s, timezone.utc)
        except (ValueError, OverflowError):  # a date at the end of time
            return None

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
        """
        Send one request once.

        Args:
            operation: What is asked, for error texts: ``start the backfill job``.
            method: The HTTP method.
            path: The path below the base URL.
            bearer: The token; ``None`` sends no ``Authorization`` at all.
            headers: Further headers.
            json_body: Sent as JSON.
            form: Sent as a form.
            timeout_s: How long it may take from the first byte out to the last byte in.

        Returns:
            The answer, when it is a yes.

        Raises:
            TransportError: No usable answer came.
            ApiError: The answer is no.
            InterruptedWaitError: The run was cancelled meanwhile.
        """
        # gzip is the only encoding that is decoded within limits.
        sent = {"Accept": "application/json", "Accept-Encoding": "gzip", **(headers or {})}
        data: bytes | None = None
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            data = urlencode(form).encode()
        elif json_body is not None:
            sent["Content-Type"] = "application/json"
            data = json.dumps(json_body).encode()
            if self._compress_requests:
                sent["Content-Encoding"] = "gzip"
                data = gzip.compress(data, mtime=0)  # the same bytes under the same key
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer}"
        request = Request(
            operation=operation,
            method=method,
            base_url=self.base_url,
            path=path,
            headers=sent,
            body=data,
            proxies=self._proxies,
        )
        response = self._threads.carry(request, timeout_s)
        date = moment_of(response.headers.get("Date"))
        if date is not None:
            ahead_s = date.timestamp() - self._clock.monotonic()
            # A saved answer comes with its old date: the clock that is furthest on is Zuora's.
            self._ahead_s = ahead_s if self._ahead_s is None else max(ahead_s, self._ahead_s)
        return _answer(request, response, date, _secrets(bearer, form))


def _secrets(bearer: str | None, form: Mapping[str, str] | None) -> list[str]:
    """Return what the request held and no text may hold, the longest first."""
    secret = (form or {}).get("client_secret", "")
    basic = f"{(form or {}).get('client_id', '')}:{secret}" if secret else ""
    return [text for text in (bearer, basic, secret) if text]


def _answer(
    request: Request, response: Response, date: datetime | None, secrets: Collection[str]
) -> Answer:
    headers, body = response.headers, _json(response.content)
    refused = isinstance(body, dict) and body.get("success", not body.get("reasons")) is False
    if not 200 <= response.status < 300 or refused:
        error = error_from_answer(
            request.operation,
            response.status,
            response.content.decode(errors="replace") if body is None else body,
            headers=headers,
            track_id=request.headers.get("Zuora-Track-Id"),
            retry_after_s=retry_after_s(headers, response.status, date),
            secrets=secrets,
        )
        error.arrived = error.arrived and request.body is not None
        raise error
    if not isinstance(body, dict):
        raise TransportError(
            f"Zuora's answer to the request to {request.operation} is not a JSON object.",
            CHECK_THE_WAY,
            arrived=request.body is not None,
        )
    spent = headers.get("RateLimit-Remaining") == "0"
    return Answer(
        body=body,
        date=date,
        request_id=text_or_none(headers.get("Zuora-Request-Id")),
        pause_s=seconds_of(headers.get("RateLimit-Reset")) if spent else None,
    )


def _json(content: bytes) -> Any:
    """Parse JSON; ``None`` where it is none, or is nested too deep to be Zuora's."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
