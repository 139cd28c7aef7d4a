"""What may go wrong during one command of a real stack: planned faults, a dying plugin host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from tests.world import kill_host, once

_THREAD_S = 30.0


@dataclass(frozen=True)
class PlannedFault:
    """
    A fault for some requests of a command.

    Attributes:
        fault: How they fail.
        parameters: What the fault takes.
        on: Which requests.
        always: All of them, or only one.
        after: How many go by before.
    """

    fault: Fault
    parameters: dict[str, Any]
    on: Operation
    always: bool
    after: int


@dataclass(frozen=True)
class Kill:
    """
    The plugin host is killed at a request.

    Attributes:
        on: At which kind of request.
        done: After Zuora has done the work, and before it answers; otherwise before the work.
        after: How many requests of this kind go by before.
    """

    on: Operation
    done: bool
    after: int


@dataclass(frozen=True)
class Trouble:
    """
    What goes wrong; by default nothing.

    Attributes:
        faults: Of Zuora and the network.
        kill: Of the plugin host.
    """

    faults: tuple[PlannedFault, ...] = ()
    kill: Kill | None = None

    @contextmanager
    def on(self, zuora: Sandbox) -> Iterator[None]:
        """Make trouble while a command runs; afterwards nothing of it is under way any more."""
        threads: set[threading.Thread] = set()
        kill = (
            once(self.kill.on, lambda: kill_host(zuora), self.kill.after) if self.kill else _nothing
        )

        def read(request: Any) -> None:
            threads.add(threading.current_thread())
            if self.kill and not self.kill.done:
                kill(request)

        for each in self.faults:
            zuora.plan(
                each.fault,
                on=each.on,
                times=99 if each.always else 1,
                after=each.after,
                **each.parameters,
            )
        zuora.on_request = read
        zuora.on_answer = kill if self.kill and self.kill.done else None
        try:
            yield
        finally:
            # A connection's thread ends with its client; what it does for a dead one counts, too.
            for thread in threads:
                thread.join(_THREAD_S)
            zuora.on_request = zuora.on_answer = None
            zuora.clear_plans()


def _nothing(_request: Any) -> None:
    """Let a request be."""
