"""The workflows in .github hold to their schema, to zizmor's audits, and to rules of our own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from .test_package import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
READ_ONLY = {"contents": "read"}


def workflow(path: Path) -> dict[Any, Any]:
    """Read a workflow; `on` is a truth to YAML 1.1."""
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def lint(*command: str) -> None:
    """Run a linter of this environment, which must have no finding."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    "schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"]
)
def test_a_workflow_holds_to_the_schema(schema: str) -> None:
    """GitHub's own keys, and a timeout for each job."""
    pytest.importorskip("check_jsonschema", reason="comes with `pip install --group lint`")
    files = [str(path) for path in FILES]
    lint(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files)


def test_a_workflow_passes_the_security_audits() -> None:
    """Nothing unpinned, no right too many, nothing injected; zizmor needs no network for that."""
    zizmor = shutil.which("zizmor", path=sysconfig.get_path("scripts"))
    if zizmor is None:
        pytest.skip("zizmor is not installed: it comes with `pip install --group lint`")
    lint(zizmor, "--offline", "--pedantic", "--quiet", str(FOLDER))


def test_a_workflow_passes_actionlint() -> None:
    """
    Expressions and shell scripts, where the linter is; it has no wheel that could be required.
    """
    actionlint = shutil.which("actionlint")
    if actionlint is None:
        pytest.skip("actionlint is not on PATH (https://github.com/rhysd/actionlint)")
    lint(actionlint, *map(str, FILES))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_action_is_pinned_to_a_commit_with_its_version_beside_it(path: Path) -> None:
    """The same action has the same commit everywhere."""
    uses = re.findall(r"uses: (.*)", path.read_text())
    pinned = [re.fullmatch(r"([\w/-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", use) for use in uses]
    assert uses and None not in pinned
    everywhere = "\n".join(file.read_text() for file in FILES)
    for use in filter(None, pinned):
        assert set(re.findall(rf"{use[1]}@(\w+) # (\S+)", everywhere)) == {(use[2], use[3])}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_workflow_has_no_right_until_a_job_asks_for_it(path: Path) -> None:
    """A pull request can write nothing: jobs that write run for pushes and tags only."""
    content = workflow(path)
    assert content["permissions"] == {}
    for name, job in content["jobs"].items():
        if job.get("permissions", {}) != READ_ONLY:
            for_pull_requests = "pull_request" in content[True] and "if" not in job
            assert not for_pull_requests, name


def test_only_the_upload_can_publish() -> None:
    """
    One job may speak for us to PyPI: it builds nothing, runs no script, and waits for a person.
    """
    jobs = workflow(FOLDER / "release.yml")["jobs"]
    trusted = [name for name, job in jobs.items() if "id-token" in job["permissions"]]
    assert trusted == ["publish"]
    publish = jobs["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"] == "pypi"
    assert [step["uses"].partition("@")[0] for step in publish["steps"]] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]
    assert publish["steps"][-1]["with"] == {"attestations": True}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_command_of_ours_is_there(path: Path) -> None:
    """Targets of make and scripts that a workflow runs exist."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for job in workflow(path)["jobs"].values():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                if line.startswith("make "):
                    assert set(line.split()[1:]) <= set(targets)
                for script in re.findall(r"(?:^| )((?:\.ci|tests)/[\w.]+)", line):
                    assert (ROOT / script).is_file()
