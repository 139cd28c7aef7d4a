"""Turns samples into a table, and holds them against the goals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from .engines import FIRST_UP, OPERATIONS
from .measure import FLOOR, HAND_WRITTEN, OURS, WIDE_FLOOR, ImportSample, Sample

MOST_OF_FLOOR: Final = 1.15
MOST_IMPORT_MS: Final = 30.0
_AHEAD_AT: Final = (10, 100)
_HEAD = (
    "answer",
    "jobs",
    "operation",
    OURS,
    FLOOR,
    WIDE_FLOOR,
    HAND_WRITTEN,
    f"{OURS} / {FLOOR}",
    f"{OURS} / {WIDE_FLOOR}",
    f"{OURS} / {HAND_WRITTEN}",
    "goal",
)


@dataclass(frozen=True)
class Line:
    """
    What was found for one operation.

    Attributes:
        answer_ms: How long the local Zuora took for each answer.
        jobs: How many jobs.
        operation: Which operation.
        seconds: The median of each program.
        to_floor: The median of the rounds' ratios of ours to the floor.
        to_wide_floor: The same, to the floor with as many properties.
        to_hand_written: The same, to the hand-written provider.
    """

    answer_ms: int
    jobs: int
    operation: str
    seconds: dict[str, float]
    to_floor: float
    to_wide_floor: float
    to_hand_written: float

    @property
    def goal(self) -> str | None:
        """What is wanted here; none where nothing is."""
        if self.answer_ms == 0:
            return f"≤ {MOST_OF_FLOOR} × {FLOOR}"
        if self.operation == FIRST_UP and self.jobs in _AHEAD_AT:
            return f"ahead of {HAND_WRITTEN}"
        return None

    @property
    def met(self) -> bool:
        """Whether it is what is wanted."""
        if self.goal is None:
            return True
        return self.to_floor <= MOST_OF_FLOOR if self.answer_ms == 0 else self.to_hand_written < 1


def lines_of(samples: Iterable[Sample]) -> Iterator[Line]:
    """Sum up: medians of the times, and medians of the ratios within a round.

    A drift of the machine hits the ratios least.
    """
    found: dict[tuple[int, int, str], dict[str, dict[int, float]]] = {}
    for sample in samples:
        of_line = found.setdefault((sample.answer_ms, sample.jobs, sample.operation), {})
        of_line.setdefault(sample.program, {})[sample.round] = sample.seconds
    for answer_ms, jobs, operation in sorted(
        found, key=lambda key: (key[0], key[1], OPERATIONS.index(key[2]))
    ):
        times = found[answer_ms, jobs, operation]
        yield Line(
            answer_ms=answer_ms,
            jobs=jobs,
            operation=operation,
            seconds={program: median(of_rounds.values()) for program, of_rounds in times.items()},
            to_floor=_ratio(times[OURS], times[FLOOR]),
            to_wide_floor=_ratio(times[OURS], times[WIDE_FLOOR]),
            to_hand_written=_ratio(times[OURS], times[HAND_WRITTEN]),
        )


def table(lines: Iterable[Line]) -> str:
    """Draw the table, which is also Markdown."""
    rows = [
        (
            f"{line.answer_ms} ms",
            str(line.jobs),
            line.operation,
            *(
                f"{line.seconds[program]:.2f} s"
                for program in (OURS, FLOOR, WIDE_FLOOR, HAND_WRITTEN)
            ),
            f"{line.to_floor:.2f}",
            f"{line.to_wide_floor:.2f}",
            f"{line.to_hand_written:.2f}",
            f"{line.goal}: {_verdict(line.met)}" if line.goal else "",
        )
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    drawn = [_HEAD, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in drawn
    )


def import_met(samples: Sequence[ImportSample]) -> bool:
    """Return whether importing the package costs no more than is wanted."""
    return median(s.ours_ms for s in samples) <= MOST_IMPORT_MS and not any(
        s.requests_loaded for s in samples
    )


def about_import(samples: Sequence[ImportSample]) -> str:
    """Say what importing the package costs."""
    ours_ms, pulumi_ms = median(s.ours_ms for s in samples), median(s.pulumi_ms for s in samples)
    loaded = "is loaded" if any(s.requests_loaded for s in samples) else "is not loaded"
    return (
        f"import pulumi_zuora_backfill: {ours_ms:.0f} ms on top of {pulumi_ms:.0f} ms for pulumi "
        f"(median of {len(samples)} fresh processes); "
        f"requests {loaded}. Goal: ≤ {MOST_IMPORT_MS:.0f} ms, requests not loaded: "
        f"{_verdict(import_met(samples))}"
    )


def _ratio(ones: dict[int, float], others: dict[int, float]) -> float:
    return median(ones[number] / others[number] for number in ones)


def _verdict(met: bool) -> str:
    return "met" if met else "NOT MET"
