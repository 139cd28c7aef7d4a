"""What a contributor's machine is set up from: the locked environment, the hooks, the commands."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text()
LOCK = (ROOT / "requirements-dev.txt").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_lock_holds_what_the_project_asks_for() -> None:
    """Each requirement of `pyproject.toml` is locked, at a version that it allows.

    If this fails, run `make lock`.
    """
    asked = [Requirement(text) for text in re.findall(r'"([a-z][\w\[\]-]*>=[^"]*)"', PYPROJECT)]
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", LOCK, re.MULTILINE))
    assert len(asked) > 10
    assert [str(each) for each in asked if each.name not in locked] == ["hatchling>=1.26"]
    for each in asked:
        assert each.name == "hatchling" or each.specifier.contains(locked[each.name]), each


def test_the_lock_holds_hashes_and_no_address() -> None:
    """It installs from any package index, and only what was locked."""
    assert "://" not in LOCK
    packages = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert [each for each in packages if "--hash=sha256:" not in each] == []


def test_git_runs_the_commands_that_a_contributor_runs() -> None:
    """A hook is a target of make, so it finds what CI finds."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    assert entries == ["make lint", "make check"]


def test_the_pages_for_contributors_name_targets_that_are_there() -> None:
    """CONTRIBUTING, the templates and the hooks say `make …` of nothing else."""
    pages = [ROOT / "CONTRIBUTING.md", ROOT / ".pre-commit-config.yaml"]
    pages += (ROOT / ".github").rglob("*.md")
    for page in pages:
        named = set(re.findall(r"(?:`|^|; )make ([a-z-]+)", page.read_text(), re.MULTILINE))
        assert named <= TARGETS, page
