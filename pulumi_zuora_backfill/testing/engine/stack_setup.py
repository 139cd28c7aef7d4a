"""What all operations on a stack share: folders, environment, and where the state is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class StackSetup:
    """What all operations on a stack share."""

    organization: str
    program_directory: Path
    root_directory: Path
    env: Mapping[str, str]
    parallel: int
    state_file: Path
    on_output: Callable[[str], None] | None
