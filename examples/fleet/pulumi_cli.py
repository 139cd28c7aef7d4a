"""The `pulumi` CLI as the fleet runs it: with a given environment, and to be interrupted."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Mapping
from typing import Any

from pulumi import automation
from pulumi.automation.errors import create_command_error


class Cli(automation.PulumiCommand):
    """
    Runs commands of the CLI for the Automation API.

    The API's own way passes all of this program's environment on, and cannot interrupt a command.

    Attributes:
        stopped: Whether `stop()` was called.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """
        Look for the CLI.

        Args:
            environment: What every command sees, beside what its stack adds.

        Raises:
            FileNotFoundError: The CLI is not on PATH.
        """
        super().__init__()
        self.stopped = False
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._deployments: set[subprocess.Popen[str]] = set()

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Any = None,
        on_error: Any = None,
    ) -> automation.CommandResult:
        """
        Run a command in a session of its own: a terminal's Ctrl-C reaches only this program.

        Raises:
            CommandError: It failed, or was not begun as this program was asked to stop.
        """
        deploys = args[0] in ("up", "preview")
        with self._lock:
            if deploys and self.stopped:
                raise create_command_error(automation.CommandResult("", "Not started.", 1))
            process = subprocess.Popen(
                [self.command, "--non-interactive", *args],
                cwd=cwd,
                env={**self._environment, **additional_env, "PULUMI_AUTOMATION_API": "true"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                start_new_session=True,
            )
            if deploys:
                self._deployments.add(process)
        stdout, stderr = process.communicate()
        with self._lock:
            self._deployments.discard(process)
        result = automation.CommandResult(stdout, stderr, process.returncode)
        if result.code:
            raise create_command_error(result)
        return result

    def stop(self) -> None:
        """Begin no other deployment, and interrupt those under way, as Ctrl-C does."""
        with self._lock:
            self.stopped = True
            for process in self._deployments:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
