"""One stack, one program, one local Zuora: what a scenario test plays with."""

from __future__ import annotations

import os
import re
import signal
import textwrap
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulumi_zuora_backfill.testing import Operation, Sandbox

from .engines import EngineError

TYPE = "pulumi-python:dynamic/zuora:BackfillJob"
STACK = "dev"
PROJECT = "acme"
PREAMBLE = """\
import pulumi
from pulumi_zuora_backfill import BackfillJob, BackfillType
"""


class World:
    """A stack whose program can be rewritten between operations."""

    def __init__(
        self,
        engine: type[Any],
        zuora: Sandbox,
        folder: Path,
        env: Mapping[str, str] | None = None,
        stack: str = STACK,
    ) -> None:
        """Make the project folder and the stack.

        `env` replaces the settings for the local Zuora.
        """
        self.zuora = zuora
        self.folder = folder / "project"
        self.folder.mkdir(parents=True)
        (self.folder / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
        self.stack = engine(
            stack, self.folder, env=zuora.environment() if env is None else dict(env)
        )

    def program(self, source: str) -> None:
        """Write the program; the imports are there already."""
        (self.folder / "__main__.py").write_text(PREAMBLE + textwrap.dedent(source))

    def job(self, arguments: str = 'type="RatePlanCharge"', name: str = "charges") -> None:
        """Write a program with one job, whose id is the stack output."""
        self.program(
            f"job = BackfillJob({name!r}, {arguments})\npulumi.export('jobId', job.job_id)"
        )

    def up(self, **options: Any) -> Any:
        """Deploy; the requests before are forgotten, so that `asked` speaks of this run."""
        self.zuora.forget_requests()
        return self.stack.up(**options)

    def failing(self, operation: str = "up", **options: Any) -> str:
        """Run an operation that is to fail and return what the user reads."""
        self.zuora.forget_requests()
        try:
            getattr(self.stack, operation)(**options)
        except EngineError as error:
            return error.stdout
        raise AssertionError(f"{operation} did not fail")

    def asked(self) -> dict[str, int]:
        """Count the requests of the last run."""
        return {
            operation.value: self.zuora.count(operation)
            for operation in Operation
            if self.zuora.count(operation)
        }

    def resource(self, name: str = "charges") -> dict[str, Any]:
        """Return a job as it stands in state."""
        found = [r for r in self.stack.state["resources"] if r["urn"].endswith(f"{TYPE}::{name}")]
        assert len(found) == 1, found
        return found[0]

    def configure(self) -> None:
        """Let the settings come from the stack, where a test can change them."""
        for key, value in zip(
            ("baseUrl", "clientId", "clientSecret"), self.zuora.environment().values(), strict=True
        ):
            self.stack.set_config(f"zuora:{key}", value)

    def edit_state(self, name: str, edit: Callable[[dict[str, Any]], None]) -> None:
        """Change the outputs of a resource in state, as an import does."""
        state = self.stack.export_stack()
        (resource,) = [r for r in state.deployment["resources"] if r["urn"].endswith(f"::{name}")]
        edit(resource["outputs"])
        self.stack.import_stack(state)

    def job_ids(self) -> list[str]:
        """Return the ids of all jobs that Zuora holds, oldest first."""
        return [job.id for job in self.zuora.jobs]


def urn(name: str = "charges", stack: str = STACK) -> str:
    """Return the URN of a job at top level."""
    return f"urn:pulumi:{stack}::{PROJECT}::{TYPE}::{name}"


def lines_with(text: str, part: str) -> list[str]:
    """Return the distinct lines that hold a text, in order."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if part in line))


def flat(text: str) -> str:
    """Return a text with single spaces, so that a test need not know where its lines break."""
    return " ".join(text.split())


def told(text: str, severity: str = "error") -> list[str]:
    """Return each distinct text of a severity under the resources at the end of a run.

    The texts are whole and flat; the engine's own summary is left out.
    """
    found: list[str] = []
    lines: list[str] | None = None
    for line in [*text.partition("Diagnostics:")[2].splitlines(), ""]:
        start = re.match(r"    (error|warning|info): (.*)", line)
        if lines is not None and (start or not line.startswith("    ")):
            found.append("\n".join(lines).replace("1 error occurred:\n\t* ", "").strip())
            lines = None
        if start:
            lines = [start[2]] if start[1] == severity else None
        elif lines is not None:
            lines.append(line[4:].replace("    \t* ", "\t* "))
    texts = dict.fromkeys(flat(text) for text in found)
    return [text for text in texts if text not in ("update failed", "preview failed")]


def assert_clean(text: str, *secrets: str) -> None:
    """Assert that a user reads no traceback of ours or of the plugin host, and no secret."""
    for part in (
        "pulumi_zuora_backfill/",
        "pulumi/dynamic/__main__.py",
        "site-packages/requests",
        *secrets,
    ):
        assert part not in text


def processes(zuora: Sandbox, *parts: str) -> list[int]:
    """Return the processes of this local Zuora whose command line holds these parts."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if (
            all(part.encode() in command for part in parts)
            and f"ZUORA_BASE_URL={zuora.base_url}".encode() in environment
        ):
            found.append(int(folder.name))
    return found


def kill_host(zuora: Sandbox) -> None:
    """Kill the plugin host that talks to this local Zuora."""
    for pid in processes(zuora, "pulumi.dynamic"):
        os.kill(pid, signal.SIGKILL)


def once(operation: Operation, action: Callable[[], None], after: int = 0) -> Callable[[Any], None]:
    """Return a hook of the sandbox that acts at one request of a kind.

    At the first, or `after` so many.
    """
    lock, seen = threading.Lock(), [0]

    def hook(request: Any) -> None:
        if request.operation is not operation:
            return
        with lock:
            seen[0] += 1
            due = seen[0] == after + 1
        if due:
            action()

    return hook


def interrupt(world: World, number: signal.Signals = signal.SIGINT) -> None:
    """Send the CLI a signal; the embedded engine, which has no process of its own, is cancelled."""
    running = processes(world.zuora, "pulumi", "up")
    for pid in running:
        os.kill(pid, number)
    if not running:
        world.stack.cancel()


def release_lock(world: World) -> None:
    """Clear the lock that a killed CLI leaves behind."""
    if type(world.stack).__name__ == "RealStack":
        world.stack.cancel()


def assert_one_job_for_all(worlds: Sequence[World]) -> None:
    """Deploy all at the same time.

    One job, and who came too late for the same key was refused with its name.
    """
    said: list[str] = []

    def up(world: World) -> None:
        try:
            world.stack.up()
        except EngineError as error:
            said.append(error.stdout)

    threads = [threading.Thread(target=up, args=(world,)) for world in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (job,) = worlds[0].zuora.jobs
    assert [f'existing_job_id="{job.id}"' in text for text in said] == [True] * len(said)
    assert len(said) < len(worlds)
