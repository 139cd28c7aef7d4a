"""Takes the times, one life of a stack after the other.

The programs take turns, so that a drift of the machine hits them alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .engines import OPERATIONS, Engine
from .zuora import local_zuora

ROOT: Final = Path(__file__).resolve().parent.parent
OURS: Final = "ours"
FLOOR: Final = "floor"
WIDE_FLOOR: Final = "wide floor"
HAND_WRITTEN: Final = "hand-written"
PROGRAMS: Final = {
    OURS: "from pulumi_zuora_backfill import BackfillJob\n"
    "for number in range({jobs}):\n    BackfillJob(\n"
    '        f"job-{{number}}", type="RatePlanCharge", entity_id=f"e{{number}}"\n    )\n',
    FLOOR: "from benchmarks.floor import Floor\nfor number in range({jobs}):\n"
    '    Floor(f"job-{{number}}")\n',
    WIDE_FLOOR: "from benchmarks.floor import WideFloor\n"
    'for number in range({jobs}):\n    WideFloor(f"job-{{number}}")\n',
    HAND_WRITTEN: "from benchmarks.handwritten import HandWritten\n"
    'for number in range({jobs}):\n    HandWritten(f"job-{{number}}")\n',
}
_IMPORT = """\
import json, sys, time
started = time.perf_counter()
import pulumi
between = time.perf_counter()
{module}
ended = time.perf_counter()
print(json.dumps([between - started, ended - between, "requests" in sys.modules]))
"""


@dataclass(frozen=True)
class Sample:
    """
    One operation, once.

    Attributes:
        round: Which round.
        answer_ms: How long the local Zuora took for each answer.
        jobs: How many jobs the program declares.
        program: Whose program.
        operation: Which operation.
        seconds: How long it took.
    """

    round: int
    answer_ms: int
    jobs: int
    program: str
    operation: str
    seconds: float


@dataclass(frozen=True)
class ImportSample:
    """
    One import, once, in a fresh process.

    Attributes:
        pulumi_ms: What `import pulumi` took.
        ours_ms: What `import pulumi_zuora_backfill` took after it.
        requests_loaded: Whether `requests` was loaded by it.
    """

    pulumi_ms: float
    ours_ms: float
    requests_loaded: bool


def measure(
    engine: Engine,
    *,
    jobs: Sequence[int],
    answer_ms: Sequence[int],
    rounds: int,
    folder: Path,
    tell: Callable[[str], None],
) -> Iterator[Sample]:
    """
    Run all programs, over and over.

    Args:
        engine: What runs the programs.
        jobs: How many jobs, one after the other.
        answer_ms: Answer times of the local Zuora, one after the other.
        rounds: How often everything is run; once more at the start, unmeasured, which fills the
            caches of byte code.
        folder: For projects, state and byte code.
        tell: Hears what is going on.

    Raises:
        RuntimeError: An operation did not do what is to be measured.
    """
    tell("warming up")
    for program in PROGRAMS:
        list(_life(engine, folder, program, 0, jobs=1, answer_ms=0))
    for number in range(1, rounds + 1):
        for answer in answer_ms:
            for count in jobs:
                tell(f"round {number} of {rounds}: {count} jobs, {answer} ms")
                for program in PROGRAMS:
                    yield from _life(engine, folder, program, number, jobs=count, answer_ms=answer)


def measure_import(runs: int, folder: Path) -> list[ImportSample]:
    """Import the package in fresh processes, after `pulumi`, whose own time is taken beside it."""
    code = _IMPORT.format(module="import pulumi_zuora_backfill")
    samples = []
    for number in range(runs + 1):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment_in(folder),
            check=True,
            capture_output=True,
            text=True,
        )
        pulumi_s, ours_s, requests_loaded = json.loads(done.stdout)
        if number:  # the first one fills the cache of byte code
            samples.append(ImportSample(pulumi_s * 1000, ours_s * 1000, requests_loaded))
    return samples


def _life(
    engine: Engine, folder: Path, program: str, number: int, *, jobs: int, answer_ms: int
) -> Iterator[Sample]:
    """Take one stack from its first `up` to its end, in an empty project and tenant."""
    environment = environment_in(folder)
    source = PROGRAMS[program].format(jobs=jobs)
    with project_in(folder, source) as project, local_zuora(answer_ms, environment) as zuora:
        stack = engine.stack(project, {**environment, **zuora})
        for operation in OPERATIONS:
            started = time.perf_counter()
            done = stack.run(operation)
            seconds = time.perf_counter() - started
            if done != jobs + 1:  # the stack itself is a resource too
                raise RuntimeError(
                    f"{operation} of {program}: {done} resources instead of {jobs + 1}"
                )
            yield Sample(number, answer_ms, jobs, program, operation, seconds)


@contextmanager
def project_in(folder: Path, source: str) -> Iterator[Path]:
    """Make a project with a program, for as long as it is needed."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        project = Path(name)
        (project / "Pulumi.yaml").write_text("name: benchmark\nruntime: python\n")
        (project / "__main__.py").write_text(source)
        yield project


def environment_in(folder: Path) -> Mapping[str, str]:
    """Return the environment of all programs.

    No settings of the user's, and byte code, as an installed package has it.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ZUORA_", "PULUMI_", "PYTHON"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(folder / "byte-code")}
