"""
Previews and deploys many stacks, a few at a time, over Pulumi's Automation API.

The processes of a stack see the credentials of its own row, and of no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from pulumi import automation
from pulumi_cli import Cli
from tenants import CREDENTIALS, Row

HERE = Path(__file__).resolve().parent
_OF_A_ROW = {*CREDENTIALS, "ZUORA_BASE_URL", "ZUORA_TENANT_ID", "ZUORA_ENTITY_IDS", "ZUORA_ORG_IDS"}
_COLOUR = re.compile(r"<\{%.*?%\}>")
_REFUSED = "Nothing was "  # how the package begins when it started nothing


class Status(str, Enum):
    """How far a stack is."""

    RUNNING = "running"
    PREVIEWED = "previewed"
    DONE = "done"
    WAITS = "waits for approval"
    REFUSED = "refused"
    FAILED = "failed"
    LEFT = "not done yet"


@dataclass(frozen=True)
class Change:
    """
    News of a stack.

    Attributes:
        stack: Which.
        status: How far it is; with anything but `RUNNING` the work on it has ended.
        note: One line about it.
        text: What a person has to read, such as an error; may have many lines.
    """

    stack: str
    status: Status
    note: str = ""
    text: str = ""


Note = Callable[[str], None]
Work = Callable[[Row, Note], Change]


def run(
    rows: Collection[Row], work: Work, parallel: int, stopped: Callable[[], bool]
) -> Iterator[Change]:
    """
    Work on all rows, a bounded number at once, and tell the news as it comes.

    Args:
        rows: What to work on, in this order.
        work: What to do with one row; it may tell notes on the way.
        parallel: How many at once.
        stopped: Whether to begin no more.
    """
    news: SimpleQueue[Change] = SimpleQueue()

    def one(row: Row) -> None:
        if stopped():
            news.put(Change(row.stack, Status.LEFT, "not started"))
            return
        news.put(Change(row.stack, Status.RUNNING))
        try:
            news.put(work(row, lambda note: news.put(Change(row.stack, Status.RUNNING, note))))
        except Exception as error:  # whatever it is, the other stacks go on
            news.put(Change(row.stack, Status.FAILED, str(error), repr(error)))

    with ThreadPoolExecutor(parallel) as pool:
        for row in rows:
            pool.submit(one, row)
        left = len(rows)
        while left:
            change = news.get()
            left -= change.status is not Status.RUNNING
            yield change


class Fleet:
    """The stacks of the table, as Pulumi's backend has them."""

    def __init__(self, environ: Mapping[str, str], rows: Iterable[Row]) -> None:
        """
        Look which stacks there are.

        Args:
            environ: This program's environment; no stack sees a row's credentials in it.
            rows: All rows of the table.

        Raises:
            FileNotFoundError: The CLI is not on PATH.
            CommandError: The backend cannot be read.
        """
        hidden = _OF_A_ROW.union(*(row.variables.values() for row in rows))
        self.cli = Cli({name: value for name, value in environ.items() if name not in hidden})
        stacks = self._workspace(HERE, {}).list_stacks()
        self._there = {stack.name.rpartition("/")[2] for stack in stacks}

    def up(self, row: Row, secrets: Mapping[str, str], note: Note) -> Change:
        """Deploy a stack; what is done already is left as it is."""
        heard = Heard(note)
        try:
            stack = self._stack(row, HERE, secrets)
            result = stack.up(on_event=heard, color="never")
        except automation.CommandError as error:
            return self._failed(row, heard, error)
        outputs = {name: output.value for name, output in result.outputs.items()}
        changed = set(result.summary.resource_changes or {}) - {"same"}
        return standing(row, outputs, outputs.values(), "" if changed else "nothing to do; ")

    def preview(self, row: Row, note: Note) -> Change:
        """Say what `up` would do. No stack is made, Zuora is asked nothing, no secret is needed."""
        heard = Heard(note)
        with TemporaryDirectory() as folder:
            new = row.stack not in self._there
            place = apart(Path(folder)) if new else (HERE, {})
            try:
                stack = self._stack(row, *place)
                result = stack.preview(on_event=heard, color="never")
            except automation.CommandError as error:
                return self._failed(row, heard, error)
        counts = {getattr(op, "value", op): n for op, n in result.change_summary.items()}
        if set(counts) <= {"same"}:
            return Change(row.stack, Status.PREVIEWED, "nothing to do")
        todo = ", ".join(f"{count} to {op}" for op, count in counts.items() if op != "same")
        return Change(row.stack, Status.PREVIEWED, todo, "\n".join(heard.texts))

    def status(self, row: Row, note: Note) -> Change:
        """Say what the last `up` left, from the state alone."""
        if row.stack not in self._there:
            return Change(row.stack, Status.LEFT, "nothing was started")
        try:
            state = self._workspace(HERE, {}).export_stack(row.stack).deployment or {}
        except automation.CommandError as error:
            return self._failed(row, Heard(note), error)
        outputs = [resource.get("outputs", {}) for resource in state.get("resources", [])]
        completed = [job["jobId"] for given in outputs for job in given.get("jobs", [])]
        of_stack: dict[str, Any] = next((all_ for all_ in outputs if "dryRunJobId" in all_), {})
        return standing(row, of_stack, completed)

    def _workspace(self, folder: Path, environment: Mapping[str, str]) -> automation.LocalWorkspace:
        return automation.LocalWorkspace(
            work_dir=str(folder), pulumi_command=self.cli, env_vars=environment
        )

    def _stack(self, row: Row, folder: Path, environment: Mapping[str, str]) -> automation.Stack:
        workspace = self._workspace(folder, {**row.settings, **environment})
        return automation.Stack.create_or_select(row.stack, workspace)

    def _failed(self, row: Row, heard: Heard, error: automation.CommandError) -> Change:
        errors = heard.errors or [str(error).strip()]
        note = errors[0].splitlines()[0]
        if self.cli.stopped:
            return Change(row.stack, Status.LEFT, note)
        refused = all(text.startswith(_REFUSED) for text in errors)
        status = Status.REFUSED if refused else Status.FAILED
        return Change(row.stack, status, note, "\n".join(errors))


