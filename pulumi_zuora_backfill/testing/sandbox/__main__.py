"""Serve a local Zuora until it is stopped, after printing lines that a shell can eval."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Sequence

from .sandbox import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, after printing lines that a shell can eval."""
    parser = argparse.ArgumentParser(
        prog="sandbox", description="A local Zuora for trying out and for tests."
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port on 127.0.0.1 (default: any free port)"
    )
    parser.add_argument(
        "--job-duration",
        type=float,
        default=10.0,
        metavar="S",
        help="seconds a job runs (default: 10)",
    )
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    sandbox = Sandbox(port=options.port, job_duration_s=options.job_duration)
    try:
        sandbox.start()
    except (OSError, OverflowError) as error:
        parser.error(f"cannot listen on port {options.port}: {error}")
    sys.stdout.writelines(
        f"export {name}={shlex.quote(value)}\n" for name, value in sandbox.environment().items()
    )
    sys.stdout.flush()
    ended.wait()
    sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
