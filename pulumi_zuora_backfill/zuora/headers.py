"""What Zuora's headers say about time: its clock, and how long to wait. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

_LONGEST_WAIT_S = 86_400.0  # no limit of Zuora's counts longer than a day


def moment_of(text: str | None) -> datetime | None:
    """Read an HTTP date; one that names no zone is in UTC."""
    try:
        moment = parsedate_to_datetime(text or "")
        if moment.tzinfo is None:
            return moment.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):
        return None


def retry_after_s(
    headers: Mapping[str, str], status: int, now: datetime | None = None
) -> float | None:
    """
    Read how long Zuora asks to wait, a day at most.

    ``Retry-After`` counts first, as seconds or as a date; with a 429 ``RateLimit-Reset`` is next.

    Args:
        headers: The headers of the answer.
        status: Its status.
        now: The server's clock, which a date is compared with.
    """
    asked_s = seconds_of(headers.get("Retry-After"), now)
    if asked_s is None and status == 429:
        asked_s = seconds_of(headers.get("RateLimit-Reset"), now)
    return asked_s


def seconds_of(told: str | None, now: datetime | None = None) -> float | None:
    """Read seconds, or a date, from a header; ``None`` where it is neither."""
    try:
        seconds = float(told or "")
    except ValueError:
        until = moment_of(told)
        now = now or datetime.now(timezone.utc)
        seconds = (until - now).total_seconds() if until else math.nan
    return min(max(0.0, seconds), _LONGEST_WAIT_S) if math.isfinite(seconds) else None
