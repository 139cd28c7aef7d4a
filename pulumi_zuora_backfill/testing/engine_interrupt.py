"""Ctrl-C while an operation runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

_LOOK_INTERVAL_S = 0.1


def interruptibly(work: Callable[[], None], *, on_interrupt: Callable[[], None], on_abort: Callable[[], None]) -> None:
    """Do the work; call `on_interrupt` at each Ctrl-C, and `on_abort` if anything else breaks the wait for it.

    Only a main thread hears of signals, and only between two steps of its own: so it does nothing but wait, in short
    turns.  A wait without end would miss a signal that comes just as it begins.
    """
    if threading.current_thread() is not threading.main_thread():
        work()
        return
    before = signal.signal(signal.SIGINT, lambda *_: on_interrupt())
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(work)
            try:
                while wait([future], _LOOK_INTERVAL_S).not_done:
                    pass
            except BaseException:
                on_abort()
                raise
        future.result()
    finally:
        signal.signal(signal.SIGINT, before)
