"""
Break the idempotency contract's modules on purpose, and see which change no test notices.

Run with `make mutation`. mutmut's part of `pyproject.toml` says which modules and which tests;
`accepted.py` says what may survive. The exit code is 1 if anything else does, or if the list is
outdated.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from .accepted import ACCEPTED
from .mutants import fates, judge

ROOT = Path(__file__).resolve().parents[2]
MUTMUT = str(Path(sys.executable).with_name("mutmut"))


def main() -> int:
    """Run mutmut from scratch and judge what survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--jobs", type=int, help="mutants at once; one for each core by default")
    jobs = parser.parse_args().jobs
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    print("Breaking the code; this takes some minutes …", flush=True)
    ended, said = _mutmut("run", *(("--max-children", str(jobs)) if jobs else ()))
    if ended:
        print(said.replace("\r", "\n"))
        return ended
    found = fates(_mutmut("results", "--all", "true")[1])
    if not found:
        print("mutmut made no mutants.")
        return 1
    verdict = judge(found, ACCEPTED, lambda name: _mutmut("show", name)[1])
    print(verdict.table)
    for mutant, status in verdict.unexplained:
        print(f"\nNot accepted ({status}): {mutant}")
    for mutant in verdict.outdated:
        print(f"\nAccepted, but does not survive: {mutant}")
    if verdict.good:
        print(f"Every survivor is accepted ({len(ACCEPTED)} in tests/mutation/accepted.py).")
    else:
        print(
            "\n`mutmut show` has the diffs. Kill what breaks a promise; list the rest with its "
            "reason."
        )
    return not verdict.good


def _mutmut(*arguments: str) -> tuple[int, str]:
    """Run mutmut; return its exit code and all that it prints."""
    done = subprocess.run(
        [MUTMUT, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main())
