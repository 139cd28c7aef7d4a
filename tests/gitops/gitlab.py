"""
Runs jobs of `.gitlab-ci.yml` as GitLab does.

`extends`, `rules`, variables by environment, artifacts, one shell.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .project import GITOPS, PASSPHRASE, STACK, Project, Ran, run

FILE = GITOPS / "gitlab" / ".gitlab-ci.yml"
MERGE_REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event"}
PUSH = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
RESUME = {"CI_PIPELINE_SOURCE": "schedule", "BACKFILL_TASK": "resume", "CI_COMMIT_BRANCH": "main"}
NIGHTLY = {**RESUME, "BACKFILL_TASK": "nightly"}


@dataclass(frozen=True)
class Job:
    """
    A job of the file, with what it inherits.

    Attributes:
        name: Its name.
        spec: Its keywords.
    """

    name: str
    spec: Mapping[str, Any]

    @property
    def script(self) -> str:
        """All its lines; GitLab runs those of `before_script` and `script` in one shell."""
        return "\n".join([*self.spec["before_script"], *self.spec["script"], ""])

    @property
    def environment(self) -> str:
        """The environment whose variables it gets; empty for none."""
        name = str(self.spec.get("environment", {}).get("name", ""))
        return name.replace("$STACK", STACK)

    def is_for(self, pipeline: Mapping[str, str]) -> bool:
        """Tell whether a rule adds the job to a pipeline of this kind."""
        return any(_holds(rule["if"], pipeline) for rule in self.spec["rules"])


def jobs() -> dict[str, Job]:
    """Return the file's jobs, hidden ones aside."""
    document = yaml.safe_load(FILE.read_text())
    keywords = ("stages", "default", "workflow", "variables")
    return {
        name: Job(name, _inherited(document, name))
        for name in document
        if name not in keywords and not name.startswith(".")
    }


class GitLab:
    """A project's variables and artifacts, and a runner."""

    def __init__(self, project: Project) -> None:
        """Set up what the file asks for."""
        self.project = project
        zuora = project.zuora.environment()
        credentials = {name: zuora[name] for name in ("ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET")}
        self.variables = {
            "PULUMI_BACKEND_URL": project.backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_STATE_READER_ROLE": "reader",
            "PULUMI_STATE_WRITER_ROLE": "writer",
            "AWS_WEB_IDENTITY_TOKEN": "a-short-lived-token",
        }
        self.environments = {f"zuora/{STACK}": credentials, f"zuora/{STACK}-read": credentials}
        self.artifacts = project.folder / "artifacts"
        self._runs = 0

    def run(
        self, name: str, pipeline: Mapping[str, str], *, instead: Mapping[str, str] | None = None
    ) -> Ran:
        """Run a job in a pipeline that it is for; `instead` replaces values of its environment."""
        self._runs += 1
        job = jobs()[name]
        assert job.is_for(pipeline)
        workspace = self.project.folder / f"run-{self._runs}"
        shutil.copytree(self.project.repository, workspace)
        for needed in job.spec.get("needs", ()):
            shutil.copytree(self.artifacts / needed["job"], workspace, dirs_exist_ok=True)
        given = {**self.variables, **pipeline, "STACK": STACK}
        given |= self.environments[job.environment] if job.environment else {}
        given |= {key: _expanded(value, given) for key, value in job.spec["variables"].items()}
        given |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(workspace / "aws-token")}
        given |= instead or {}
        script = workspace / "job.sh"
        script.write_text(job.script)
        ran = run(["sh", "-e", str(script)], workspace, {**self.project.machine(), **given})
        wanted = job.spec.get("artifacts", {})
        if ran.exit_code == 0 or wanted.get("when") == "always":
            for path in (*wanted.get("paths", ()), *wanted.get("reports", {}).values()):
                self._keep(name, workspace, _expanded(path, given))
        return ran

    def artifact(self, job: str, name: str) -> Path:
        """Return where a job's artifact is."""
        return self.artifacts / job / "infra" / name

    def _keep(self, job: str, workspace: Path, path: str) -> None:
        kept = self.artifacts / job / path
        kept.parent.mkdir(parents=True, exist_ok=True)
        if (workspace / path).exists():
            shutil.copy(workspace / path, kept)


def _inherited(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Merge a job into what it extends, variable by variable."""
    own = document[name]
    base = _inherited(document, own["extends"]) if "extends" in own else {}
    variables = {**base.get("variables", {}), **own.get("variables", {})}
    return {**base, **own, "variables": variables}


def _holds(condition: str, pipeline: Mapping[str, str]) -> bool:
    """Evaluate a rule's `if`, of comparisons that must all hold."""
    return all(_equal(*part.split(" == "), pipeline=pipeline) for part in condition.split(" && "))


def _equal(variable: str, text: str, *, pipeline: Mapping[str, str]) -> bool:
    return pipeline.get(variable.removeprefix("$")) == text.strip('"')


def _expanded(text: str, given: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: given[found[1]], str(text))


def scripts() -> Iterator[tuple[str, str]]:
    """Return each job's name and script."""
    for name, job in jobs().items():
        yield name, job.script
