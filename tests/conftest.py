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


def pytest_report_header() -> str:
    """Say which engines the scenarios run on."""
    cli = pulumi_cli()
    return (
        f"engines: EmbeddedStack, and the pulumi CLI at {cli}"
        if cli
        else f"engines: EmbeddedStack only ({REAL_ENGINE_MISSING})"
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say it once more at the end, where it is read."""
    terminalreporter.write_line(pytest_report_header())
