"""What all tests share: a clean environment, a local Zuora, a stack on either engine.

The last line of a run says how many tests it left out, and why.
"""

from __future__ import annotations

import compileall
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import pulumi_zuora_backfill
from pulumi_zuora_backfill.testing import Sandbox

from .engines import REAL_ENGINE_MISSING, engine, pulumi_cli
from .world import World

PACKAGE = Path(pulumi_zuora_backfill.__file__).parent
# Their tests wait for real time to pass, while those of other workers use the cores.
WAIT_MOST = ("test_waiting", "test_cli_watch", "test_exchange")

# A runner in the background ignores Ctrl-C, and so would the commands that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

__all__ = ["engine"]

# The same examples in every run, however busy the machine is.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's own settings out of the tests."""
    for name in [name for name in os.environ if name.startswith(("ZUORA_", "PULUMI_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_stale_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no program run from the byte code of the one that it replaces within the same second."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


@pytest.fixture
def zuora() -> Iterator[Sandbox]:
    """Start a local Zuora whose jobs run until they are finished."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def world(engine: type[Any], zuora: Sandbox, tmp_path: Path) -> World:
    """Make a stack on either engine, set up for the local Zuora."""
    return World(engine, zuora, tmp_path)


LEFT_OUT = pytest.StashKey[Counter[str]]()
"""How many tests a run has left out, by marker."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run say which engine plays the scenarios."""
    parser.addoption(
        "--engines",
        choices=["embedded", "real", "all"],
        default="embedded",
        help="which engine plays the scenarios (default: embedded)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count; compile once what each process of each scenario loads."""
    config.stash[LEFT_OUT] = Counter()
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(PACKAGE, quiet=2)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start two workers for each core: on EmbeddedStack, half of a scenario is waiting."""
    cores = os.cpu_count() or 1
    return cores if config.getoption("--engines") != "embedded" else 2 * cores


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play each scenario on both engines; what is not asked for is deselected below."""
    if "engine" in metafunc.fixturenames:
        real = pytest.param("real", marks=pytest.mark.real_engine)
        real_only = metafunc.definition.get_closest_marker("real_engine")
        metafunc.parametrize("engine", ["real"] if real_only else ["embedded", real], indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what waits; leave out what is not asked for, or needs a CLI that is not there."""
    mark_all_but_a_sample(items)
    items.sort(key=lambda item: item.path.stem not in WAIT_MOST)
    asked, cli = config.getoption("--engines"), pulumi_cli()
    on_real = [item for item in items if item.get_closest_marker("real_engine")]
    left_out = on_real if asked == "embedded" or cli is None else []
    if asked == "real":
        left_out = [*left_out, *(item for item in items if item not in set(on_real))]
    if left_out:
        gone = set(left_out)
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in gone]


def mark_all_but_a_sample(items: Sequence[pytest.Item]) -> None:
    """Mark as slow all but the first case of each scenario, and of what is marked as a sample."""
    seen: Counter[str] = Counter()
    for item in items:
        mark = item.get_closest_marker("sample")
        scenario = "engine" in getattr(item, "fixturenames", ())
        if (mark or scenario) and not item.get_closest_marker("real_engine"):
            test = item.nodeid.partition("[")[0]
            if seen[test] % (mark.kwargs if mark else {}).get("every", len(items)):
                item.add_marker("slow")
            seen[test] += 1


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count what is left out here, by `-m` or by `-k`."""
    for item in items:
        marks = [mark for mark in ("real_engine", "slow") if item.get_closest_marker(mark)]
        item.config.stash[LEFT_OUT][(*marks, "other")[0]] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the controller of the workers, which sees no test itself."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker has counted; all of them count the same."""
    node.config.stash[LEFT_OUT] = Counter(getattr(node, "workeroutput", {}).get("left_out"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say last of all, where it is read, what was left out."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal and not hasattr(config, "workerinput"):
        skipped = Counter(report.longrepr[2] for report in terminal.stats.get("skipped", ()))
        terminal.write_line(said_of(config.stash[LEFT_OUT], skipped))


def said_of(left_out: Mapping[str, int], skipped: Mapping[str, int]) -> str:
    """Say in one line how many tests were left out, and why."""
    missing = "" if pulumi_cli() else f" ({REAL_ENGINE_MISSING})"
    reasons = {
        "slow": "slow",
        "real_engine": f"on the pulumi CLI{missing}",
        "other": "not asked for",
    }
    parts = [f"{left_out[mark]} {why}" for mark, why in reasons.items() if left_out.get(mark)]
    more = " `make test-all` runs them." if parts else ""
    parts += [f"{count} as {why.removeprefix('Skipped: ')}" for why, count in skipped.items()]
    return f"Left out: {', '.join(parts)}.{more}" if parts else "All tests were run."
