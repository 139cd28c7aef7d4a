"""What the package says about itself agrees: version, changelog, supported Pythons, extras."""

from __future__ import annotations

import re
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import pulumi_zuora_backfill

ROOT = Path(__file__).resolve().parent.parent
NAME = "pulumi-zuora-backfill"
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
A_PAGE_LINES = 60
OLDEST = "3.10"


def project() -> dict[str, Any]:
    """Read pyproject.toml; Python 3.10 has no parser for it, but pytest needs one there, too."""
    parser = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    found: dict[str, Any] = parser.loads((ROOT / "pyproject.toml").read_text())
    return found


def pythons() -> list[str]:
    """Return the versions of Python that the classifiers name."""
    classifiers = project()["project"]["classifiers"]
    return re.findall(r"Programming Language :: Python :: (3\.\d+)", "\n".join(classifiers))


def test_the_version_is_in_the_changelog_and_in_what_is_installed() -> None:
    """The newest release of the changelog is this version, and the metadata says the same."""
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", CHANGELOG, re.MULTILINE)
    assert releases[0] == pulumi_zuora_backfill.__version__ == metadata.version(NAME)


def test_the_changelog_begins_with_what_is_not_released_and_fits_on_a_page() -> None:
    """Keep a Changelog's headings, in its order; the first release can be read at once."""
    first, second, *_ = re.findall(r"^## \[(.+?)\]", CHANGELOG, re.MULTILINE)
    assert (first, second) == ("Unreleased", pulumi_zuora_backfill.__version__)
    order = ["Security", "Removed", "Deprecated", "Added", "Changed", "Fixed"]
    release = CHANGELOG.partition(f"## [{second}]")[2].partition("\n## [")[0]
    headings = re.findall(r"^### (\w+)", release, re.MULTILINE)
    assert headings == [heading for heading in order if heading in headings]
    if CHANGELOG.count("\n## [") == 2:
        assert len(CHANGELOG.splitlines()) <= A_PAGE_LINES


def test_the_supported_pythons_are_the_same_everywhere() -> None:
    """Metadata, mypy, and the CI's matrix; ruff reads the metadata."""
    ours = project()
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    supported = pythons()
    assert supported[0] == OLDEST
    assert supported == [f"3.{minor}" for minor in range(10, 10 + len(supported))]
    assert ours["project"]["requires-python"] == f">={OLDEST}"
    assert ours["tool"]["mypy"]["python_version"] == OLDEST
    assert "target-version" not in ours["tool"]["ruff"]
    assert ci["jobs"]["test"]["strategy"]["matrix"]["python"] == supported


@pytest.mark.parametrize("extra", sorted(project()["project"]["optional-dependencies"]))
def test_an_extra_is_installed_with_what_needs_it(extra: str) -> None:
    """It adds to what everybody gets, with a lower and an upper bound."""
    ours = project()["project"]
    always = {Requirement(line).name for line in ours["dependencies"]}
    for line in ours["optional-dependencies"][extra]:
        requirement = Requirement(line)
        assert requirement.name not in always
        assert {specifier.operator for specifier in requirement.specifier} == {">=", "<"}
