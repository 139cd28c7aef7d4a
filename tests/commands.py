"""How the tests run the operator commands: in a pipe, and on a real terminal."""

from __future__ import annotations

import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from fcntl import ioctl
from types import TracebackType
from typing import Any

COMMAND = (sys.executable, "-m", "pulumi_zuora_backfill")
PATIENCE_S = 60.0
# A process makes the terminal its own first, so that a typed Ctrl-C reaches it.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with some settings, without what steers terminals."""
    steering = ("FORCE_COLOR", "NO_COLOR", "TTY_INTERACTIVE", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if name not in steering}
    return {**kept, "TERM": "xterm", **settings}


def piped(
    arguments: list[str], settings: Mapping[str, str], **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing but pipes around it."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        **more,
    )


class Terminal:
    """A command on a real terminal, with somebody who types and reads."""

    def __init__(
        self, arguments: list[str], settings: Mapping[str, str], columns: int = 100
    ) -> None:
        """Start the command."""
        self._ours, self._theirs = pty.openpty()
        ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._modes = termios.tcgetattr(self._theirs)
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *COMMAND, *arguments],
            env=environment(settings),
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            start_new_session=True,
        )

    def __enter__(self) -> Terminal:
        """Stand by."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the command if it still runs, and close the terminal."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def read_until(self, text: str) -> None:
        """Read until a text stands there."""
        until_s = time.monotonic() + PATIENCE_S
        while text not in self.text:
            assert self._read() or self.process.poll() is None, self.text
            assert time.monotonic() < until_s, self.text

    def end(self, again: str = "") -> int:
        """Read to the end, and return the exit code.

        Args:
            again: Keys that a person presses again when nothing has happened for five seconds.
        """
        until_s = time.monotonic() + PATIENCE_S
        again_s = time.monotonic() + 5
        while self._read() or self.process.poll() is None:
            assert time.monotonic() < until_s, self.text
            if again and time.monotonic() > again_s:
                self.type(again)
                again_s += 5
        return self.process.returncode

    @property
    def restored(self) -> bool:
        """Whether the cursor is shown and the modes are those of before."""
        shown = self.text.rfind("\x1b[?25h") >= self.text.rfind("\x1b[?25l")
        return shown and termios.tcgetattr(self._theirs) == self._modes

    def _read(self) -> bool:
        """Read what is there, and tell whether there was anything."""
        if not select.select([self._ours], [], [], 0.1)[0]:
            return False
        self.text += os.read(self._ours, 65536).decode(errors="replace").replace("\r\n", "\n")
        return True
