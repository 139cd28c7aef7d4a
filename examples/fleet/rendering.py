"""Shows the stacks while they run, and what became of them: a table, or plain lines."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text
from running import Change, Status
from tenants import Row

_STYLES: Final = {
    Status.RUNNING: "cyan",
    Status.PREVIEWED: "green",
    Status.DONE: "green",
    Status.WAITS: "yellow",
    Status.REFUSED: "red",
    Status.FAILED: "red",
    Status.LEFT: "dim",
}
_FIRST: Final = (Status.RUNNING, Status.FAILED, Status.REFUSED, Status.WAITS)
_QUIET_S: Final = 60.0  # without a terminal, a stack says this often how far it is
_AROUND: Final = 6  # lines of a screen that are no rows of the table


class View:
    """What is known of each stack."""

    def __init__(self, rows: Iterable[Row], clock: Callable[[], float] = time.monotonic) -> None:
        """Start with stacks that wait for their turn."""
        self.rows = list(rows)
        self.last: dict[str, Change] = {}
        self._clock = clock
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def take(self, change: Change) -> None:
        """Take in the news of a stack."""
        self._began.setdefault(change.stack, self._clock())
        if change.status is not Status.RUNNING:
            self._ended[change.stack] = self._clock()
        self.last[change.stack] = change

    def age_s(self, stack: str) -> float:
        """Return for how long a stack has run."""
        end = self._ended.get(stack, self._clock())
        return end - self._began.get(stack, end)

    def table(self, height: int) -> Table:
        """Draw the stacks that fit, those that run first."""
        table = Table(expand=True, box=None, header_style="bold", caption_justify="left")
        for name in ("stack", "tenant", "status", "time"):
            table.add_column(name, no_wrap=True)
        table.add_column("note", no_wrap=True, ratio=1)
        known = [row for row in self.rows if row.stack in self.last]
        known.sort(key=lambda row: _rank(self.last[row.stack].status))
        for row in known[: max(1, height)]:
            last = self.last[row.stack]
            status, age = Text(last.status.value, _STYLES[last.status]), self.age_s(row.stack)
            table.add_row(row.stack, row.tenant_id, status, f"{age:.0f} s", Text(last.note))
        to_come = len(self.rows) - len(known)
        counts = counted(self.last.values())
        table.caption = f"{counts}, {to_come} to come" if to_come else counts
        return table


def show(view: View, changes: Iterable[Change], console: Console) -> None:
    """Show the news: in a table that stays on the screen, or without a terminal as plain lines."""
    if not console.is_interactive:
        _tell(view, changes, console)
        return

    def draw() -> Table:
        return view.table(console.height - _AROUND)

    with Live(get_renderable=draw, console=console, refresh_per_second=4) as live:
        for change in changes:
            view.take(change)
        live.refresh()


def _tell(view: View, changes: Iterable[Change], console: Console) -> None:
    """Print a line when a stack begins and ends, and one in a while in between."""
    told_at: dict[str, float] = {}
    for change in changes:
        view.take(change)
        age_s = view.age_s(change.stack)
        is_news = change.stack not in told_at or change.status is not Status.RUNNING
        if is_news or age_s - told_at[change.stack] >= _QUIET_S:
            told_at[change.stack] = age_s
            note = f": {change.note}" if change.note else ""
            plain(console, f"{change.stack} {change.status.value} after {age_s:.0f} s{note}")


def summary(view: View, console: Console) -> None:
    """Print what a person has to read, stack by stack, and then the count."""
    changes = sorted(view.last.values(), key=lambda change: -_rank(change.status))
    for change in changes:
        if change.text:
            text = change.text.replace("\n", "\n  ")
            plain(console, f"{change.stack} ({change.status.value})\n  {text}\n")
    plain(console, f"{len(view.rows)} stacks: {counted(changes)}.")


def counted(changes: Collection[Change]) -> str:
    """Count the stacks by status."""
    counts = Counter(change.status for change in changes)
    return ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])


def plain(console: Console, text: str) -> None:
    """Print a text as it is, whatever the width."""
    console.print(Text(text), soft_wrap=True, highlight=False)


def _rank(status: Status) -> int:
    return _FIRST.index(status) if status in _FIRST else len(_FIRST)
