"""Ctrl-C while an operation runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue

_LOOK_INTERVAL_S = 0.1


def interruptibly(
    work: Callable[[], None], *, on_interrupt: Callable[[], None], on_abort: Callable[[], None]
) -> None:
    """Do the work; call `on_interrupt` at each Ctrl-C, and `on_abort` if the wait breaks otherwise.

    Only a main thread hears of signals, and only between two steps of its own: so it does nothing
    but wait, in short turns. A wait without end would miss a signal that comes just as it begins;
    and as a signal may come in the midst of anything, even of handling another one, it is only
    noted when it comes.
    """
    if threading.current_thread() is not threading.main_thread():
        work()
        return
    interrupts: SimpleQueue[int] = SimpleQueue()
    before = signal.signal(signal.SIGINT, lambda number, _frame: interrupts.put(number))
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(work)
            try:
                while wait([future], _LOOK_INTERVAL_S).not_done:
                    while not interrupts.empty():
                        interrupts.get()
                        on_interrupt()
            except BaseException:
                on_abort()
                raise
        future.result()
    finally:
        signal.signal(signal.SIGINT, before)
