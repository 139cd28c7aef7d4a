"""The process in which a Pulumi program runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes with Pulumi, without types

from .process import ChildProcess

_RUNNER = Path(__file__).with_name("runner.py")

SHOWN_ERROR_EXIT_CODE = 32
"""The runner ends with this code when it has told the engine what went wrong."""

_SDK_NOISE = "Resource monitor has terminated, shutting down"
"""What the SDK says when a registration fails; the failure itself was told already."""


def start_program(
    *,
    python: str,
    directory: Path,
    root_directory: Path,
    env: Mapping[str, str],
    project: str,
    stack: str,
    organization: str,
    config: Mapping[str, str],
    secret_keys: list[str],
    monitor_address: str,
    engine_address: str,
    parallel: int,
    dry_run: bool,
    on_line: Callable[[str], None],
) -> ChildProcess:
    """Start the program of a stack; it registers its resources with the monitor, and says what it has to say."""
    settings = {
        "project": project,
        "stack": stack,
        "organization": organization,
        "root_directory": str(root_directory),
        "monitor": monitor_address,
        "engine": engine_address,
        "parallel": parallel,
        "dry_run": dry_run,
    }

    def heard(line: str) -> None:
        if _SDK_NOISE not in line:
            on_line(line)

    return ChildProcess(
        [python, "-u", str(_RUNNER), json.dumps(settings)],
        directory=directory,
        env={
            **env,
            "PULUMI_CONFIG": json.dumps(dict(config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(secret_keys),
        },
        on_stdout=heard,
        on_stderr=heard,
    )


def missing_at(directory: Path, *, program: bool) -> str | None:
    """Say what keeps a stack from running in this folder, or its program, where that is wanted too."""
    if not directory.is_dir():
        return f"{directory} is not a folder"
    if program and not (directory / "__main__.py").is_file():
        return f"{directory} holds no __main__.py"
    return None


def read_project(work_dir: Path) -> dict[str, Any]:
    """Read `Pulumi.yaml`; without one, nothing is set."""
    path = work_dir / "Pulumi.yaml"
    if not path.exists():
        return {}
    project: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return project
