"""
One request out, one answer or one error back: a single attempt, without any patience.

Knows HTTP and Zuora's habit of refusing with 200, and nothing of paths, tokens or retries.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from requests import exceptions as lower
from requests.auth import AuthBase
from urllib3.exceptions import NameResolutionError, NewConnectionError

from .config import is_loopback
from .errors import ApiError, TransportError

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 130.0  # Zuora's gateway gives up at 120 s


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    An answer that is a yes.

    Attributes:
        body: The JSON object.
        date: Zuora's clock, from the ``Date`` header.
        request_id: ``Zuora-Request-Id``.
    """

    body: Mapping[str, Any]
    date: datetime | None
    request_id: str | None


class Exchange:
    """Sends requests to one base URL, each thread over a session of its own; follows no redirect."""

    def __init__(self, base_url: str, *, compress_requests: bool = False) -> None:
        """
        Keep the address; nothing is sent yet.

        Args:
            base_url: In the form of `config.base_url_of`.
            compress_requests: Whether JSON bodies are gzipped.
        """
        self.base_url = base_url
        self._compress_requests = compress_requests
        self._local = threading.local()

    def send(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        auth: AuthBase | None = None,
        headers: Mapping[str, str] | None = None,
        json_body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> Answer:
        """
        Send one request once.

        Args:
            operation: What is asked, for error texts: ``start the backfill job``.
            method: The HTTP method.
            path: The path below the base URL.
            auth: Puts the token on; ``None`` sends no ``Authorization`` at all.
            headers: Further headers.
            json_body: Sent as JSON.
            form: Sent as a form.
            read_timeout_s: How long to wait for the answer.

        Returns:
            The answer, when it is a yes.

        Raises:
            TransportError: No usable answer came.
            ApiError: The answer is no.
        """
        sent_headers = {"Accept": "application/json", **(headers or {})}
        data: Mapping[str, str] | bytes | None = form
        if json_body is not None:
            sent_headers["Content-Type"] = "application/json"
            data = json.dumps(json_body).encode()
            if self._compress_requests:
                sent_headers["Content-Encoding"] = "gzip"
                data = gzip.compress(data)
        try:
            response = self._session().request(
                method,
                self.base_url + path,
                data=data,
                headers=sent_headers,
                auth=auth or _no_authorization,
                timeout=(CONNECT_TIMEOUT_S, read_timeout_s),
                allow_redirects=False,
            )
        except lower.RequestException as error:
            raise _lost(operation, self.base_url, error) from error
        return _answer(operation, response, sent_headers.get("Zuora-Track-Id"))

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            # A proxy is never asked for a server on this very machine: it would see the secret in the clear.
            session.trust_env = not is_loopback(self.base_url.split("://")[1].rsplit(":", 1)[0].strip("[]"))
        return session


def _no_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from putting credentials of a .netrc file on the request."""
    return request


def _answer(operation: str, response: requests.Response, track_id: str | None) -> Answer:
    body = _json(response.text)
    refused = isinstance(body, dict) and body.get("success") is False
    if not 200 <= response.status_code < 300 or refused:
        raise ApiError.from_answer(
            operation,
            response.status_code,
            response.text if body is None else body,
            headers=response.headers,
            track_id=track_id,
            retry_after_s=retry_after_s(response.headers, response.status_code, _date(response.headers)),
        )
    if not isinstance(body, dict):
        raise TransportError(f"Zuora's answer to the request to {operation} is not a JSON object.", arrived=True)
    return Answer(body=body, date=_date(response.headers), request_id=response.headers.get("Zuora-Request-Id"))


def _json(text: str) -> Any:
    """Parse JSON; ``None`` where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers.get("Date", "")).astimezone(timezone.utc)
    except (TypeError, ValueError):
        return None


def retry_after_s(headers: Mapping[str, str], status: int, now: datetime | None = None) -> float | None:
    """
    Read how long Zuora asks to wait: ``Retry-After`` (seconds or a date), else, with a 429, ``RateLimit-Reset``.

    Args:
        headers: The headers of the answer.
        status: Its status.
        now: The server's clock, which a date is held against.
    """
    told = headers.get("Retry-After")
    if told is None and status == 429:
        told = headers.get("RateLimit-Reset")
    if told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            until = parsedate_to_datetime(told)
        except (TypeError, ValueError):
            return None
        seconds = (until - (now or datetime.now(timezone.utc))).total_seconds() if until.tzinfo else 0.0
    return max(0.0, seconds) if seconds == seconds and seconds != float("inf") else None


# What requests raises → whether the request may have arrived, whether it may be tried again, what to say. The first that fits counts.
_LOST: Final[tuple[tuple[type[Exception], bool, bool, str], ...]] = (
    (lower.SSLError, False, False, "the TLS certificate of {host} was not accepted"),
    (lower.ProxyError, False, True, "the proxy did not let the request through to {host}"),
    (lower.ConnectTimeout, False, True, "{host} did not take the connection in time"),
    (lower.ReadTimeout, True, True, "no answer came from {host} in time"),
    (lower.ConnectionError, True, True, "the connection to {host} was lost"),
    (lower.ChunkedEncodingError, True, True, "the answer from {host} broke off"),
    (lower.ContentDecodingError, True, True, "the answer from {host} could not be decoded"),
    (lower.RequestException, False, False, "the request could not be sent to {host}"),
)


def _lost(operation: str, base_url: str, error: lower.RequestException) -> TransportError:
    _, arrived, transient, text = next(row for row in _LOST if isinstance(error, row[0]))
    reason = _innermost(error)
    if isinstance(reason, NewConnectionError):  # refused, or the name is not known: nothing has left this machine
        arrived, text = False, "{host} cannot be reached"
        if isinstance(reason, NameResolutionError):
            text = "the host name of {host} is not known"
    hint = "" if arrived else "Check the base URL (ZUORA_BASE_URL or zuora:baseUrl) and the network."
    return TransportError(
        f"Could not {operation}: {text.format(host=base_url)} ({type(reason).__name__}).",
        hint,
        arrived=arrived,
        transient=transient,
    )


def _innermost(error: BaseException) -> BaseException:
    """Follow what urllib3 wrapped to the reason itself."""
    inner = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    return _innermost(inner) if isinstance(inner, BaseException) else error
