"""
Runs what a page of the docs shows, and writes down what came out.

A page is a session: a fence `python title="__main__.py"` is the program from there on, and each
`$ pulumi …` of a `console` fence is run with it, on `EmbeddedStack` against a sandbox of the page;
`$ zuora-backfill …` needs no program. What the fence shows must be what was printed. What has to
happen in between stands in comments that no reader sees, `<!-- run: lose-answer -->`; `Page.happen`
lists them.

So that a page reads the same after every run, times are moved to one morning, and the sandbox's
address becomes that of a tenant.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml

from examples.demo import what_is_said
from pulumi_zuora_backfill.testing import (
    EmbeddedStack,
    EmbeddedStackError,
    Fault,
    Operation,
    Sandbox,
)

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ADDRESS = "https://rest.test.zuora.com"
WIDTH = 96

_FENCE = re.compile(r"^( *)```([a-z]+)([^\n`]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_HAPPENS = re.compile(r"<!-- run: ([^>]+?) -->")
_COUNT = re.compile(r"\W*\d+ (?!errored|changes)")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MORNING = datetime(2026, 3, 2, 9, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Fence:
    """
    A fenced block of a page.

    Attributes:
        language: Such as `python`.
        title: What stands in `title="…"`; empty if nothing does.
        text: What is in it, without the indentation of the fence.
        start: Where its text starts in the page.
        end: Where its text ends.
        indent: The indentation of the fence.
    """

    language: str
    title: str
    text: str
    start: int
    end: int
    indent: str


def fences_of(text: str) -> Iterator[Fence]:
    """Find the fenced blocks of a page."""
    for found in _FENCE.finditer(text):
        indent, language, info, block = found.groups()
        title = re.search(r'title="([^"]*)"', info)
        yield Fence(
            language=language,
            title=title.group(1) if title else "",
            text=textwrap.dedent(block),
            start=found.start(4),
            end=found.end(4),
            indent=indent,
        )


def is_session(path: Path) -> bool:
    """Tell whether a page has anything to run."""
    return any(fence.language == "console" for fence in fences_of(path.read_text()))


def played(text: str) -> str:
    """Run a page, and return its text with what was really printed."""
    done, parts = 0, []
    with tempfile.TemporaryDirectory() as folder, Sandbox(job_duration_s=0, seed=1) as zuora:
        page = Page(Path(folder), zuora)
        for fence in fences_of(text):
            for event in _HAPPENS.findall(text, done, fence.start):
                page.happen(*event.split())
            printed = page.show(fence)
            parts += [text[done : fence.start], textwrap.indent(printed, fence.indent)]
            done = fence.end
    return "".join([*parts, text[done:]])


class Settled:
    """Moves times to one morning, and the sandbox to the address of a tenant."""

    def __init__(self, base_url: str, address: str = ADDRESS) -> None:
        """Take now for nine o'clock."""
        self._base_url, self._address = base_url, address
        self._began = datetime.now(timezone.utc) - timedelta(minutes=2)

    def __call__(self, text: str) -> str:
        """Return a text as it reads after every run."""
        text = re.sub(self._base_url, self._address, text)
        text = re.sub(r"\d+(\.\d+)? s ago", "12 s ago", text)
        text = re.sub(r"\b[2-9] create\b", "2 create", text)  # retries come at random times
        return _TIME.sub(lambda found: self._moved(found.group()), text)

    def _moved(self, time: str) -> str:
        moved = _MORNING + (datetime.fromisoformat(time.replace("Z", "+00:00")) - self._began)
        moved -= timedelta(minutes=moved.minute % 10, seconds=moved.second)
        return f"{moved:%Y-%m-%dT%H:%M:%SZ}"


