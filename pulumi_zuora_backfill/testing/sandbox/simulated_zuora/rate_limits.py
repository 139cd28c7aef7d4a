"""Rate and concurrency limits, and the headers that tell a client about them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pulumi_zuora_backfill.testing.sandbox.sandbox_clock import SandboxClock

_MINUTE_S = 60


class RateLimits:
    """Counts requests per minute of the sandbox's clock, and requests at the same time."""

    def __init__(self, clock: SandboxClock, per_minute: int, at_once: int) -> None:
        """Start with nothing counted."""
        self._clock = clock
        self._per_minute = per_minute
        self._at_once = at_once
        self._lock = threading.Lock()
        self._minute = 0
        self._seen = 0
        self._running = 0

    @contextmanager
    def request(self) -> Iterator[str | None]:
        """Count a request while it runs; yields `"rate"` or `"concurrency"` if it exceeds that."""
        with self._lock:
            minute = int(self._clock.now() // _MINUTE_S)
            if minute != self._minute:
                self._minute, self._seen = minute, 0
            self._seen += 1
            self._running += 1
            exceeded = (
                "rate"
                if self._seen > self._per_minute
                else "concurrency"
                if self._running > self._at_once
                else None
            )
        try:
            yield exceeded
        finally:
            with self._lock:
                self._running -= 1

    def seconds_left(self) -> int:
        """Return the seconds until the count starts anew."""
        return _MINUTE_S - int(self._clock.now()) % _MINUTE_S

    def headers(self) -> dict[str, str]:
        """Return the headers of an answer."""
        return {
            "RateLimit-Limit": f"{self._per_minute}, {self._per_minute};w={_MINUTE_S}",
            "RateLimit-Remaining": str(max(0, self._per_minute - self._seen)),
            "RateLimit-Reset": str(self.seconds_left()),
            "Concurrency-Limit-Type": "Default",
            "Concurrency-Limit-Limit": str(self._at_once),
            "Concurrency-Limit-Remaining": str(max(0, self._at_once - self._running)),
        }
