"""What the lifecycle is given: a connection to one tenant, and a voice to the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import BackfillClient
    from .submission import Submission


@dataclass(frozen=True, kw_only=True)
class Zuora:
    """
    A connection to one tenant.

    Attributes:
        base_url: The endpoint.
        client: The four operations.
        submission: Turns an order into one job.
    """

    base_url: str
    client: BackfillClient
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
