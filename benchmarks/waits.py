"""Do waits hold each other up? One job and its completion, beside ten of each.

The ten are to take hardly longer than the one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from .engines import FIRST_UP, Engine
from .measure import environment_in, project_in
from .zuora import local_zuora

JOB_S: Final = 4.0
WAITS: Final = 10
MOST_OF_ONE: Final = 1.25
_PROGRAM = """\
from pulumi_zuora_backfill import BackfillCompletion, BackfillJob
for number in range({jobs}):
    job = BackfillJob(f"job-{{number}}", type="RatePlanCharge", dry_run=True)
    BackfillCompletion(f"done-{{number}}", job_ids=[job.job_id])
"""


@dataclass(frozen=True)
class WaitSample:
    """
    One round.

    Attributes:
        one_s: How long `up` took with one job and one completion.
        ten_s: How long it took with ten of each.
    """

    one_s: float
    ten_s: float


def measure_waits(
    engine: Engine, *, rounds: int, folder: Path, tell: Callable[[str], None]
) -> list[WaitSample]:
    """Run both programs in turn; all jobs run for four seconds."""
    samples = []
    for number in range(1, rounds + 1):
        tell(f"round {number} of {rounds}: waits")
        samples.append(WaitSample(one_s=_up(engine, folder, 1), ten_s=_up(engine, folder, WAITS)))
    return samples


def waits_met(samples: list[WaitSample]) -> bool:
    """Return whether ten waits take hardly longer than one."""
    return _ratio(samples) <= MOST_OF_ONE


def about_waits(samples: list[WaitSample]) -> str:
    """Say how ten waits compare with one."""
    one_s, ten_s = (
        median(sample.one_s for sample in samples),
        median(sample.ten_s for sample in samples),
    )
    return (
        f"up with {WAITS} jobs of {JOB_S:.0f} s and {WAITS} completions: {ten_s:.2f} s; with one "
        f"of each: {one_s:.2f} s; ratio {_ratio(samples):.2f} "
        f"(one after the other would be {WAITS * JOB_S:.0f} s). Goal: ≤ {MOST_OF_ONE}: "
        f"{'met' if waits_met(samples) else 'NOT MET'}"
    )


def _ratio(samples: list[WaitSample]) -> float:
    return median(sample.ten_s / sample.one_s for sample in samples)


def _up(engine: Engine, folder: Path, jobs: int) -> float:
    environment = environment_in(folder)
    with (
        project_in(folder, _PROGRAM.format(jobs=jobs)) as project,
        local_zuora(0, environment, JOB_S) as zuora,
    ):
        stack = engine.stack(project, {**environment, **zuora})
        started = time.perf_counter()
        done = stack.run(FIRST_UP)
        seconds = time.perf_counter() - started
    if done != 2 * jobs + 1:
        raise RuntimeError(f"waits: {done} resources instead of {2 * jobs + 1}")
    return seconds
