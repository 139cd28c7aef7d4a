"""The two engines, each as something that runs one operation of one stack.

The pulumi CLI, and `EmbeddedStack`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from pulumi_zuora_backfill.testing import EmbeddedStack

FIRST_UP: Final = "up (first)"
SECOND_UP: Final = "up (no change)"
DESTROY: Final = "destroy"
OPERATIONS: Final = (FIRST_UP, SECOND_UP, DESTROY)
# What each operation must have done with every resource; nothing else is measured.
_FATE: Final = {FIRST_UP: "create", SECOND_UP: "same", DESTROY: "delete"}
_CLI_WORDS: Final = {FIRST_UP: "created", SECOND_UP: "unchanged", DESTROY: "deleted"}
_ON_THIS_MACHINE = "127.0.0.1,localhost"


class Stack(Protocol):
    """One stack."""

    def run(self, operation: str) -> int:
        """Run an operation to its end; return how many resources had the fate it is to bring."""


class Engine(Protocol):
    """Makes stacks."""

    @property
    def description(self) -> str:
        """What runs the programs."""

    def stack(self, folder: Path, environment: Mapping[str, str]) -> Stack:
        """Make an empty stack of the project in a folder."""


class Cli:
    """The pulumi CLI, with a home and a state of its own."""

    def __init__(self, cli: str, folder: Path) -> None:
        """Prepare the home."""
        self._cli = cli
        self._folder = folder
        self._version = subprocess.run(
            [cli, "version"], check=True, capture_output=True, text=True
        ).stdout.strip()

    @property
    def description(self) -> str:
        """What runs the programs."""
        return f"pulumi CLI {self._version} (`pulumi up --yes --skip-preview`, whole process)"

    def stack(self, folder: Path, environment: Mapping[str, str]) -> Stack:
        """Make an empty stack, whose state is in the folder."""
        (folder / "state").mkdir()
        own = {
            "PATH": os.pathsep.join(
                [str(Path(self._cli).parent), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_HOME": str(self._folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "benchmark",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "NO_PROXY": _ON_THIS_MACHINE,
            "no_proxy": _ON_THIS_MACHINE,
        }
        stack = _CliStack(self._cli, folder, {**environment, **own})
        stack.call("stack", "init", "bench")
        return stack


class _CliStack:
    """A stack of the CLI."""

    def __init__(self, cli: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._cli, self._folder, self._environment = cli, folder, dict(environment)

    def run(self, operation: str) -> int:
        """Run the command as a user does."""
        text = self.call(operation.split()[0], "--stack", "bench", "--yes", "--skip-preview")
        count = re.search(
            rf"^ +(?:[+-] )?(\d+) {_CLI_WORDS[operation]}",
            text.partition("Resources:\n")[2],
            re.MULTILINE,
        )
        return int(count[1]) if count else 0

    def call(self, *arguments: str) -> str:
        """Run one command and return what it wrote."""
        done = subprocess.run(
            [self._cli, *arguments, "--non-interactive", "--color=never"],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"pulumi {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


class Embedded:
    """The engine of `pulumi_zuora_backfill.testing`.

    Program and plugin host are processes, the engine is in this one.
    """

    @property
    def description(self) -> str:
        """What runs the programs."""
        return "EmbeddedStack (program and plugin host in processes of their own)"

    def stack(self, folder: Path, environment: Mapping[str, str]) -> Stack:
        """Make an empty stack."""
        return _EmbeddedStack(EmbeddedStack("bench", folder, env=environment))


class _EmbeddedStack:
    """A stack of the embedded engine."""

    def __init__(self, stack: EmbeddedStack) -> None:
        self._stack = stack

    def run(self, operation: str) -> int:
        """Run the operation."""
        result = self._stack.destroy() if operation == DESTROY else self._stack.up()
        return result.change_summary.get(_FATE[operation], 0)


def choose(wish: str, folder: Path) -> Engine:
    """
    Return the engine that is wished for; `auto` is the CLI where there is one.

    Raises:
        LookupError: The CLI is wished for, and there is none.
    """
    search = os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / ".pulumi" / "bin")])
    cli = shutil.which("pulumi", path=search)
    if wish == "embedded" or (wish == "auto" and cli is None):
        return Embedded()
    if cli is None:
        raise LookupError(
            "no pulumi CLI is on PATH or in ~/.pulumi/bin (`make pulumi` installs one)"
        )
    return Cli(cli, folder)