class Heard:
    """Listens to the engine: notes what it does, keeps what it says."""

    def __init__(self, note: Note) -> None:
        """Pass the first line of each message on."""
        self.texts: list[str] = []
        self.errors: list[str] = []
        self._note = note

    def __call__(self, event: automation.EngineEvent) -> None:
        """Hear one event."""
        said = event.diagnostic_event
        text = _COLOUR.sub("", said.message).strip() if said else ""
        if not said or not text or not said.urn or said.severity == "debug":
            return
        self._note(text.splitlines()[0])
        if not said.ephemeral:
            kept = self.errors if said.severity == "error" else self.texts
            kept += [] if text in kept else [text]


def standing(
    row: Row, outputs: Mapping[str, Any], completed: Collection[Any], before: str = ""
) -> Change:
    """
    Say how far a stack is.

    Args:
        row: Its row.
        outputs: The outputs of the stack.
        completed: The jobs that have completed.
        before: What to say first.
    """
    dry_run, job = outputs.get("dryRunJobId"), outputs.get("jobId")
    if job and job in completed:
        return Change(row.stack, Status.DONE, f"{before}live job {job}")
    if not job and dry_run in completed and row.arguments["approval"] == "wait":
        text = f"Its dry run completed. To go live, put into its row:\n  approval: {dry_run}"
        return Change(row.stack, Status.WAITS, f"{before}dry run {dry_run}", text)
    return Change(row.stack, Status.LEFT, "run `up` to go on")


def apart(folder: Path) -> tuple[Path, dict[str, str]]:
    """Prepare a place where a new stack is previewed: the program, and a backend of its own."""
    for path in HERE.iterdir():
        if not path.match("Pulumi.*.yaml"):
            (folder / path.name).symlink_to(path)
    backend = folder / "backend"
    backend.mkdir()
    return folder, {"PULUMI_BACKEND_URL": backend.as_uri(), "PULUMI_CONFIG_PASSPHRASE": ""}
