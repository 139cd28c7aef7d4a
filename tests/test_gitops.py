"""
What holds for the files of `gitops/` without running them.

Pins, permissions, secrets, shells, and what state says.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.dynamic import Config, ConfigureRequest

from pulumi_zuora_backfill.provider import BackfillCompletionProvider

from .gitops import gitlab
from .gitops.github import SHELL, WORKFLOWS
from .gitops.project import GITOPS, ROOT

DOCUMENTS: dict[str, dict[str, Any]] = {
    name: yaml.safe_load(path.read_text()) for name, path in WORKFLOWS.items()
}
JOBS = [
    (name, title, job) for name, file in DOCUMENTS.items() for title, job in file["jobs"].items()
]
STEPS = [step for _, _, job in JOBS for step in job["steps"]]
PINS = {
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "actions/setup-python": "5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0",
    "actions/upload-artifact": "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1",
    "actions/download-artifact": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1",
    "aws-actions/configure-aws-credentials": "e6de054238d6b7531b4efff3b6587d9aade6a06c # v6.2.3",
    "pulumi/actions": "8e5e406f4007fca908480587cb9893c07090f58d # v7.0.0",
}
# The inputs that the files use. No linter knows what an action takes, and a misspelt one is
# ignored in silence.
INPUTS = {
    "actions/checkout": {"persist-credentials"},
    "actions/setup-python": {"python-version"},
    "actions/upload-artifact": {"name", "path", "if-no-files-found", "retention-days"},
    "actions/download-artifact": {"name", "path"},
    "aws-actions/configure-aws-credentials": {
        "role-to-assume",
        "aws-region",
        "role-duration-seconds",
    },
    "pulumi/actions": {"pulumi-version"},
}
CREDENTIALS = ("ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET")
JOB = "pulumi-python:dynamic/zuora:BackfillJob"
COMPLETION = "pulumi-python:dynamic/zuora:BackfillCompletion"


def scripts() -> Iterator[Any]:
    """Return every shell script of the files, and the shell it is for."""
    for name, title, job in JOBS:
        for number, step in enumerate(job["steps"]):
            if "run" in step:
                yield pytest.param("bash", step["run"], id=f"{name}-{title}-{number}")
    for name, script in gitlab.scripts():
        yield pytest.param("sh", script, id=f"gitlab-{name}")


@pytest.mark.parametrize(("shell", "script"), list(scripts()))
def test_each_script_is_clean(shell: str, script: str, tmp_path: Path) -> None:
    """The shell can read it, and shellcheck finds nothing in it."""
    file = tmp_path / "script"
    file.write_text(f"set -e\n{script}")  # as both CIs do
    interpreter = SHELL[0] if shell == "bash" else shell
    subprocess.run([interpreter, "-n", file], check=True)
    found = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", f"--shell={shell}", "--severity=style", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_each_action_is_pinned_and_gets_inputs_that_it_has() -> None:
    """Commits, with their versions beside them; the inputs are those of the action."""
    used: dict[str, str] = {}
    for path in WORKFLOWS.values():
        used |= dict(re.findall(r"uses: ([\w/-]+)@(.+)", path.read_text()))
    assert used == PINS
    for step in STEPS:
        if "uses" in step:
            assert step["with"].keys() <= INPUTS[step["uses"].split("@")[0]], step


def test_each_job_may_do_only_what_it_must() -> None:
    """
    Nothing by default; who may write to GitHub writes a comment or an issue; no job runs for ever.
    """
    assert [file["permissions"] for file in DOCUMENTS.values()] == [{}] * len(DOCUMENTS)
    base = {"contents": "read", "id-token": "write"}
    assert {f"{name} {title}": job["permissions"] for name, title, job in JOBS} == {
        "backfill-fleet.yml table": {"contents": "read"},
        "backfill-fleet.yml preview": base,
        "backfill-fleet.yml up": base,
        "backfill-nightly.yml look": {**base, "issues": "write"},
        "backfill-preview.yml preview": {**base, "pull-requests": "write"},
        "backfill-resume.yml resume": base,
        "backfill-up.yml plan": base,
        "backfill-up.yml up": base,
    }
    assert max(job["timeout-minutes"] for _, _, job in JOBS) < 360
    assert "pull_request_target" not in "".join(p.read_text() for p in WORKFLOWS.values())


def test_credentials_belong_to_environments_and_to_the_steps_that_need_them() -> None:
    """
    On GitHub they are secrets of an environment and in no job's own environment.

    On GitLab no file names them.
    """
    holders = set()
    for name, title, job in JOBS:
        assert "secrets.ZUORA" not in json.dumps([DOCUMENTS[name]["env"], job.get("env")])
        for step in job["steps"]:
            if "secrets.ZUORA" in json.dumps(step):
                assert "pulumi " in step["run"] or "fleet.py up" in step["run"]
                holders.add((title, job.get("environment")))
    stack = "${{ matrix.stack }}"
    assert holders == {
        ("up", f"zuora-{stack}"),
        ("resume", f"zuora-{stack}-read"),
        ("look", f"zuora-{stack}-read"),
    }
    jobs = gitlab.jobs()
    assert not any(key in CREDENTIALS for job in jobs.values() for key in job.spec["variables"])
    assert {name: job.environment for name, job in jobs.items()} == {
        "preview": "",
        "plan": "",
        "up-sandbox": "zuora/sandbox",
        "up-production": "zuora/production",
        "resume": "zuora/sandbox-read",
        "nightly": "zuora/sandbox-read",
    }


def test_who_writes_the_state_waits_in_one_line() -> None:
    """
    All jobs that hold credentials are in the stack's group.

    And nothing there is cancelled or thrown out.
    """
    for _, _, job in JOBS:
        if "environment" in job:
            assert job["concurrency"] == {
                "group": "backfill-${{ matrix.stack }}",
                "cancel-in-progress": False,
                "queue": "max",
            }
    for name, gitlab_job in gitlab.jobs().items():
        if gitlab_job.environment:
            stack = "production" if "production" in name else "sandbox"
            group = gitlab_job.spec["resource_group"].replace("$STACK", "sandbox")
            assert group == f"backfill-{stack}"
            assert not gitlab_job.spec.get("interruptible")


def test_each_job_is_set_up_alike() -> None:
    """What the workflows of one project share is the same, so that a reader learns it once."""
    alike = {name: file for name, file in DOCUMENTS.items() if name != "backfill-fleet.yml"}
    assert len({json.dumps([file["env"], file["defaults"]]) for file in alike.values()}) == 1
    for job in [job for name, _, job in JOBS if name in alike]:
        uses = [step["uses"].split("@")[0] for step in job["steps"] if "uses" in step]
        assert uses[:4] == [
            "actions/checkout",
            "actions/setup-python",
            "aws-actions/configure-aws-credentials",
            "pulumi/actions",
        ]


def test_each_use_of_pulumi_is_the_safe_one() -> None:
    """
    A plan is compared before anything runs; what runs without one can start nothing.

    Warnings stay in the text.
    """
    everything = [step["run"] for step in STEPS if "run" in step]
    everything += [script for _, script in gitlab.scripts()]
    text = re.sub(r"\\\n\s*", "", "\n".join(everything)).replace("\n  ", " ")
    ups = re.findall(r"pulumi up .*", text)
    assert len(ups) == 5
    for up in ups:
        assert ("--plan" in up) != ("--skip-preview" in up)
        assert "--plan" in up or "--target '**zuora:BackfillCompletion::**'" in up
    assert "--diff" not in text and "--show-secrets" not in text


def test_the_operators_stack_can_lose_nothing() -> None:
    """
    Deleting the object destroys nothing, a misspelt stack is no new one, and no wait ends early.
    """
    stack = yaml.safe_load((GITOPS / "operator" / "stack.yaml").read_text())
    spec = stack["spec"]
    assert (spec["destroyOnFinalize"], spec["useLocalStackOnly"]) == (False, True)
    assert spec["continueResyncOnCommitMatch"] is False
    assert sorted(spec["envRefs"]) == ["PULUMI_CONFIG_PASSPHRASE", *CREDENTIALS]
    assert {ref["type"] for ref in spec["envRefs"].values()} == {"Secret"}
    account = yaml.safe_load((GITOPS / "operator" / "service-account.yaml").read_text())
    binding = yaml.safe_load((GITOPS / "operator" / "cluster-role-binding.yaml").read_text())
    who = {key: account["metadata"][key] for key in ("name", "namespace")}
    assert binding["subjects"] == [{"kind": "ServiceAccount", **who}]
    assert (spec["serviceAccountName"], stack["metadata"]["namespace"]) == tuple(who.values())


def resource(type_token: str, name: str, **outputs: Any) -> dict[str, Any]:
    """Return a resource as `pulumi stack export` shows it."""
    return {"urn": f"urn:pulumi:sandbox::acme::{type_token}::{name}", "type": type_token} | {
        "outputs": outputs
    }


@pytest.mark.parametrize(
    ("job", "exit_code"),
    [
        ({"jobId": "a" * 32, "status": "COMPLETED"}, 0),
        ({"jobId": "a" * 32, "status": "PROCESSING"}, 0),
        ({"jobId": "a" * 32, "status": "FAILED"}, 4),
        ({"jobId": "a" * 32, "status": "STOPPED"}, 4),
        ({"jobId": "a" * 32, "status": "UNKNOWN"}, 4),
        ({}, 4),
    ],
    ids=lambda value: str(value.get("status", "open attempt")) if isinstance(value, dict) else "",
)
def test_state_tells_how_each_job_ended(job: dict[str, Any], exit_code: int) -> None:
    """One that did not end well, or whose start is not confirmed, is found beside one that did."""
    fine = resource(JOB, "items", jobId="b" * 32, status="COMPLETED")
    replaced = {**resource(JOB, "old", jobId="c" * 32, status="FAILED"), "delete": True}
    ran = asked("ended-well", [fine, resource(JOB, "charges", **job), replaced])
    assert (ran.returncode, ran.stderr) == (exit_code, "")
    status = job.get("status", "NOT KNOWN")
    assert ran.stdout.splitlines() == [
        f"COMPLETED  {'b' * 32} {fine['urn']}",
        f"{status:10} {job.get('jobId', 'no job id yet')} urn:pulumi:sandbox::acme::{JOB}::charges",
    ]


@pytest.mark.parametrize(
    ("resources", "waiting"),
    [
        (None, "false"),
        ([resource(JOB, "charges")], "false"),
        ([resource(JOB, "charges", jobId="a")], "true"),
        ([resource(JOB, "charges", jobId="a"), resource(COMPLETION, "d", jobIds=["b"])], "true"),
        ([resource(JOB, "charges", jobId="a"), resource(COMPLETION, "d", jobIds=["a"])], "false"),
    ],
    ids=["empty", "open attempt", "no wait", "an older wait", "its wait"],
)
def test_state_tells_whether_a_wait_can_go_on(
    resources: list[dict[str, Any]] | None, waiting: str
) -> None:
    """It can for a job that is there, and that no completion has seen to its end."""
    ran = asked("waiting", resources)
    assert (ran.returncode, ran.stdout) == (0, f"waiting={waiting}\n")


def test_an_unknown_question_is_answered_with_the_known_ones() -> None:
    """A misspelt one must not look like good news."""
    ran = asked("ended-wel", [])
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "backfill_state.py ended-well" in ran.stderr


def asked(question: str, resources: list[dict[str, Any]] | None) -> Any:
    """Ask the script that is copied beside `Pulumi.yaml`."""
    return subprocess.run(
        [sys.executable, GITOPS / "backfill_state.py", question],
        input=json.dumps({"version": 3, "deployment": {"resources": resources}}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_wait_has_the_same_inputs_in_a_preview_and_an_up() -> None:
    """Else an update plan is violated by the wait, after its job has started."""
    provider = BackfillCompletionProvider()
    provider.configure(ConfigureRequest(Config({}, "acme")))
    wait = {"jobIds": ["a" * 32]}
    checked = [
        provider.check(wait, {**wait, "identity": {"urn": "urn:x", "preview": preview}}).inputs
        for preview in (True, False)
    ]
    assert checked[0] == checked[1]
    assert checked[0]["identity"] == {"urn": "urn:x"}


def test_the_pages_name_each_file() -> None:
    """Whoever looks for a file finds what it does; and no page names one that is not there."""
    pages = [ROOT / "docs" / "how-to" / name for name in ("ci.md", "fleet.md", "operator.md")]
    text = "".join(page.read_text() for page in pages)
    files = {str(p.relative_to(ROOT)) for p in GITOPS.rglob("*") if p.suffix in (".yml", ".yaml")}
    files = {file for file in files if not file.endswith(".yamllint.yml")}
    named = set(re.findall(r"gitops/[\w./-]+\.(?:yml|yaml|py)", text))
    assert named == {*files, "gitops/backfill_state.py"}


def test_the_linters_of_the_makefile_are_there() -> None:
    """`make lint-gitops` finds each tool beside Python, but for actionlint, which needs Go."""
    recipe = (ROOT / "Makefile").read_text().partition("\nlint-gitops:")[2].partition("\n\n")[0]
    tools = set(re.findall(r"\$\(BIN\)/([\w-]+)", recipe))
    assert tools == {"check-jsonschema", "yamllint", "zizmor"}
    assert [t for t in tools if not shutil.which(t, path=str(Path(sys.executable).parent))] == []
