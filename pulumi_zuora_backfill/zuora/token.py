"""
The bearer token: fetched once, shared by all threads, renewed before it expires and once after a 401.

Source: https://developer.zuora.com/v1-api-reference/authentication/
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.auth import AuthBase

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    TransportError,
    ZuoraBackfillError,
)

from .http import READ_TIMEOUT_S, Exchange
from .refusals import USER_INFO_FAILED

_RENEW_EARLY_S = 240.0
_ASSUMED_LIFETIME_S = 3600.0


@dataclass(frozen=True)
class _Token:
    value: str = field(repr=False)
    renew_at_s: float
    tenant_id: str | None


class ClientCredentials(AuthBase):
    """
    OAuth client credentials as a `requests` authentication.

    One token serves all threads of a process. It is renewed four minutes before it expires (halfway through a lifetime shorter than eight
    minutes), and once when a request is answered with 401. Credentials that Zuora refused are not tried again by this process, and no token is
    asked for while Zuora asked to wait with it. Threads that wait for a token share what becomes of it, a failure too.
    """

    def __init__(
        self,
        exchange: Exchange,
        client_id: str,
        client_secret: str,
        *,
        tenant_id: str | None = None,
        clock: Clock,
        call_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        """
        Keep the credentials; nothing is sent yet.

        Args:
            exchange: Carries the token request.
            client_id: Of the OAuth client.
            client_secret: Of the OAuth client.
            tenant_id: The tenant that the token must belong to, or ``None`` for any.
            clock: Time.
            call_timeout_s: How long one call may take; Zuora's answer with a token is waited for no longer.
        """
        self._exchange = exchange
        self._read_timeout_s = min(READ_TIMEOUT_S, call_timeout_s)
        self._form = {
            "client_id": client_id,
            "client_secret": client_secret,
            "grant_type": "client_credentials",
        }
        self._wanted_tenant_id = tenant_id
        self._clock = clock
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._refused: ZuoraBackfillError | None = None
        self._refused_until_s = 0.0
        self._refusals = 0

    def tenant_id(self) -> str | None:
        """
        Return the tenant that the token belongs to; fetches a token where there is none.

        Raises:
            AuthenticationError: The credentials were refused.
            ConfigurationError: The token belongs to another tenant than the configured one.
        """
        return self._current().tenant_id

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on a request."""
        token = self._current()
        request.headers["Authorization"] = f"Bearer {token.value}"
        request.register_hook(
            "response", lambda response, **options: self._renew_once(token, response, **options)
        )
        return request

    def _renew_once(
        self, token: _Token, response: requests.Response, **options: Any
    ) -> requests.Response:
        """Send a request that was answered with 401 once more, with a new token."""
        if response.status_code != 401 or USER_INFO_FAILED in response.text:
            return response
        again = response.request.copy()
        again.headers["Authorization"] = f"Bearer {self._current(instead_of=token).value}"
        second: requests.Response = response.connection.send(again, **options)
        return second

    def _current(self, instead_of: _Token | None = None) -> _Token:
        refusals = self._refusals
        with self._lock:  # one thread fetches, the others wait for what it brings
            self._refuse_again(waited_for_it=self._refusals > refusals)
            token = self._token
            if token is None or token is instead_of or self._clock.monotonic() >= token.renew_at_s:
                try:
                    token = self._token = self._fetch()
                    self._refused = None
                except ZuoraBackfillError as error:
                    self._remember(error)
                    raise
            return token

    def _remember(self, error: ZuoraBackfillError) -> None:
        wait_s = 0.0
        if isinstance(error, AuthenticationError | ConfigurationError):
            wait_s = float("inf")  # asking again with the same credentials could lock the account
        elif isinstance(error, ApiError):
            wait_s = error.retry_after_s or 0.0
        self._refused, self._refused_until_s = copy(error), self._clock.monotonic() + wait_s
        self._refusals += 1

    def _refuse_again(self, *, waited_for_it: bool) -> None:
        """Raise what the last token request brought, to those who waited for it and while it holds; a copy, as each call notes its own outcome on its error."""
        left_s = self._refused_until_s - self._clock.monotonic()
        if self._refused is None or (left_s <= 0 and not waited_for_it):
            return
        error = copy(self._refused)
        if isinstance(error, ApiError) and error.retry_after_s:
            error.retry_after_s = max(0.0, left_s)
        raise error

    def _fetch(self) -> _Token:
        asked_at_s = self._clock.monotonic()
        body = self._ask()
        match = re.search(r"(?:^|\s)tenant\.(\d+)(?:\s|$)", str(body.get("scope", "")))
        tenant_id = match[1] if match else None
        if self._wanted_tenant_id not in (None, tenant_id):
            belongs = f"tenant {tenant_id}" if tenant_id else "a tenant that it does not name"
            raise ConfigurationError(
                f"The credentials belong to {belongs}, but tenant {self._wanted_tenant_id} is configured.",
                "Only a token was asked for; nothing else was sent. Check ZUORA_TENANT_ID / zuora:tenantId, the base URL and the credentials.",
            )
        lifetime_s = _seconds(body.get("expires_in"))
        renew_at_s = asked_at_s + lifetime_s - min(_RENEW_EARLY_S, lifetime_s / 2)
        return _Token(value=body["access_token"], renew_at_s=renew_at_s, tenant_id=tenant_id)

    def _ask(self) -> Mapping[str, Any]:
        try:
            body = self._exchange.send(
                "get a token",
                "POST",
                "/oauth/token",
                form=self._form,
                read_timeout_s=self._read_timeout_s,
            ).body
        except ApiError as error:
            error.arrived = (
                False  # the token request arrived; the request that the token is for did not
            )
            if error.transient or error.status not in (400, 401, 403):
                raise
            refused = AuthenticationError(
                f"Zuora refused the client credentials ({error.code or f'HTTP {error.status}'}{': ' if error.reason else ''}{error.reason}).",
                f"Check client id and secret, and that they belong to {self._exchange.base_url}: a wrong base URL is a common cause.",
                status=error.status,
                code=error.code,
                reason=error.reason,
                request_ids=error.request_ids,
            )
            refused.arrived = False
            raise refused from error
        except TransportError as error:
            error.arrived = False
            raise
        token = body.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(
            r"[\x21-\x7e]+", token
        ):  # as it has to fit a header
            raise TransportError(
                f"{self._exchange.base_url}/oauth/token answered without a token.",
                "Check the base URL.",
                arrived=False,
            )
        return body


def _seconds(value: object) -> float:
    """Read ``expires_in``, which Zuora's own samples take as a number or a text."""
    try:
        seconds = float(str(value))
    except ValueError:
        return _ASSUMED_LIFETIME_S
    return seconds if 0 < seconds < float("inf") else _ASSUMED_LIFETIME_S
