"""
The CI files run: their own steps.

In their order and environment, with the pulumi CLI and a local Zuora.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pulumi_zuora_backfill.testing import Operation, Sandbox

from .docs.pages import fences_of
from .gitops.github import GitHub, Job
from .gitops.gitlab import MERGE_REQUEST, NIGHTLY, PUSH, RESUME, GitLab
from .gitops.project import ROOT, STACK, Project

pytestmark = pytest.mark.real_engine

SOON = {"ZUORA_WAIT_TIMEOUT": "1s"}
ANOTHER_RUN = ', triggers=["again"]'
WRONG = ', batch_size="many"'
STATE = f".pulumi/stacks/zuora-backfill/{STACK}.json"


@pytest.fixture
def project(zuora: Sandbox, tmp_path: Path) -> Project:
    """Make a repository whose program starts a live job and waits for it."""
    return Project(tmp_path, zuora)


@pytest.fixture
def github(project: Project) -> GitHub:
    """Put the repository on GitHub."""
    return GitHub(project)


@pytest.fixture
def gitlab(project: Project) -> GitLab:
    """Put the repository on GitLab."""
    return GitLab(project)


def secrets_of(zuora: Sandbox) -> tuple[str, str]:
    """Return what must be nowhere."""
    return zuora.client_id, zuora.client_secret


def complete_at_once(zuora: Sandbox) -> None:
    """Let each job complete as soon as somebody looks."""

    def complete(_request: object) -> None:
        for job in zuora.jobs:
            zuora.finish(job.id)

    zuora.on_answer = complete


def comment_on_the_page() -> str:
    """Return what the page says that a reviewer sees."""
    fences = fences_of((ROOT / "docs" / "how-to" / "ci.md").read_text())
    (shown,) = [fence.text for fence in fences if fence.title == "the end of the comment"]
    return shown


def up_of(github: GitHub, **options: dict[str, str]) -> Job:
    """Plan and run the plan, as a merge does."""
    plan = github.run("backfill-up.yml", "plan")
    assert not plan.failed, plan.log
    return github.run("backfill-up.yml", "up", **options)


def test_a_pull_request_shows_what_would_run(github: GitHub, project: Project) -> None:
    """
    The comment warns of the live job; a newer commit replaces it, a failed preview too.

    Zuora is not asked.
    """
    stored = project.stored()
    job = github.run("backfill-preview.yml", "preview")
    assert not job.failed, job.log
    assert "LIVE RatePlanCharge backfill in tenant 10042" in github.comments[0]
    assert github.comments[0] == job.summary
    assert comment_on_the_page() in github.comments[0].replace(
        project.zuora.base_url, "https://rest.test.zuora.com"
    )
    assert job.role == "reader"
    project.merge(WRONG)
    refused = github.run("backfill-preview.yml", "preview")
    assert [title for title, how in refused.outcomes.items() if how == "failure"] == [
        "What pulumi up would do"
    ]
    (comment,) = github.comments
    assert "### Preview of stack sandbox: failure" in comment
    assert "batch_size" in comment and "LIVE" not in comment
    assert project.stored() == stored
    assert project.zuora.requests == []


def test_a_pull_request_has_no_credential(github: GitHub, project: Project) -> None:
    """
    No step gets one, none of its texts and files holds one.

    And a program that looks for one finds none.
    """
    project.merge(more='import os; print("FOUND", [n for n in os.environ if "ZUORA" in n])')
    job = github.run("backfill-preview.yml", "preview")
    assert not job.failed, job.log
    secrets = secrets_of(project.zuora)
    given = [value for ran in job.ran for value in ran.environment.values()]
    assert not [value for value in given if any(secret in value for secret in secrets)]
    assert not any(secret in text for text in (job.log, *github.comments) for secret in secrets)
    assert list(project.holders_of(*secrets)) == []
    assert "FOUND []" in job.log
    told = [i for i, ran in enumerate(job.ran) if "GH_TOKEN" in ran.environment]
    assert told == [len(job.ran) - 1], "the program must not get the token that comments"


def test_a_fork_is_refused(github: GitHub) -> None:
    """Its job fails before its program runs, and gets neither a secret nor a role."""
    job = github.run("backfill-preview.yml", "preview", head="mallory/infra")
    (only,) = job.ran
    assert only.log.startswith("::error::A pull request of a fork cannot read the state.")
    assert sorted(set(job.outcomes.values())) == ["failure", "skipped"]
    assert (job.role, only.environment["PULUMI_CONFIG_PASSPHRASE"]) == ("", "")
    assert github.comments == []


def test_what_was_approved_is_what_runs(github: GitHub, project: Project) -> None:
    """
    The plan runs as shown and once.

    What was merged after the approval is refused before anything is sent.
    """
    zuora = project.zuora
    plan = github.run("backfill-up.yml", "plan")
    assert "LIVE RatePlanCharge backfill in tenant 10042" in plan.summary
    assert (plan.role, zuora.requests) == ("reader", [])
    project.merge(
        more='BackfillJob("items", type="OrderLineItem", '
        "opts=pulumi.ResourceOptions(depends_on=[done]))"
    )
    refused = github.run("backfill-up.yml", "up")
    assert "create is not allowed by the plan" in refused.log
    assert refused.failed and zuora.requests == []
    project.merge()
    complete_at_once(zuora)
    done = github.run("backfill-up.yml", "up")
    assert not done.failed, done.log
    assert done.role == "writer" and "### Up of stack sandbox: success" in done.summary
    again = github.run("backfill-up.yml", "up")
    assert not again.failed, again.log
    assert zuora.count(Operation.CREATE) == 1
    nowhere = secrets_of(zuora)
    assert list(project.holders_of(*nowhere)) == []
    assert not any(secret in text for text in (done.log, done.summary) for secret in nowhere)


def test_a_wait_that_was_cut_off_goes_on(github: GitHub, project: Project) -> None:
    """
    The scheduled run ends the wait.

    And starts nothing, although another run was merged and not approved.
    """
    zuora = project.zuora
    nothing = github.run("backfill-resume.yml", "resume")
    assert nothing.outcomes["Go on waiting"] == "skipped"
    cut_off = up_of(github, instead=SOON)
    assert cut_off.failed and "still runs. Zuora continues." in cut_off.summary
    project.merge(ANOTHER_RUN)
    still = github.run("backfill-resume.yml", "resume", instead=SOON)
    assert still.failed and "still runs. Zuora continues." in still.log
    zuora.finish(zuora.jobs[0].id)
    resumed = github.run("backfill-resume.yml", "resume")
    assert not resumed.failed, resumed.log
    assert resumed.outcomes["Go on waiting"] == "success"
    assert (zuora.count(Operation.CREATE), len(zuora.jobs)) == (1, 1)
    after = github.run("backfill-resume.yml", "resume")
    assert (after.failed, after.outcomes["Go on waiting"]) == (False, "skipped")


def test_the_night_finds_a_failed_job(github: GitHub, project: Project) -> None:
    """
    A job that fails after its pipeline has gone makes the night's run fail.

    And one issue, which grows.
    """
    zuora = project.zuora
    assert up_of(github, instead=SOON).failed
    zuora.finish(zuora.jobs[0].id, "FAILED")
    for night in (1, 2):
        job = github.run("backfill-nightly.yml", "look")
        assert job.outcomes["Ask Zuora how each job is"] == "success"
        assert job.outcomes["Did every job end well?"] == "failure"
        (issue,) = github.issues
        assert issue["title"] == "The Zuora backfill of stack sandbox needs a look"
        assert len(issue["bodies"]) == night
        assert re.search(rf"^FAILED +{zuora.jobs[0].id} ", issue["bodies"][-1], re.MULTILINE)
    assert zuora.count(Operation.CREATE) == 1
    assert list(project.holders_of(*secrets_of(zuora))) == []


def test_a_good_night_says_nothing(github: GitHub, project: Project) -> None:
    """Everything completed and deployed: no issue. Something merged and not deployed: an issue."""
    zuora = project.zuora
    complete_at_once(zuora)
    assert not up_of(github).failed
    quiet = github.run("backfill-nightly.yml", "look")
    assert not quiet.failed, quiet.log
    assert github.issues == []
    project.merge(ANOTHER_RUN)
    loud = github.run("backfill-nightly.yml", "look")
    assert [title for title, how in loud.outcomes.items() if how == "failure"] == [
        "Is what was merged deployed, and every wait at its end?"
    ]
    assert "no changes were expected" in github.issues[0]["bodies"][0]


def test_gitlab_shows_a_merge_request_what_would_run(gitlab: GitLab, project: Project) -> None:
    """
    The link's text warns, the widget counts, a wrong program fails the job.

    No credential, no request.
    """
    stored, secrets = project.stored(), secrets_of(project.zuora)
    ran = gitlab.run("preview", MERGE_REQUEST)
    assert ran.exit_code == 0, ran.log
    text = gitlab.artifact("preview", "preview.txt").read_text()
    assert "LIVE RatePlanCharge backfill in tenant 10042" in text
    summary = json.loads(gitlab.artifact("preview", "summary.json").read_text())
    assert summary == {"create": 3, "update": 0, "delete": 0}
    assert (ran.environment["AWS_ROLE_ARN"], project.zuora.requests) == ("reader", [])
    assert not [value for value in ran.environment.values() if value in secrets]
    assert not [name for name in ran.environment if name.startswith("ZUORA_")]
    project.merge(WRONG)
    refused = gitlab.run("preview", MERGE_REQUEST)
    assert refused.exit_code == 1 and "batch_size" in refused.log
    assert "batch_size" in gitlab.artifact("preview", "preview.txt").read_text()
    assert project.stored() == stored
    assert list(project.holders_of(*secrets)) == []


def test_gitlab_runs_the_plan_and_goes_on_with_the_wait(gitlab: GitLab, project: Project) -> None:
    """
    Plan, a wait that is cut off.

    A night that finds it, a resumed wait that starts nothing, a good night.
    """
    zuora = project.zuora
    assert "Nothing waits." in gitlab.run("resume", RESUME).log
    planned = gitlab.run("plan", PUSH)
    assert planned.exit_code == 0, planned.log
    assert zuora.requests == []
    project.merge(ANOTHER_RUN)
    refused = gitlab.run("up-sandbox", PUSH)
    assert refused.exit_code != 0 and "violates plan" in refused.log
    assert zuora.requests == []
    project.merge()
    cut_off = gitlab.run("up-sandbox", PUSH, instead=SOON)
    assert cut_off.exit_code != 0 and "still runs. Zuora continues." in cut_off.log
    assert gitlab.run("nightly", NIGHTLY).exit_code == 7, "changes although none were expected"
    project.merge(ANOTHER_RUN)
    zuora.finish(zuora.jobs[0].id)
    resumed = gitlab.run("resume", RESUME)
    assert resumed.exit_code == 0, resumed.log
    assert zuora.count(Operation.CREATE) == 1
    project.merge()
    night = gitlab.run("nightly", NIGHTLY)
    assert night.exit_code == 0, night.log
    assert list(project.holders_of(*secrets_of(zuora))) == []


def test_gitlabs_night_finds_a_failed_job(gitlab: GitLab, project: Project) -> None:
    """All looks are taken, and the job fails."""
    zuora = project.zuora
    gitlab.run("plan", PUSH)
    gitlab.run("up-sandbox", PUSH, instead=SOON)
    zuora.finish(zuora.jobs[0].id, "FAILED")
    night = gitlab.run("nightly", NIGHTLY)
    assert night.exit_code == 7
    assert re.search(rf"^FAILED +{zuora.jobs[0].id} ", night.log, re.MULTILINE)
    assert "1 to create" in night.log
