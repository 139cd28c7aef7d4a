"""
Runs jobs of the workflows as GitHub does.

Step after step, expressions filled in, one shell for each `run`.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .project import GITOPS, PASSPHRASE, STACK, Project, Ran, run

GH = Path(__file__).with_name("gh.py")
WORKFLOWS = {path.name: path for path in sorted((GITOPS / "github").glob("*.yml"))}
# GitHub's own command line for `shell: bash`, and -u.
SHELL = ("bash", "--noprofile", "--norc", "-euo", "pipefail")
REPOSITORY = "acme/infra"


@dataclass
class Job:
    """
    A job that was run.

    Attributes:
        outcomes: How each step ended, by its name, or its action: success, failure or skipped.
        ran: The scripts that were run, in order.
        summary: What the job wrote for the run's page.
        role: The cloud role that it took.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    summary: str = ""
    role: str = ""

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return "failure" in self.outcomes.values()

    @property
    def log(self) -> str:
        """What all steps printed."""
        return "\n".join(ran.log for ran in self.ran)


class GitHub:
    """A repository's secrets, environments, artifacts, comments and issues, and a runner."""

    def __init__(self, project: Project) -> None:
        """Set up what the files ask for: who may do what is decided by where a secret is kept."""
        self.project = project
        zuora = project.zuora.environment()
        credentials = {name: zuora[name] for name in ("ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET")}
        self.secrets = {"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
        self.environments = {f"zuora-{STACK}": credentials, f"zuora-{STACK}-read": credentials}
        self.variables = {
            "PULUMI_BACKEND_URL": project.backend.as_uri(),
            "PULUMI_STATE_READER_ROLE": "reader",
            "PULUMI_STATE_WRITER_ROLE": "writer",
            "AWS_REGION": "eu-central-1",
        }
        self.artifacts = project.folder / "artifacts"
        self._file = project.folder / "gh.json"
        self._runs = 0
        (project.folder / "bin").mkdir()
        stub = project.folder / "bin" / "gh"
        stub.write_text(f'#!/bin/sh\nexec {sys.executable} {GH} {self._file} "$@"\n')
        stub.chmod(0o755)

    @property
    def comments(self) -> list[str]:
        """The comments of the pull request."""
        return [comment["body"] for comment in self._stored().get("comments", [])]

    @property
    def issues(self) -> list[dict[str, Any]]:
        """The open issues."""
        return list(self._stored().get("issues", []))

    def run(
        self,
        workflow: str,
        name: str,
        *,
        head: str = REPOSITORY,
        instead: Mapping[str, str] | None = None,
    ) -> Job:
        """
        Run a job of a workflow; `instead` replaces values of its environment, such as a timeout.
        """
        self._runs += 1
        document = yaml.safe_load(WORKFLOWS[workflow].read_text())
        job, done = document["jobs"][name], Job()
        temp = self.project.folder / f"run-{self._runs}"
        workspace = temp / "workspace"
        workspace.mkdir(parents=True)
        matrix = {"stack": STACK}
        # A fork's pull request gets no secrets.
        secrets = self.secrets if head == REPOSITORY else {}
        context: dict[str, Any] = {
            "github": self._event(head),
            "matrix": matrix,
            "vars": self.variables,
            "secrets": secrets,
            "runner": {"temp": str(temp)},
            "steps": {},
        }
        if "environment" in job:
            kept = self.environments[filled(job["environment"], context)]
            context["secrets"] = {**secrets, **kept}
        environment = {
            **self.project.machine(),
            "GITHUB_REPOSITORY": REPOSITORY,
            "RUNNER_TEMP": str(temp),
            "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
            **filled_all({**document["env"], **job["env"]}, context),
        }
        defaults = document["defaults"]["run"]
        assert defaults["shell"] == "bash"
        for step in job["steps"]:
            title = step.get("name") or step["uses"].split("@")[0]
            if not self._is_due(step.get("if"), done, context):
                done.outcomes[title] = outcome = "skipped"
                outputs: dict[str, str] = {}
            elif "uses" in step:
                self._use(step["uses"], filled_all(step["with"], context), workspace, done)
                outcome, outputs = "success", {}
            else:
                script, output = temp / "step.sh", temp / "output.txt"
                script.write_text(step["run"])
                output.write_text("")
                given = {**environment, "GITHUB_OUTPUT": str(output)}
                given |= filled_all(step.get("env", {}), context)
                given |= {key: value for key, value in (instead or {}).items() if key in given}
                folder = workspace / step.get("working-directory", defaults["working-directory"])
                done.ran.append(run([*SHELL, str(script)], folder, given))
                outcome = "failure" if done.ran[-1].exit_code else "success"
                outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
            done.outcomes[title] = outcome
            if "id" in step:
                context["steps"][step["id"]] = {"outcome": outcome, "outputs": outputs}
        summary = temp / "summary.md"
        done.summary = summary.read_text() if summary.exists() else ""
        return done

    def _stored(self) -> dict[str, Any]:
        return dict(json.loads(self._file.read_text())) if self._file.exists() else {}

    def _event(self, head: str) -> dict[str, Any]:
        pull_request = {"number": 7, "head": {"sha": "c0ffee", "repo": {"full_name": head}}}
        return {
            "event": {"pull_request": pull_request},
            "token": "a-token-of-this-run",
            "server_url": "https://github.com",
            "repository": REPOSITORY,
            "run_id": 4711,
        }

    def _is_due(self, condition: str | None, done: Job, context: Mapping[str, Any]) -> bool:
        """Evaluate a step's `if`; one that the files do not use is an error."""
        bare = (condition or "success()").removeprefix("${{").removesuffix("}}").strip()
        parts = bare.split(" && ")
        # Without one of its status functions GitHub adds `success()`.
        holds = "!cancelled()" in parts or done.failed == ("failure()" in parts)
        for part in parts:
            compared = re.fullmatch(r"(steps\.[\w.]+) == '(\w+)'", part)
            assert compared or part in ("success()", "failure()", "!cancelled()"), condition
            if compared:
                holds = holds and filled(f"${{{{ {compared[1]} }}}}", context) == compared[2]
        return holds

    def _use(self, action: str, given: Mapping[str, str], workspace: Path, done: Job) -> None:
        """Do what an action would; one that the files do not use is an error."""
        match action.split("@")[0]:
            case "actions/checkout":
                shutil.copytree(self.project.repository, workspace, dirs_exist_ok=True)
            case "aws-actions/configure-aws-credentials":
                done.role = given["role-to-assume"]
            case "actions/upload-artifact":
                kept = self.artifacts / given["name"]
                kept.mkdir(parents=True, exist_ok=True)
                shutil.copy(given["path"], kept)
            case "actions/download-artifact":
                shutil.copytree(self.artifacts / given["name"], given["path"])
            case other:
                assert other in ("actions/setup-python", "pulumi/actions"), other


def filled(text: str, context: Mapping[str, Any]) -> str:
    """Fill in the expressions of a text; a secret that is not there is an empty text."""

    def value(found: re.Match[str]) -> str:
        here: Any = context
        names = found[1].split(".")
        for name in names:
            here = here.get(name, "") if names[0] == "secrets" else here[name]
        return str(here)

    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", value, text)


def filled_all(values: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, str]:
    """Fill in each value of a mapping; none may hold an expression that is not known."""
    texts = {name: filled(str(value), context) for name, value in values.items()}
    assert not [text for text in texts.values() if "${{" in text], texts
    return texts
