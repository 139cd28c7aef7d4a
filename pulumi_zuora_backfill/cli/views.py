"""How `watch` shows jobs: live bars for a person at a terminal, or a line for each change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn
from rich.text import Text

from pulumi_zuora_backfill.zuora.models import Job

from .rendering import STYLES, json_of, percent_of, short_state_of, state_of
from .terminal import console, print_json, say

# Characters: of a bar, and of what stands beside it. A full line would break at the ^C of Ctrl-C.
_NARROWEST: Final = 8
_WIDEST: Final = 40
_BESIDE: Final = 70


class View(Protocol):
    """Shows what becomes of the jobs that are watched."""

    def show(self, job: Job) -> None:
        """Show what Zuora has just told of a job."""

    def say(self, text: str) -> None:
        """Say something besides."""


class Lines:
    """One line for each change: for pipes, logs and programs."""

    def __init__(self, *, as_json: bool, now: Callable[[], str]) -> None:
        """
        Start with nothing said.

        Args:
            as_json: Whether a line is a JSON object.
            now: Says the time of day.
        """
        self._as_json = as_json
        self._now = now
        self._said: dict[str, str] = {}

    def show(self, job: Job) -> None:
        """Print a line if there is news."""
        news = state_of(job)
        if self._said.get(job.id) == news:
            return
        self._said[job.id] = news
        if self._as_json:
            print_json(json_of(job), indent=None)
        else:
            console().print(f"{self._now()} {job.id} {job.type or 'job'} {news}")

    def say(self, text: str) -> None:
        """Say it on stderr."""
        say(text)


class Bars:
    """A live bar for each job: for a person at a terminal."""

    def __init__(self, out: Console, job_ids: Sequence[str]) -> None:
        """
        Prepare a bar for each job; nothing is drawn yet.

        Args:
            out: The terminal.
            job_ids: The jobs.
        """
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=max(_NARROWEST, min(_WIDEST, out.width - _BESIDE))),
            _State(),
            console=out,
        )
        self._bars: dict[str, TaskID] = {
            job_id: self._progress.add_task(job_id, total=None, job=None) for job_id in job_ids
        }

    def __enter__(self) -> Bars:
        """Draw the bars."""
        self.say("Ctrl-C stops watching; the jobs go on in Zuora.")
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Leave the bars as they are, and give the cursor back."""
        self._progress.stop()

    def show(self, job: Job) -> None:
        """Move the bar of a job."""
        percent = percent_of(job)
        bar = self._bars[job.id]
        total = None if percent is None and job.running else 100
        self._progress.update(bar, total=total, completed=percent or 0, job=job)

    def say(self, text: str) -> None:
        """Say it above the bars."""
        self._progress.console.print(text)


class _State(TextColumn):
    """Where a job stands, in the colour of its status."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """Draw it for one job."""
        job: Job | None = task.fields["job"]
        return (
            Text() if job is None else Text(short_state_of(job), style=STYLES.get(job.status, ""))
        )
