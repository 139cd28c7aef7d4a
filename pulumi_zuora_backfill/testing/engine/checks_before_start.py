"""What is looked at before an operation begins: each check yields the errors that it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .planning import Scope
from .state import Resource, dangling_reference


def folder_errors(directory: Path, *, program: bool) -> Iterator[str]:
    """Look at the stack's folder, and at its program where that is to run."""
    missing = ""
    if not directory.is_dir():
        missing = f"{directory} is not a folder"
    elif program and not (directory / "__main__.py").is_file():
        missing = f"{directory} holds no __main__.py"
    if missing:
        yield f"{missing}; check the stack's work_dir, and main in its Pulumi.yaml"


def state_errors(base: Sequence[Resource]) -> Iterator[str]:
    """Look for resources that depend on what the state does not have."""
    if trouble := dangling_reference(base):
        yield f"snapshot integrity failure; refusing to use it: {trouble}"


def unknown_names(
    scope: Scope, base: Sequence[Resource], *, program: bool, refresh: bool
) -> Iterator[str]:
    """Look for what a user names and the state has not; a target may come from the program."""
    known = {resource.urn for resource in base}
    named = set(scope.replace.literals)
    if refresh and known:
        named |= scope.targets.literals | scope.excludes.literals
    elif not program:
        named |= scope.targets.literals
    for urn in sorted(named - known):
        yield f"Target '{urn}' could not be found in the stack."


def interrupted_warning(interrupted: Sequence[dict[str, Any]]) -> str:
    """Say what an earlier run was doing when it was killed."""
    listed = "".join(
        f"  * {operation['resource']['urn']}, interrupted while {operation['type']}\n"
        for operation in interrupted
    )
    return (
        "Attempting to deploy or update resources with "
        f"{len(interrupted)} pending operations from previous deployment.\n{listed}"
        "These resources are in an unknown state because an earlier run was interrupted while "
        "waiting for changes to these resources to complete."
    )
