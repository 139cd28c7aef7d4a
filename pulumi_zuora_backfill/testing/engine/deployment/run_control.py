"""Whether a run goes on: what is under way, what ends it early, and with which error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pulumi_zuora_backfill.testing.engine.console_output import Console


class StoppedError(Exception):
    """The run is ending: nothing new is begun."""


class RunControl:
    """Ends a run early; what is under way then goes on to its end."""

    def __init__(self, console: Console, on_stop: Callable[[], None]) -> None:
        """Begin; `on_stop` is called when the run is to end early."""
        self.failed = False
        self.step_failed = False
        self._console = console
        self._on_stop = on_stop
        self._stopping = threading.Event()
        self._idle = threading.Condition()
        self._active = 0

    @property
    def is_stopping(self) -> bool:
        """Whether the run is ending early."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopping.set()
        self._on_stop()

    def fail(self, urn: str = "", message: str = "") -> None:
        """End the run with an error, and tell it unless the user knows it."""
        if message:
            self._console.log("error", urn, message)
        self.failed = True
        self.stop()

    def check(self) -> None:
        """Go on.

        Raises:
            StoppedError: Not so: the run is ending.
        """
        if self.is_stopping:
            raise StoppedError

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count what is done in here as under way.

        Raises:
            StoppedError: The run is ending.
        """
        with self._idle:
            self._active += 1
        try:
            self.check()
            yield
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()

    def wait_until_idle(self) -> None:
        """Wait for what is under way."""
        with self._idle:
            self._idle.wait_for(lambda: self._active == 0)
