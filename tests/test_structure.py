"""The shape of the package.

Which module may know which, what is public, what the program's process loads.
"""

from __future__ import annotations

import ast
import base64
import re
import subprocess
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path

import pytest
from pulumi.dynamic import dynamic

import pulumi_zuora_backfill
from pulumi_zuora_backfill.provider import BackfillJobProvider

PACKAGE = Path(pulumi_zuora_backfill.__file__).parent
ROOT = PACKAGE.parent

# The rooms, from the top to the leaves: a room may import what stands below it, and its own files.
ROOMS = (
    ("__main__",),
    ("cli",),
    ("__init__", "testing"),
    ("program",),
    ("provider",),
    ("dynamic_host", "job", "completion"),
    ("connection",),
    ("contract", "input_checks"),
    ("settings",),
    ("zuora",),
    ("properties", "clock", "errors"),
)
# The same for the two parts of `testing`, each from its way in down to its leaves.
TESTING_ROOMS = {
    "engine": ("grpc_services", "deployment", "planning", "processes", "state"),
    "sandbox": ("server", "faults", "simulated_zuora"),
}
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "testing" not in path.parts]


def room_of(path: Path) -> str:
    """Name the room that a file of the package belongs to: its folder, or the file itself."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_imported_by(path: Path) -> set[str]:
    """Return the rooms of ours that a file imports from when it runs, type checking aside."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            package, _, rest = node.module.partition(".")
            if package == PACKAGE.name:
                found |= {rest.split(".")[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and path.parent == PACKAGE:
            found |= {node.module.split(".")[0]} if node.module else {a.name for a in node.names}
    return found


# Read when the tests are collected: later ones deepen the interpreter's stack on purpose.
IMPORTS = {path: rooms_imported_by(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_arrow_points_up(path: Path) -> None:
    """Every file imports only from rooms on lower floors, and its room stands on a floor itself."""
    floor_of = {name: floor for floor, names in enumerate(ROOMS) for name in names}
    room = room_of(path)

    assert {
        other for other in IMPORTS[path] if other != room and floor_of[other] <= floor_of[room]
    } == set()


def test_no_module_name_stands_in_two_rooms() -> None:
    """A file is found by its name alone; only a package's own files, such as `__init__`, repeat."""
    names = Counter(path.stem for path in PACKAGE.rglob("*.py") if not path.stem.startswith("__"))

    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("part", TESTING_ROOMS)
def test_rooms_of_testing_import_downwards_and_from_the_room(part: str) -> None:
    """A room of `testing` imports from lower ones only, and from the room, never from its files."""
    rooms = TESTING_ROOMS[part]
    folder, prefix = PACKAGE / "testing" / part, f"{PACKAGE.name}.testing.{part}."
    wrong = []
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or (node.level and path.parent != folder):
                continue
            other, _, file = (node.module or "").removeprefix(prefix).partition(".")
            above = () if path.parent == folder else rooms[: rooms.index(path.parent.name)]
            if other in above or (other in rooms and file):
                wrong.append((path.name, node.module))

    assert wrong == []


def test_the_commands_are_a_client_and_nobody_needs_them() -> None:
    """`cli` knows nothing of the lifecycle, and only `__main__` knows `cli`."""
    known = set().union(*(IMPORTS[path] for path in FILES if room_of(path) == "cli"))

    assert known - {"cli"} == {
        "clock", "connection", "errors", "properties", "settings", "testing", "zuora"
    }  # fmt: skip
    assert {room_of(path) for path in FILES if "cli" in IMPORTS[path]} - {"cli"} == {"__main__"}


def test_the_public_names_are_sorted_and_there() -> None:
    """`__all__` is sorted, complete, and every name of it exists."""
    names = pulumi_zuora_backfill.__all__

    assert names == sorted(names)
    assert all(hasattr(pulumi_zuora_backfill, name) for name in names)


def test_version_changelog_and_distribution_agree() -> None:
    """The installed version is the one in the code, and the changelog speaks of it."""
    version = pulumi_zuora_backfill.__version__

    assert metadata.version("pulumi-zuora-backfill") == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_serialised_provider_is_pinned() -> None:
    """State holds the provider by its path and nothing else.

    Another form would be a change of every job in every stack.
    """
    serialised = dynamic.serialize_provider(BackfillJobProvider())

    assert serialised == (
        "gASVPQAAAAAAAACMHnB1bHVtaV96dW9yYV9iYWNrZmlsbC5wcm92aWRlcpSM"
        "E0JhY2tmaWxsSm9iUHJvdmlkZXKUk5QpgZQu"
    )
    assert re.findall(rb"[A-Za-z_.]{8,}", base64.b64decode(serialised)) == [
        b"pulumi_zuora_backfill.provider",
        b"BackfillJobProvider",
    ]
    assert BackfillJobProvider.serialize_as_secret_always is False


def test_importing_the_package_loads_no_http_library() -> None:
    """A program that declares resources pays neither for requests nor for the sandbox's server."""
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, pulumi_zuora_backfill; print(*sorted({m.split('.')[0] for m in "
            "sys.modules}))",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()

    assert {"requests", "urllib3", "tenacity", "werkzeug"} & set(loaded) == set()


def test_every_fault_in_the_table_names_a_test_that_is_there() -> None:
    """The table of faults has no empty cell, and each row is shown by tests that exist."""
    table = (ROOT / "docs" / "faults.md").read_text()
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")][1:]
    shown = [re.findall(r"`(test_\w+\.py)::(test_\w+)`", row[-1]) for row in rows]

    assert len(rows) >= 25
    assert [row for row in rows if len(row) != 6 or not all(cell.strip() for cell in row)] == []
    assert [row[0] for row, tests in zip(rows, shown, strict=True) if not tests] == []
    assert [
        f"{file}::{name}"
        for tests in shown
        for file, name in tests
        if f"def {name}(" not in (ROOT / "tests" / file).read_text()
    ] == []
