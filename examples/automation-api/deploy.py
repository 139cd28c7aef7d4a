"""Preview a stack, ask, deploy it, report how it went: `python deploy.py dev`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pulumi import automation


def deploy(stack: Any, agreed: Callable[[], bool]) -> int:
    """
    Show what would be done, do it if that is agreed, and say how it went.

    Args:
        stack: A `pulumi.automation.Stack`, or in tests an `EmbeddedStack`.
        agreed: Asks whoever has to agree.

    Returns:
        The exit code: 0 for a stack that is as the program says, 3 for one that nobody agreed to.
    """
    preview = stack.preview()  # asks Zuora nothing; not with diff=True, which hides the warnings
    print(preview.stdout)
    if set(preview.change_summary) <= {"same"}:
        print("Nothing to do.")
        return 0
    if not agreed():
        print("Nothing was sent to Zuora.")
        return 3
    outputs = stack.up().outputs  # waits until the job has ended
    job_id, failed = outputs["jobId"].value, outputs["failedRecords"].value
    print(f"Job {job_id} has completed. Failed records: {'unknown' if failed is None else failed}.")
    return 0


def main() -> int:
    """Deploy the stack that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="name of the stack, created if it is not there")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args()
    here = Path(__file__).resolve().parent
    stack = automation.create_or_select_stack(options.stack, work_dir=str(here))
    try:
        return deploy(stack, lambda: options.yes or input("Deploy? Type yes: ").strip() == "yes")
    except automation.CommandError as error:
        print(error, file=sys.stderr)  # all that Pulumi printed: what happened, and the way on
        return 1


if __name__ == "__main__":
    sys.exit(main())
