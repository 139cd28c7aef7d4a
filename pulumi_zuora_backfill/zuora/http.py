"""
One request out, one answer or one error back: a single attempt, without any patience.

Knows HTTP and Zuora's habit of refusing with 200, and nothing of paths, tokens or retries.
"""

from __future__ import annotations

import gzip
import json
import math
import ssl
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests import exceptions as lower
from requests.auth import AuthBase
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
)

from pulumi_zuora_backfill.errors import ApiError, TransportError

from .base_url import is_loopback
from .refusals import clean

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 130.0  # Zuora's gateway gives up at 120 s
_LONGEST_WAIT_S = 86_400.0  # no limit of Zuora's counts longer than a day


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    An answer that is a yes.

    Attributes:
        body: The JSON object.
        date: Zuora's clock, from the ``Date`` header.
        request_id: ``Zuora-Request-Id``.
        pause_s: How long nothing may be sent after it, as it used the last request of the tenant's rate limit.
    """

    body: Mapping[str, Any]
    date: datetime | None
    request_id: str | None
    pause_s: float | None = None


class _Session(requests.Session):
    """A session that does not even look where a redirect leads to, and so follows none."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


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
        host = urlsplit(base_url).hostname or ""
        # A proxy is never asked for a server on this very machine: it would see the secret in the clear.
        self._proxies = {"no_proxy": host} if is_loopback(host) else None
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
                proxies=self._proxies,
            )
        except (
            OSError,
            HTTPError,
        ) as error:  # requests raises OSErrors, and lets some errors of urllib3 through
            raise _lost(operation, self.base_url, error) from error
        credentials = str(response.request.headers.get("Authorization", "")).removeprefix("Bearer ")
        secrets = {credentials, (form or {}).get("client_secret", "")} - {""}
        return _answer(operation, response, sent_headers.get("Zuora-Track-Id"), secrets)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _Session()
        return session


def _no_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from putting credentials of a .netrc file on the request."""
    return request


def _answer(
    operation: str, response: requests.Response, track_id: str | None, secrets: Collection[str]
) -> Answer:
    body = _json(response.content)
    refused = isinstance(body, dict) and body.get("success", not body.get("reasons")) is False
    if not 200 <= response.status_code < 300 or refused:
        raise ApiError.from_answer(
            operation,
            response.status_code,
            response.text if body is None else body,
            headers=response.headers,
            track_id=track_id,
            retry_after_s=retry_after_s(
                response.headers, response.status_code, _moment(response.headers.get("Date"))
            ),
            secrets=secrets,
        )
    if not isinstance(body, dict):
        raise TransportError(
            f"Zuora's answer to the request to {operation} is not a JSON object.",
            _CHECK_THE_WAY,
            arrived=True,
        )
    return Answer(
        body=body,
        date=_moment(response.headers.get("Date")),
        request_id=clean(response.headers.get("Zuora-Request-Id")) or None,
        pause_s=_seconds(response.headers.get("RateLimit-Reset"))
        if response.headers.get("RateLimit-Remaining") == "0"
        else None,
    )


def _json(content: bytes) -> Any:
    """Parse JSON; ``None`` where it is none, or is nested too deep to be Zuora's."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _moment(text: str | None) -> datetime | None:
    """Read an HTTP date; one that names no zone is in UTC."""
    try:
        moment = parsedate_to_datetime(text or "")
        return (
            moment.replace(tzinfo=timezone.utc)
            if moment.tzinfo is None
            else moment.astimezone(timezone.utc)
        )
    except (TypeError, ValueError, OverflowError):
        return None


def retry_after_s(
    headers: Mapping[str, str], status: int, now: datetime | None = None
) -> float | None:
    """
    Read how long Zuora asks to wait: ``Retry-After`` (seconds or a date), else, with a 429, ``RateLimit-Reset``; a day at most.

    Args:
        headers: The headers of the answer.
        status: Its status.
        now: The server's clock, which a date is held against.
    """
    asked_s = _seconds(headers.get("Retry-After"), now)
    if asked_s is None and status == 429:
        asked_s = _seconds(headers.get("RateLimit-Reset"), now)
    return asked_s


def _seconds(told: str | None, now: datetime | None = None) -> float | None:
    """Read seconds, or a date, from a header; ``None`` where it is neither."""
    try:
        seconds = float(told or "")
    except ValueError:
        until = _moment(told)
        seconds = (
            (until - (now or datetime.now(timezone.utc))).total_seconds() if until else math.nan
        )
    return min(max(0.0, seconds), _LONGEST_WAIT_S) if math.isfinite(seconds) else None


_CHECK_THE_WAY: Final = "Check the base URL (ZUORA_BASE_URL or zuora:baseUrl) and the network, then run the same command again."
# What requests raises → whether the request may have arrived, whether it may be tried again, what to say. The first that fits counts.
_LOST: Final[tuple[tuple[type[Exception], bool, bool, str], ...]] = (
    (lower.SSLError, True, True, "the TLS connection to {host} broke off"),
    (lower.ProxyError, False, True, "the proxy did not let the request through to {host}"),
    (lower.ConnectTimeout, False, True, "{host} did not take the connection in time"),
    (lower.ReadTimeout, True, True, "no answer came from {host} in time"),
    (lower.ConnectionError, True, True, "the connection to {host} was lost"),
    (lower.ChunkedEncodingError, True, True, "the answer from {host} broke off"),
    (lower.ContentDecodingError, True, True, "the answer from {host} could not be decoded"),
    (lower.RequestException, False, False, "the request could not be sent to {host}"),
    (LocationValueError, False, False, "{host} is not an address"),
    (HTTPError, True, True, "the connection to {host} was lost"),
    (
        OSError,
        False,
        False,
        "the CA bundle (REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE) to check {host} with cannot be read",
    ),
)


def _lost(operation: str, base_url: str, error: OSError | HTTPError) -> TransportError:
    _, arrived, transient, text = next(row for row in _LOST if isinstance(error, row[0]))
    reason = _innermost(error)
    if isinstance(
        reason, NewConnectionError
    ):  # refused, or the name is not known: nothing has left this machine
        arrived, text = False, "{host} cannot be reached"
        if isinstance(reason, NameResolutionError):
            text = "the host name of {host} is not known"
    elif isinstance(reason, ssl.SSLCertVerificationError):  # the handshake comes before the request
        arrived, transient, text = False, False, "the TLS certificate of {host} was not accepted"
    return TransportError(
        f"Could not {operation}: {text.format(host=base_url)} ({type(reason).__name__}).",
        _CHECK_THE_WAY,
        arrived=arrived,
        transient=transient,
    )


def _innermost(error: BaseException) -> BaseException:
    """Follow what urllib3 wrapped to the reason itself."""
    inner = getattr(error, "reason", None) or next(
        (arg for arg in error.args if isinstance(arg, BaseException)), None
    )
    return _innermost(inner) if isinstance(inner, BaseException) else error
