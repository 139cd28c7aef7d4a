"""
The bearer token: fetched once, shared by all threads, renewed before it expires.

Source: https://developer.zuora.com/v1-api-reference/authentication/
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Final

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    InterruptedWaitError,
    TransportError,
    ZuoraBackfillError,
)

from .http import ATTEMPT_TIMEOUT_S, Exchange

_RENEW_EARLY_S: Final = 240.0
_ASSUMED_LIFETIME_S: Final = 3600.0
_SLICE_S: Final = 0.25


@dataclass(frozen=True)
class Token:
    """
    A bearer token.

    Attributes:
        value: What the ``Authorization`` header holds.
        renew_at_s: When a new one is asked for, by the monotonic clock.
        tenant_id: The tenant that its scope names.
    """

    value: str = field(repr=False)
    renew_at_s: float
    tenant_id: str | None


class ClientCredentials:
    """
    OAuth client credentials, and the token that they bring.

    One token serves all threads of a process. It is renewed four minutes before it expires (halfway
    through a lifetime shorter than eight minutes). Credentials that Zuora refused are not tried
    again by this process, and no token is asked for while Zuora asked to wait with it. Threads that
    wait for a token share what becomes of it, a failure too.
    """

    def __init__(
        self,
        exchange: Exchange,
        client_id: str,
        client_secret: str,
        *,
        tenant_id: str | None = None,
        clock: Clock,
    ) -> None:
        """
        Keep the credentials; nothing is sent yet.

        Args:
            exchange: Carries the token request.
            client_id: Of the OAuth client.
            client_secret: Of the OAuth client.
            tenant_id: The tenant that the token must belong to, or ``None`` for any.
            clock: Time; its ``sleep`` raises when the run is cancelled.
        """
        self._exchange = exchange
        self._form = {
            "client_id": client_id,
            "client_secret": client_secret,
            "grant_type": "client_credentials",
        }
        self._wanted_tenant_id = tenant_id
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._refused: ZuoraBackfillError | None = None
        self._refused_until_s = 0.0
        self._refusals = 0

    def tenant_id(self, *, within_s: float = ATTEMPT_TIMEOUT_S) -> str:
        """
        Return the tenant that the token belongs to; fetches a token where there is none.

        Args:
            within_s: How long to wait for the token.

        Raises:
            AuthenticationError: The credentials were refused.
            ConfigurationError: The token belongs to another tenant than the configured one, or does
                not say which one it belongs to.
        """
        tenant_id = self.current(within_s=within_s).tenant_id
        if tenant_id is None:
            raise ConfigurationError(
                "The token does not say which tenant the credentials belong to.",
                "Only a token was asked for; nothing else was sent. Check the base URL and the "
                "credentials.",
            )
        return tenant_id

    def current(
        self, *, instead_of: Token | None = None, within_s: float = ATTEMPT_TIMEOUT_S
    ) -> Token:
        """
        Return the token, from Zuora where there is none that lasts.

        Args:
            instead_of: A token that was refused: another one is asked for, once for all threads.
            within_s: How long to wait for it.

        Raises:
            AuthenticationError: The credentials were refused.
            ConfigurationError: The token belongs to another tenant than the configured one.
        """
        refusals = self._refusals
        with self._turn(within_s):  # one thread fetches, the others wait for what it brings
            self._refuse_again(waited_for_it=self._refusals > refusals)
            token = self._token
            if token is None or token is instead_of or self._clock.monotonic() >= token.renew_at_s:
                self._clock.sleep(0)  # raises when the run was cancelled, maybe while we waited
                try:
                    token = self._token = self._fetch(min(ATTEMPT_TIMEOUT_S, within_s))
                    self._refused = None
                except InterruptedWaitError:  # a matter of this thread alone
                    raise
                except ZuoraBackfillError as error:
                    self._remember(error)
                    raise
            return token

    @contextmanager
    def _turn(self, within_s: float) -> Iterator[None]:
        """Take the lock, no later than there is time and not after a cancellation."""
        until_s = time.monotonic() + within_s
        while not self._lock.acquire(timeout=_SLICE_S):
            self._clock.sleep(0)
            if time.monotonic() >= until_s + _SLICE_S:  # who fetches it says why first
                raise TransportError(
                    "Could not get a token: another request for one takes too long.",
                    "Run the same command again.",
                    arrived=False,
                )
        try:
            yield
        finally:
            self._lock.release()

    def _remember(self, error: ZuoraBackfillError) -> None:
        wait_s = 0.0
        if isinstance(error, AuthenticationError | ConfigurationError):
            wait_s = float("inf")  # asking again with the same credentials could lock the account
        elif isinstance(error, ApiError):
            wait_s = error.retry_after_s or 0.0
        self._refused, self._refused_until_s = copy(error), self._clock.monotonic() + wait_s
        self._refusals += 1

    def _refuse_again(self, *, waited_for_it: bool) -> None:
        """Raise what the last token request brought, to those who waited and while it holds."""
        left_s = self._refused_until_s - self._clock.monotonic()
        if self._refused is None or (left_s <= 0 and not waited_for_it):
            return
        error = copy(self._refused)  # each call notes its own outcome on its error
        if isinstance(error, ApiError) and error.retry_after_s:
            error.retry_after_s = max(0.0, left_s)
        raise error

    def _fetch(self, within_s: float) -> Token:
        asked_at_s = self._clock.monotonic()
        value, body = self._ask(within_s)
        match = re.search(r"(?:^|\s)tenant\.(\d+)(?:\s|$)", str(body.get("scope", "")))
        tenant_id = match[1] if match else None
        if self._wanted_tenant_id not in (None, tenant_id):
            belongs = f"tenant {tenant_id}" if tenant_id else "a tenant that it does not name"
            raise ConfigurationError(
                f"The credentials belong to {belongs}, but tenant {self._wanted_tenant_id} is "
                "configured.",
                "Only a token was asked for; nothing else was sent. Check ZUORA_TENANT_ID / "
                "zuora:tenantId, the base URL and the credentials.",
            )
        lifetime_s = _lifetime_s(body.get("expires_in"))
        renew_at_s = asked_at_s + lifetime_s - min(_RENEW_EARLY_S, lifetime_s / 2)
        return Token(value=value, renew_at_s=renew_at_s, tenant_id=tenant_id)

    def _ask(self, within_s: float) -> tuple[str, Mapping[str, object]]:
        try:
            body = self._exchange.send(
                "get a token", "POST", "/oauth/token", form=self._form, timeout_s=within_s
            ).body
        except ApiError as error:
            told = self._about_the_token(error)
            if told is error:
                raise
            raise told from error
        except ZuoraBackfillError as error:
            error.arrived = False  # the request that the token is for was not sent
            raise
        token = body.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):  # fits a header
            raise TransportError(
                f"{self._exchange.base_url}/oauth/token answered without a token.",
                "Check the base URL.",
                arrived=False,
            )
        return token, body

    def _about_the_token(self, error: ApiError) -> ApiError:
        """Say what a refusal of the token endpoint is: no answer to the request it is for."""
        error.arrived, error.answer_id = False, None
        if error.transient or error.status not in (400, 401, 403):
            return error
        said = (error.code or f"HTTP {error.status}") + (error.reason and f": {error.reason}")
        return AuthenticationError(
            f"Zuora refused the client credentials ({said}).",
            "Check client id and secret, and that they belong to "
            f"{self._exchange.base_url}: a wrong base URL is a common cause.",
            status=error.status,
            code=error.code,
            reason=error.reason,
            request_ids=error.request_ids,
            arrived=False,
        )


def _lifetime_s(value: object) -> float:
    """Read ``expires_in``, which Zuora's own samples take as a number or a text."""
    try:
        seconds = float(str(value))
    except ValueError:
        return _ASSUMED_LIFETIME_S
    return seconds if 0 < seconds < float("inf") else _ASSUMED_LIFETIME_S
