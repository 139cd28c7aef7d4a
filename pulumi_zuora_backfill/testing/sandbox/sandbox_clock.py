"""The sandbox's clock: real time plus what a test has skipped. Whatever knows a time asks it."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate


class SandboxClock:
    """Real time that a test can push forward."""

    def __init__(self) -> None:
        """Start at the real time."""
        self._lock = threading.Lock()
        self._skipped_s = 0.0

    def now(self) -> float:
        """Return the time as seconds since 1970."""
        return time.time() + self._skipped_s

    def advance(self, seconds: float) -> None:
        """
        Push the clock forward.

        Raises:
            ValueError: `seconds` is negative; saved answers and tokens cannot become younger.
        """
        if seconds < 0:
            msg = f"The clock only goes forward, not by {seconds} seconds."
            raise ValueError(msg)
        with self._lock:
            self._skipped_s += seconds

    def http_date(self) -> str:
        """Return the time as an HTTP `Date` header has it."""
        return formatdate(self.now(), usegmt=True)
