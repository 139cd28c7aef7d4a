"""
Preview, deploy or look at the stacks of all tenants: `python fleet.py up`.

Exit codes: 0 all is done; 1 something failed or was refused; 2 the table or the command line is
wrong, and nothing was started; 3 the rest waits for approval; 4 something is not done yet;
130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from pulumi import automation
from rendering import View, show, summary
from rich.console import Console
from running import Fleet, Status, Work, run
from tenants import TableError, chosen, load, secrets_of

NO_CLI: Final = (
    "The pulumi CLI is not on PATH, and the Automation API runs it. "
    "Install it: https://www.pulumi.com/docs/install/"
)
STOPPING: Final = b"\nNo other stack starts, and waits end. Jobs that run in Zuora run on.\n"
USAGE, STOPPED = 2, 130
_WORST_FIRST: Final = (
    (Status.FAILED, 1),
    (Status.REFUSED, 1),
    (Status.LEFT, 4),
    (Status.WAITS, 3),
)


def exit_code_of(statuses: Iterable[Status]) -> int:
    """Return the exit code that tells the most important of several outcomes."""
    there = set(statuses)
    return next((code for status, code in _WORST_FIRST if status in there), 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("operation", choices=["preview", "up", "status"])
    parser.add_argument("stack", nargs="*", help="only these; default: all rows of tenants.yaml")
    parser.add_argument("--parallel", type=int, default=4, help="how many at once (default: 4)")
    options = parser.parse_args(arguments)
    if options.parallel < 1:
        parser.error("--parallel must be 1 or more")
    try:
        table = load()
        rows = chosen(table, options.stack)
        secrets = secrets_of(rows, os.environ) if options.operation == "up" else {}
        fleet = Fleet(os.environ, table)
    except TableError as error:
        return refuse(f"{error}\nNothing was started.")
    except FileNotFoundError:
        return refuse(NO_CLI)
    except (automation.CommandError, automation.InvalidVersionError) as error:
        return refuse(f"The stacks cannot be listed, so nothing was started.\n{error}")
    works: dict[str, Work] = {
        "up": lambda row, note: fleet.up(row, secrets[row.stack], note),
        "preview": fleet.preview,
        "status": fleet.status,
    }

    def stop(*_: object) -> None:
        os.write(2, STOPPING)  # nothing that a print of this thread could be in the middle of
        fleet.cli.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    view = View(rows)
    try:
        changes = run(rows, works[options.operation], options.parallel, lambda: fleet.cli.stopped)
        show(view, changes, Console(stderr=True))
    finally:
        interrupted = fleet.cli.stopped
        fleet.cli.stop()
    summary(view, Console())
    code = exit_code_of(change.status for change in view.last.values())
    return STOPPED if interrupted else code


def refuse(why: str) -> int:
    """Say why nothing is done."""
    print(why, file=sys.stderr)
    return USAGE


if __name__ == "__main__":
    sys.exit(main())
