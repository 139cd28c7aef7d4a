"""
Measure `up` and `destroy` of three programs side by side.

Run with `python -m benchmarks` or `make bench`.
"""

# a report is printed

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from .engines import choose
from .measure import measure, measure_import
from .report import about_import, import_met, lines_of, table
from .waits import about_waits, measure_waits, waits_met


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; with `--strict` the exit code is 1 if a goal is missed."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        try:
            engine = choose(options.engine, folder)
        except LookupError as error:
            sys.exit(f"error: {error}")
        where = (
            f"{platform.python_implementation()} {platform.python_version()}, pulumi SDK "
            f"{metadata.version('pulumi')}, {os.cpu_count()} CPUs"
        )
        print(
            f"Engine: {engine.description}\nMachine: {where}\nRounds: {options.rounds}\n",
            flush=True,
        )
        imports = measure_import(options.import_runs, folder)
        samples = list(
            measure(
                engine,
                jobs=options.jobs,
                answer_ms=options.answer_ms,
                rounds=options.rounds,
                folder=folder,
                tell=_progress,
            )
        )
        waits = measure_waits(engine, rounds=options.rounds, folder=folder, tell=_progress)
        _progress("")
    lines = list(lines_of(samples))
    print(f"{table(lines)}\n\n{about_import(imports)}\n{about_waits(waits)}")
    if options.json:
        found = {
            "engine": engine.description,
            "machine": where,
            "samples": [asdict(sample) for sample in samples],
            "imports": [asdict(sample) for sample in imports],
            "waits": [asdict(sample) for sample in waits],
        }
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    missed = (
        sum(not line.met for line in lines) + (not import_met(imports)) + (not waits_met(waits))
    )
    print(f"Goals missed: {missed}")
    return 1 if options.strict and missed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure up and destroy of three programs side by side.",
    )
    parser.add_argument(
        "--jobs", type=_numbers, default=[1, 10, 100], help="numbers of jobs (default: 1,10,100)"
    )
    parser.add_argument(
        "--answer-ms",
        type=_numbers,
        default=[0, 200],
        help="answer times of the local Zuora (default: 0,200)",
    )
    parser.add_argument(
        "--rounds", type=_positive, default=5, help="how often everything is measured (default: 5)"
    )
    parser.add_argument(
        "--import-runs",
        type=_positive,
        default=15,
        help="how often the import is measured (default: 15)",
    )
    parser.add_argument(
        "--engine",
        choices=["auto", "embedded", "real"],
        default="auto",
        help="auto: the pulumi CLI where there is one, otherwise EmbeddedStack",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all samples here")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _progress(text: str) -> None:
    """Show what is going on, in a line that is written over; silent where nobody looks."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
