"""
What a type checker tells a user: nothing about a right program, and each fault of a wrong one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mypy", reason="the type checkers come with `pip install --group dev`")
pytest.importorskip("pyright", reason="the type checkers come with `pip install --group dev`")

PROGRAMS = Path(__file__).parent / "typing"
WRONG = "# wrong"


def run(folder: Path, *command: str) -> str:
    """Run a type checker of this environment in a folder, and return what it says."""
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    return ran.stdout


def by_mypy(folder: Path, program: str) -> Mapping[int, str]:
    """Return mypy's errors by line; the settings are a user's, not ours."""
    command = ("--strict", "--python-version=3.10", "--config-file=", "--output=json")
    said = run(folder, "mypy", *command, f"--cache-dir={folder}", program)
    errors = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return {error["line"]: error["message"] for error in errors}


def by_pyright(folder: Path, program: str) -> Mapping[int, str]:
    """Return pyright's errors by line, in its strict mode."""
    (folder / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "typeCheckingMode": "strict",
                "pythonVersion": "3.10",
                "include": [program],
                "reportUnusedExpression": False,
            }
        )
    )
    said: Any = json.loads(run(folder, "pyright", "--outputjson", "--pythonpath", sys.executable))
    assert said["summary"]["filesAnalyzed"] == 1
    return {
        error["range"]["start"]["line"] + 1: error["message"]
        for error in said["generalDiagnostics"]
    }


CHECKERS: Mapping[str, Callable[[Path, str], Mapping[int, str]]] = {
    "mypy": by_mypy,
    "pyright": by_pyright,
}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Copy the programs to where no settings of ours reach them."""
    for path in PROGRAMS.glob("*.py"):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_right_program_has_no_error(checker: str, programs: Path) -> None:
    """Every way to give an argument, and the type of every output."""
    assert CHECKERS[checker](programs, "right.py") == {}


@pytest.mark.parametrize("checker", CHECKERS)
def test_each_wrong_line_is_an_error_and_no_other(checker: str, programs: Path) -> None:
    """A misspelt name, a wrong type, one text for a list, an output taken for what it is not."""
    lines = enumerate((PROGRAMS / "wrong.py").read_text().splitlines(), 1)
    wrong = {number: line for number, line in lines if WRONG in line and not line.startswith('"')}
    found = CHECKERS[checker](programs, "wrong.py")
    assert [line for number, line in wrong.items() if number not in found] == []
    assert [text for number, text in found.items() if number not in wrong] == []
    assert len(wrong) == 36
