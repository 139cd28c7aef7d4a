"""What all tests share: a clean environment, a local Zuora, a stack on either engine, and a word on which engines there were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pulumi_zuora_backfill.testing import Sandbox

from .engines import REAL_ENGINE_MISSING, engine, pulumi_cli
from .world import World

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


@pytest.fixture
def zuora() -> Iterator[Sandbox]:
    """Start a local Zuora whose jobs run until they are finished."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def world(engine: type[Any], zuora: Sandbox, tmp_path: Path) -> World:
    """Make a stack on either engine, set up for the local Zuora."""
    return World(engine, zuora, tmp_path)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run say which engine plays the scenarios."""
    parser.addoption(
        "--engines",
        choices=["embedded", "real", "all"],
        default="embedded",
        help="which engine plays the scenarios (default: embedded)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play each scenario on both engines; what is not asked for is deselected below."""
    if "engine" in metafunc.fixturenames:
        real = pytest.param("real", marks=pytest.mark.real_engine)
        metafunc.parametrize("engine", ["embedded", real], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the run does not ask for, or what needs a CLI that is not there."""
    asked, cli = config.getoption("--engines"), pulumi_cli()
    on_real = [item for item in items if item.get_closest_marker("real_engine")]
    left_out = on_real if asked == "embedded" or cli is None else []
    if asked == "real":
        left_out = [*left_out, *(item for item in items if item not in set(on_real))]
    if left_out:
        gone = set(left_out)
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in gone]


def pytest_report_header(config: pytest.Config) -> str:
    """Say which engines the scenarios run on, and why not on the other one."""
    asked, cli = config.getoption("--engines"), pulumi_cli()
    if asked != "embedded" and cli:
        return f"engines: {'EmbeddedStack, and ' if asked == 'all' else ''}the pulumi CLI at {cli}"
    why = REAL_ENGINE_MISSING if cli is None else "`make test-all` plays them on the pulumi CLI too"
    return f"engines: EmbeddedStack only ({why})"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say it once more at the end, where it is read."""
    terminalreporter.write_line(pytest_report_header(config))
