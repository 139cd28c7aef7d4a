"""The requests that `Fault.HANG` holds back until a test lets them go."""

from __future__ import annotations

import threading


class HeldRequests:
    """Holds the threads of requests until they are released, as often as one likes, or closed."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._changed = threading.Condition()
        self._waiting = 0
        self._releases = 0
        self._closed = False

    def wait(self) -> bool:
        """Wait for the next release; false when all were turned away instead."""
        with self._changed:
            seen = self._releases
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._releases != seen)
            self._waiting -= 1
            return not self._closed

    def wait_for_waiting(self, number: int, timeout_s: float) -> bool:
        """Wait until so many threads are held; false when that takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting >= number, timeout_s)

    def release(self) -> None:
        """Let everybody go who waits now."""
        with self._changed:
            self._releases += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Turn away everybody who waits now or later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def open(self) -> None:
        """Let threads wait again."""
        with self._changed:
            self._closed = False
