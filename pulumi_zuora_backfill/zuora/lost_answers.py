"""A request that brought no usable answer: what to say, and whether it may be tried again. Pure."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from requests import exceptions as lower
from urllib3 import exceptions as lowest

from pulumi_zuora_backfill.errors import TransportError

CHECK_THE_WAY: Final = (
    "Check the base URL (ZUORA_BASE_URL or zuora:baseUrl) and the network, "
    "then run the same command again."
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """
    A request as it goes out.

    Attributes:
        operation: What is asked, for error texts.
        method: The HTTP method.
        base_url: Where it goes.
        path: The path below the base URL.
        headers: All headers but those of HTTP itself.
        body: The body, or ``None`` for a request that only reads.
        proxies: As `requests` takes them.
    """

    operation: str
    method: str
    base_url: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    proxies: dict[str, str] | None = None


class TooLargeError(Exception):
    """The body of an answer is longer than any of Zuora's."""


# What is raised → whether it may be tried again, and what to say. The first that fits counts.
_LOST: Final[tuple[tuple[type[BaseException], bool, str], ...]] = (
    (lowest.NameResolutionError, True, "the host name of {host} is not known"),
    (lowest.NewConnectionError, True, "{host} cannot be reached"),
    (ssl.SSLCertVerificationError, False, "the TLS certificate of {host} was not accepted"),
    (lower.SSLError, True, "the TLS connection to {host} broke off"),
    (lower.ConnectTimeout, True, "{host} did not take the connection in time"),
    (lower.ReadTimeout, True, "no answer came from {host} in time"),
    (lowest.ReadTimeoutError, True, "no answer came from {host} in time"),
    (lower.ConnectionError, True, "the connection to {host} was lost"),
    (lowest.ProtocolError, True, "the answer from {host} broke off"),
    (zlib.error, True, "the answer from {host} could not be decoded"),
    (TooLargeError, False, "the answer from {host} is too long to be one of Zuora's"),
    (lower.RequestException, False, "the request could not be sent to {host}"),
    (lowest.LocationValueError, False, "{host} is not an address"),
    (lowest.HTTPError, True, "the connection to {host} was lost"),
    (OSError, False, "the CA bundle (REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE) cannot be read"),
)


def as_transport_error(request: Request, error: BaseException, arrived: bool) -> BaseException:
    """Say what became of a request that brought no answer; a fault of ours stays what it is."""
    reason = _innermost(error)
    transient, text = next(
        (
            (transient, text)
            for kind, transient, text in _LOST
            if isinstance(reason, kind) or isinstance(error, kind)
        ),
        (False, ""),
    )
    if not text:
        return error
    if isinstance(error, lower.ProxyError) and not arrived:
        text = "the proxy did not let the request through to {host}"
    return lost(request, reason, text, arrived=arrived, transient=transient)


def lost(
    request: Request,
    reason: BaseException,
    text: str,
    *,
    arrived: bool = False,
    transient: bool = True,
) -> TransportError:
    """Return the error for an answer that is not waited for any more, or did not come."""
    return TransportError(
        f"Could not {request.operation}: {text.format(host=request.base_url)} "
        f"({type(reason).__name__.lstrip('_')}).",
        CHECK_THE_WAY,
        arrived=arrived,
        transient=transient,
    )


def _innermost(error: BaseException) -> BaseException:
    """Follow what urllib3 wrapped to the reason itself."""
    inner = getattr(error, "reason", None) or next(
        (arg for arg in error.args if isinstance(arg, BaseException)), None
    )
    return _innermost(inner) if isinstance(inner, BaseException) else error