class Page:
    """A page while it is run: a sandbox, a folder, and the stacks that were used so far."""

    def __init__(self, folder: Path, zuora: Sandbox) -> None:
        """Start with a stack `dev`, without a program."""
        self._folder, self._zuora = folder, zuora
        self._stacks: dict[str, EmbeddedStack] = {}
        self._config: dict[str, Mapping[str, Any]] = {}
        self._stack, self._call_timeout = "dev", "10s"
        self._settle = Settled(zuora.base_url)
        (folder / "Pulumi.yaml").write_text("name: revenue\nruntime: python\n")

    def show(self, fence: Fence) -> str:
        """Do what a fence shows; return what it should show."""
        if fence.language == "python" and fence.title == "__main__.py":
            (self._folder / "__main__.py").write_text(fence.text)
        elif fence.language == "python" and fence.title.startswith("test_"):
            self._test(fence)
        elif fence.language == "yaml" and (stack := re.match(r"Pulumi\.(.+)\.yaml", fence.title)):
            self._config[stack.group(1)] = yaml.safe_load(fence.text)["config"]
            self._stacks.pop(stack.group(1), None)
        elif fence.language == "bash" and fence.title.endswith(".sh"):
            self._shell(fence.text)
        elif fence.language == "console":
            commands = [line for line in fence.text.splitlines() if line.startswith("$ ")]
            return "".join(f"{command}\n{self._run(command)}" for command in commands)
        return fence.text

    def happen(self, event: str, *arguments: str) -> None:
        """
        Let something happen to Zuora or to the stack.

        Raises:
            ValueError: There is no such event.
        """
        zuora = self._zuora
        if event == "lose-answer":
            zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE, times=99)
            self._call_timeout = "5s"  # a busy machine needs a second for the token alone
        elif event == "mend":
            zuora.clear_plans()
            zuora.clock.advance(10)  # the next command comes later, however fast this machine is
            self._call_timeout = "10s"
        elif event == "later":
            zuora.clock.advance(float(arguments[0]))
        elif event == "stack":
            self._stack = arguments[0]
        elif event == "lose-state":
            self._stacks.pop(self._stack).state_file.unlink()
        elif event == "add-job":
            zuora.add_job(status=arguments[0], age_s=float(arguments[1]))
        elif event == "finish":
            zuora.finish(zuora.jobs[-1].id, arguments[0], int((*arguments, "0")[1]))
        elif event == "jobs-run":
            zuora._tenant.job_duration_s = float(arguments[0])
        elif event == "forbid":
            zuora.permit(False)
        elif event == "permit":
            zuora.permit()
        else:
            raise ValueError(f"Nothing is known of {event}.")

    def _run(self, command: str) -> str:
        words = command.split()
        if words[1] == "zuora-backfill":
            return self._operate(words[2:])
        operation = words[2]
        options: dict[str, Any] = {"refresh": True} if "--refresh" in words else {}
        if operation not in ("preview", "up", "refresh", "destroy"):
            raise ValueError(f"A page cannot run {command}.")
        stack = self._current()
        stack._env["ZUORA_CALL_TIMEOUT"] = self._call_timeout
        try:
            printed = getattr(stack, operation)(**options).stdout
        except EmbeddedStackError as error:
            printed = error.stdout
        return said(self._settle(printed))

    def _operate(self, arguments: list[str]) -> str:
        """Run an operator command in a pipe, and return all that it says."""
        done = subprocess.run(
            [sys.executable, "-m", "pulumi_zuora_backfill", *arguments],
            env={**os.environ, **self._zuora.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return self._settle(done.stdout)

    def _current(self) -> EmbeddedStack:
        if self._stack not in self._stacks:
            config = {"zuora:tenantId": self._zuora.tenant_id, **self._config.get(self._stack, {})}
            config.pop("zuora:baseUrl", None)  # the sandbox's own
            state_file = self._folder / f"{self._stack}.json"
            self._stacks[self._stack] = EmbeddedStack(
                self._stack,
                self._folder,
                config={key: str(value) for key, value in config.items()},
                env={**self._zuora.environment(), "PYTHONDONTWRITEBYTECODE": "1"},
                state_file=state_file,
            )
        return self._stacks[self._stack]

    def _shell(self, script: str) -> None:
        if shutil.which("curl"):
            environment = {**os.environ, **self._zuora.environment()}
            done = subprocess.run(["bash", "-euc", script], env=environment, capture_output=True)
            assert done.returncode == 0, done.stderr

    def _test(self, fence: Fence) -> None:
        path = self._folder / fence.title
        path.write_text(fence.text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout


def said(printed: str) -> str:
    """Return what a page shows of an operation: diagnostics, outputs, and how many resources."""
    lines = [re.sub("^  ", "", line) for line in what_is_said(printed) if "[unknown]" not in line]
    counts = [line.strip() for line in printed.split("Resources:")[-1].splitlines()]
    lines.append(f"Resources: {', '.join(filter(_COUNT.match, counts))}")
    return "".join(f"{line}\n" for line in wrapped(lines))


def wrapped(lines: list[str]) -> Iterator[str]:
    """Break long lines as a terminal does, at words."""
    for line in lines:
        indent = " " * (len(line) - len(line.replace("* ", "  ").lstrip()))
        yield from textwrap.wrap(
            line,
            WIDTH,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]


def main() -> None:
    """Write into every page what is really printed."""
    for path in filter(is_session, PAGES):
        path.write_text(played(path.read_text()))


if __name__ == "__main__":
    main()
