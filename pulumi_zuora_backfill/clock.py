"""Time and chance, as one object that is handed in, so that tests need neither wait nor guess."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """
    What the package knows of time and chance.

    Attributes:
        monotonic: Seconds that never run backwards.
        now: The time of day, in UTC.
        sleep: Wait so many seconds.
        jitter: A number from 0 up to 1, anew at each call.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
