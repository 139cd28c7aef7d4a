"""What the lifecycle is given: a connection to one tenant, and a voice to the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clock import Clock
    from .contract.submission import Submission
    from .settings.loading import Settings
    from .zuora.client import BackfillClient


@dataclass(frozen=True, kw_only=True)
class Zuora:
    """
    A connection to one tenant.

    Attributes:
        base_url: The endpoint.
        client: The four operations.
        clock: Time.
        submission: Turns an order into one job.
    """

    base_url: str
    client: BackfillClient
    clock: Clock
    submission: Submission


@dataclass(frozen=True, kw_only=True)
class Voice:
    """
    How the lifecycle speaks to the user.

    Attributes:
        status: A live line.
        info: A line that stays.
        warn: A warning that stays.
    """

    status: Callable[[str], None]
    info: Callable[[str], None]
    warn: Callable[[str], None]


def connect(settings: Settings, clock: Clock, report: Callable[[str], None]) -> Zuora:
    """
    Wire everything that talks to Zuora; nothing is sent yet.

    Args:
        settings: Today's settings.
        clock: Time and chance.
        report: Takes a live line.

    Raises:
        ConfigurationError: The settings are not usable.
    """
    from .contract.submission import Submission
    from .zuora.client import BackfillClient
    from .zuora.http import Exchange
    from .zuora.retries import Transport
    from .zuora.token import (
        ClientCredentials,  # here, as a program that only declares resources needs no HTTP library
    )

    base_url, client_id, client_secret = settings.require()
    exchange = Exchange(base_url, clock=clock, compress_requests=settings.compress_requests)
    credentials = ClientCredentials(
        exchange,
        client_id,
        client_secret,
        tenant_id=settings.tenant_id,
        clock=clock,
    )
    transport = Transport(
        exchange,
        credentials,
        version=settings.api_version,
        call_timeout_s=settings.call_timeout_s,
        clock=clock,
        report=report,
    )
    client = BackfillClient(transport, credentials)
    submission = Submission(client, clock)
    return Zuora(base_url=base_url, client=client, clock=clock, submission=submission)
