"""Starts the process in which a Pulumi program runs, from the folder of its project."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes with Pulumi, without types

from pulumi_zuora_backfill.testing.engine.stack_setup import StackSetup

from .child_process import ChildProcess

_SCRIPT = Path(__file__).with_name("inside_program_process.py")

SHOWN_ERROR_EXIT_CODE = 32
"""The script ends with this code when it has told the engine what went wrong."""

_SDK_NOISE = "Resource monitor has terminated, shutting down"
"""What the SDK says when a registration fails; the failure itself was told already."""


def start_program(
    setup: StackSetup,
    *,
    project: str,
    stack: str,
    config: Mapping[str, str],
    secret_keys: list[str],
    monitor_address: str,
    engine_address: str,
    dry_run: bool,
    on_line: Callable[[str], None],
) -> ChildProcess:
    """Start the program of a stack; it registers its resources with the monitor."""
    settings = {
        "project": project,
        "stack": stack,
        "organization": setup.organization,
        "root_directory": str(setup.root_directory),
        "monitor": monitor_address,
        "engine": engine_address,
        "parallel": setup.parallel,
        "dry_run": dry_run,
    }

    def heard(line: str) -> None:
        if _SDK_NOISE not in line:
            on_line(line)

    return ChildProcess(
        [sys.executable, "-u", str(_SCRIPT), json.dumps(settings)],
        directory=setup.program_directory,
        env={
            **setup.env,
            "PULUMI_CONFIG": json.dumps(dict(config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(secret_keys),
        },
        on_stdout=heard,
        on_stderr=heard,
    )


def read_project(work_dir: Path) -> dict[str, Any]:
    """Read `Pulumi.yaml`; without one, nothing is set."""
    path = work_dir / "Pulumi.yaml"
    if not path.exists():
        return {}
    project: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return project
