"""A child process of the engine: started apart from the terminal, its output read line by line."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_EXIT_TIMEOUT_S = 5.0
_LAST_WORDS = 60


class ChildProcess:
    """A running process whose pipes are always drained; a full pipe would make it wait for ever."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        env: Mapping[str, str],
        on_stdout: Callable[[str], None],
        on_stderr: Callable[[str], None],
    ) -> None:
        """Start the process; the callbacks get its lines, from threads of their own."""
        self._on_stdout = on_stdout
        self._on_stderr = on_stderr
        self._last_words: list[str] = []
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            env=_reaching_the_engine(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            # A terminal's Ctrl-C must reach the engine alone: it decides what ends when.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        # If this process is killed, nobody is left to end the child: the guard does, at its
        # pipe's end.
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _ || kill -9 "-$1"', "guard", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(
                target=self._drain, args=(self._process.stdout, self._heard_stdout), daemon=True
            ),
            threading.Thread(
                target=self._drain, args=(self._process.stderr, self._heard_stderr), daemon=True
            ),
        ]
        for reader in self._readers:
            reader.start()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for the end and return the exit code, negative for a signal; none: it still runs."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        self._join_readers()
        return code

    def obituary(self) -> str:
        """Tell how the process ended, with the last it wrote to stderr."""
        code = self.wait(_EXIT_TIMEOUT_S)
        if code is None:
            return "it does not answer"
        how = (
            f"it was killed by {signal.Signals(-code).name}"
            if code < 0
            else f"it exited with code {code}"
        )
        return "\n".join([how, *self._last_words])

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        self._process.kill()

    def close(self, grace_s: float = 0.0) -> None:
        """End the process, after a while if it is about to end anyway, and free its pipes."""
        if grace_s and self.wait(grace_s) is not None:
            pass
        elif self._process.poll() is None:
            self._process.terminate()
        if self.wait(_EXIT_TIMEOUT_S) is None:
            self._process.kill()
            self.wait()
        self._join_readers()
        self._guard.communicate(b"all is well\n")

    def _join_readers(self) -> None:
        # A grandchild may keep a pipe open beyond the end of the process: do not wait for that.
        for reader in self._readers:
            reader.join(_EXIT_TIMEOUT_S)

    def _heard_stdout(self, line: str) -> None:
        self._on_stdout(line)

    def _heard_stderr(self, line: str) -> None:
        self._last_words = [*self._last_words[-_LAST_WORDS:], line]
        self._on_stderr(line)

    @staticmethod
    def _drain(pipe: IO[str], heard: Callable[[str], None]) -> None:
        with pipe:
            for line in pipe:
                heard(line.rstrip("\n"))


def _reaching_the_engine(extra: Mapping[str, str]) -> dict[str, str]:
    """Add to this process's environment; a child reaches the engine past any proxy."""
    local = "127.0.0.1,localhost"
    env = {**os.environ, **extra}
    for key in ("NO_PROXY", "no_proxy"):
        env[key] = f"{env[key]},{local}" if env.get(key) else local
    return env
