"""
Four things that happen to a backfill, against a local Zuora: no tenant, no account, no CLI needed.

Uses the pulumi CLI if there is one, otherwise the embedded engine. Settings in the environment are
put aside, so the demo can never write to a tenant. `--all` shows every line that the engine prints;
`--embedded` leaves the CLI alone.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi.automation import CommandError, LocalWorkspaceOptions, create_or_select_stack

from pulumi_zuora_backfill.testing import (
    EmbeddedStack,
    EmbeddedStackError,
    Fault,
    Operation,
    Sandbox,
)

BACKFILL = """\
import pulumi
from pulumi_zuora_backfill import BackfillJob

job = BackfillJob("charges", type="RatePlanCharge", reason="REV-1432")
pulumi.export("jobId", job.job_id)
"""
VERIFIED = """\
import pulumi
from pulumi_zuora_backfill import VerifiedBackfill

backfill = VerifiedBackfill("charges", type="RatePlanCharge", approval="wait")
pulumi.export("jobId", backfill.job_id)
"""


def happy_path(demo: Demo) -> None:
    """Preview, start, run again."""
    stack = demo.stack("prod", BACKFILL)
    demo.run(stack, "preview", "It says what will happen, and sends nothing.")
    demo.run(stack, "up", "One job is started. Its id is the stack output.")
    demo.run(stack, "up", "Nothing has changed, so nothing is sent.")


def lost_answer(demo: Demo) -> None:
    """Zuora starts the job, and its answer never arrives."""
    stack = demo.stack("prod", BACKFILL)
    demo.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE, times=99)
    demo.run(stack, "up", "Zuora has started the job, but every answer got lost.", fails=True)
    demo.zuora.clear_plans()
    demo.zuora.clock.advance(10)  # the next `up` comes later, however fast this machine is
    demo.run(stack, "up", "The same attempt goes on. It finds the job and starts no second one.")


def second_stack(demo: Demo) -> None:
    """Somebody declares the same backfill in another stack of the same tenant."""
    demo.run(demo.stack("prod", BACKFILL), "up", "The first stack starts the job.")
    other = demo.stack("copy-of-prod", BACKFILL)
    demo.run(other, "up", "The second stack is refused. Nothing was sent but a look.", fails=True)


def approval(demo: Demo) -> None:
    """A dry run waits for a person, then goes live."""
    stack = demo.stack("prod", VERIFIED)
    demo.run(stack, "up", "The dry run has completed. No live job is there yet.")
    dry_run = demo.zuora.jobs[-1].id
    print(f'\n  Second pull request: approval="wait" becomes approval="{dry_run}"')
    demo.stack("prod", VERIFIED.replace('"wait"', f'"{dry_run}"'))
    demo.run(stack, "preview", "The reviewer sees what was approved.")
    demo.run(stack, "up", "The live job ran, and `up` waited for its end.")


CHAPTERS: dict[str, Callable[[Demo], None]] = {
    "A backfill is started once": happy_path,
    "The answer is lost": lost_answer,
    "A second stack wants the same": second_stack,
    "A dry run waits for approval": approval,
}


class Demo:
    """The stacks of one chapter, and the Zuora that they talk to."""

    def __init__(self, folder: Path, zuora: Sandbox, cli: str | None, show_all: bool) -> None:
        """Keep what every step needs."""
        self.zuora = zuora
        self._folder, self._cli, self._show_all = folder, cli, show_all

    def stack(self, name: str, program: str) -> Any:
        """Write the program of a stack down, and return the stack."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        (folder / "Pulumi.yaml").write_text("name: revenue\nruntime: python\n")
        (folder / "__main__.py").write_text(program)
        if self._cli is None:
            return EmbeddedStack(name, folder, state_file=folder / "state.json")
        environment = {
            "PULUMI_BACKEND_URL": self._folder.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        options = LocalWorkspaceOptions(pulumi_home=str(folder / "home"), env_vars=environment)
        return create_or_select_stack(name, work_dir=str(folder), opts=options)

    def run(self, stack: Any, operation: str, meaning: str, *, fails: bool = False) -> None:
        """Run an operation, show what a user reads, and say in one sentence what it means."""
        print(f"\n$ pulumi {operation} --stack {stack.name}")
        self.zuora.forget_requests()
        options = {"color": "never"} if self._cli else {}
        try:
            text, failed = getattr(stack, operation)(**options).stdout, False
        except (CommandError, EmbeddedStackError) as error:
            text, failed = str(error), True
        for line in text.splitlines() if self._show_all else what_is_said(text):
            print(f"  {line}")
        sent = [f"{count} {name.value}" for name in Operation if (count := self.zuora.count(name))]
        print(f"→ {meaning}\n  Requests to Zuora: {', '.join(sent) or 'none'}.", flush=True)
        if failed != fails:
            sys.exit(f"The demo went wrong:\n{text}")


def what_is_said(text: str) -> Iterator[str]:
    """Leave the engine's rows and counts out.

    What it says under Diagnostics and Outputs is left.
    """
    section, about_stack = "", False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            section = line.removesuffix(":")
        elif section == "Diagnostics" and line.startswith("  ") and not line.startswith("   "):
            about_stack = "pulumi:pulumi:Stack" in line
        elif line.strip() and not about_stack and section in ("Diagnostics", "Outputs"):
            yield line.replace("\t", "")[2:]


@contextmanager
def chapter(title: str, cli: str | None, show_all: bool) -> Iterator[Demo]:
    """Open a local Zuora and an empty folder for one chapter."""
    print(f"\n── {title} ".ljust(80, "─"))
    with (
        tempfile.TemporaryDirectory(prefix="zuora-backfill-demo-") as folder,
        Sandbox(job_duration_s=0, seed=1) as zuora,
    ):
        os.environ.update(zuora.environment(), ZUORA_TENANT_ID=zuora.tenant_id)
        yield Demo(Path(folder), zuora, cli, show_all)


def main(arguments: Sequence[str]) -> int:
    """Play the chapters."""
    for name in [name for name in os.environ if name.startswith("ZUORA_")]:
        del os.environ[name]  # a demo never writes to a tenant
    os.environ["ZUORA_CALL_TIMEOUT"] = "5s"  # so that a lost answer is given up soon
    places = [
        str(Path(sys.executable).parent),
        os.environ["PATH"],
        str(Path.home() / ".pulumi/bin"),
    ]
    os.environ["PATH"] = os.pathsep.join(places)
    cli = None if "--embedded" in arguments else shutil.which("pulumi")
    engine = f"the pulumi CLI, {cli}" if cli else "EmbeddedStack, which needs no pulumi CLI"
    print(f"Engine: {engine}.")
    for title, play in CHAPTERS.items():
        with chapter(title, cli, "--all" in arguments) as demo:
            play(demo)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
