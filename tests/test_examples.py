"""
The examples as a user copies them, found by listing: a new one is tested by being there.

Each lives its whole life on the embedded engine; then what its README promises beyond that is
tried. With the pulumi CLI the commands of each README are typed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import pulumi_zuora_backfill
from pulumi_zuora_backfill.testing import EmbeddedStack, EmbeddedStackError, Operation, Sandbox

from .engines import pulumi_cli

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
TEMPLATE = ROOT / "templates" / "zuora-backfill-python"
NAMES = sorted(
    path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name[0] not in "._"
)
ONE_STACK = [name for name in NAMES if name != "fleet"]  # whose many tests/test_fleet*.py run
STACK = "dev"
PLACEHOLDER_JOB = "0" * 32
FILES = ("Pulumi.yaml", "__main__.py", "requirements.txt", "README.md")
PULUMI_COMMANDS = (
    "stack init",
    "stack output",
    "config set",
    "preview",
    "up",
    "install",
    "new",
)

needs_cli = pytest.mark.real_engine


@dataclass
class Copy:
    """An example in a folder of its own, with a local Zuora in the place of the tenant it names."""

    name: str
    folder: Path
    zuora: Sandbox
    stack: EmbeddedStack = field(init=False)
    first_output: str = ""

    def __post_init__(self) -> None:
        """Let the texts lead to the local Zuora, and set the stack up as the README does."""
        existing = self.zuora.add_job(status="COMPLETED").id if self._names_a_job() else ""
        for path in (self.folder / "README.md", *self.folder.glob("Pulumi.*.yaml")):
            text = re.sub(r"https://rest\.[a-z.]*zuora\.com", self.zuora.base_url, path.read_text())
            path.write_text(text.replace(PLACEHOLDER_JOB, existing))
        self.stack = self.stack_of(STACK)

    def stack_of(self, name: str, **more: str) -> EmbeddedStack:
        """Return another stack of the same program, with more configuration."""
        return EmbeddedStack(
            name,
            self.folder,
            config={**self.config(name), **more},
            env=self.zuora.environment(),
        )

    def config(self, stack: str) -> dict[str, str]:
        """Return the configuration that the stack's file and the README's commands lead to."""
        file = self.folder / f"Pulumi.{stack}.yaml"
        config: dict[str, Any] = yaml.safe_load(file.read_text())["config"] if file.exists() else {}
        for words in map(shlex.split, commands(self.folder)[0]):
            if words[:4] == ["pulumi", "config", "set", "--path"]:
                key, _, part = words[4].partition(".")
                config[key] = json.dumps({**json.loads(config.get(key, "{}")), part: words[5]})
            elif words[:3] == ["pulumi", "config", "set"]:
                config[words[3]] = words[4]
        return config

    def up(self) -> Any:
        """Deploy; the requests before are forgotten."""
        self.zuora.forget_requests()
        result = self.stack.up()
        self.first_output = self.first_output or result.stdout
        return result

    def replace(self, file: str, old: str, new: str) -> None:
        """Edit a file as a pull request does."""
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    def job_ids(self) -> list[str]:
        """Return the ids of all jobs that Zuora holds, oldest first."""
        return [job.id for job in self.zuora.jobs]

    def _names_a_job(self) -> bool:
        return PLACEHOLDER_JOB in (self.folder / "README.md").read_text()


def blocks(folder: Path, language: str) -> list[list[str]]:
    """Return the code blocks of a README, line by line and without comments."""
    found = re.findall(rf"```{language}\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    return [[line.split("  #")[0] for line in block.splitlines()] for block in found]


def commands(folder: Path) -> list[list[str]]:
    """Return what a README lets a user type."""
    return blocks(folder, "sh")


@contextmanager
def copied(name: str, to: Path, stack: str = STACK) -> Iterator[Copy]:
    """Copy an example and start the tenant that it is set up for.

    A copy names the package by something else than the clone: here by what is installed already.
    """
    folder = to / name
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    requirements = folder / "requirements.txt"
    requirements.write_text(requirements.read_text().replace("../..", "pulumi-zuora-backfill"))
    settings = [folder / f"Pulumi.{stack}.yaml", folder / "README.md"]
    text = "".join(path.read_text() for path in settings if path.exists())
    tenant = re.search(r'zuora:tenantId:? "?(\d+)', text)
    with Sandbox(tenant_id=tenant[1] if tenant else "10042", job_duration_s=0) as zuora:
        yield Copy(name, folder, zuora)


def refused(operation: Callable[[], Any]) -> str:
    """Return what the user reads when an operation fails."""
    with pytest.raises(EmbeddedStackError) as failure:
        operation()
    return failure.value.stdout


def assert_readme_shows(copy: Copy, stdout: str) -> None:
    """Assert that what the README shows is what is printed today."""
    shown = [line.strip() for block in blocks(copy.folder, "text") for line in block]
    assert shown
    for line in shown:
        assert re.search(re.escape(line).replace("<job\\ id>", "[0-9a-f]{32}"), stdout), line


# What a README promises beyond the life that all examples share, tried on a deployed stack.


def _approved(copy: Copy) -> None:
    """Another job's id is no approval; the line that was printed is one."""
    assert_readme_shows(copy, copy.first_output)
    (line,) = set(re.findall(r'^ *(approval="\w{32}")$', copy.first_output, re.MULTILINE))
    another = f'approval="{PLACEHOLDER_JOB}"'
    copy.replace("__main__.py", 'approval="wait"', another)
    refused(copy.up)
    assert copy.zuora.count(Operation.CREATE) == 0

    copy.replace("__main__.py", another, line)
    approved = copy.up()
    assert approved.outputs["state"].value == "live"
    assert approved.outputs["jobId"].value == copy.job_ids()[-1]
    assert [job.dry_run for job in copy.zuora.jobs] == [True, False]


def _run_again(copy: Copy) -> None:
    """A new version is announced as what it is, and starts one job."""
    (version,) = json.loads((copy.folder / "catalogue.json").read_text()).values()
    copy.replace("catalogue.json", f'"{version}"', '"another"')
    assert_readme_shows(copy, copy.stack.preview().stdout)
    before = copy.job_ids()
    copy.zuora.set_status(before[0], "PROCESSING")
    copy.stack.refresh()
    assert "PROCESSING" in refused(copy.up)
    copy.zuora.finish(before[0])
    copy.up()
    assert copy.zuora.count(Operation.CREATE) == 1
    assert len(copy.job_ids()) == len(before) + 1


def _taken_over(copy: Copy) -> None:
    """The job that was there is the only one; without the line it is not started again either."""
    (existing,) = copy.job_ids()
    assert copy.stack.outputs()["jobId"].value == existing
    copy.replace("__main__.py", 'existing_job_id=pulumi.Config().require("existingJobId"),', "")
    assert existing in refused(copy.stack_of("without").up)
    assert copy.job_ids() == [existing]


def _each_in_its_entity(copy: Copy) -> None:
    """Each job runs in its entity, in order; under another name of ours it would be another job."""
    entities = json.loads(copy.config(STACK)["entities"])
    assert [job.entity_id for job in copy.zuora.jobs] == [
        entities[name] for name in sorted(entities)
    ]
    entities["a-new-name"] = entities.pop(min(entities))
    copy.stack.set_config("entities", json.dumps(entities))
    assert copy.job_ids()[0] in refused(copy.up)
    assert copy.zuora.count(Operation.CREATE) == 0


def _production_waits(copy: Copy) -> None:
    """Production stops after its dry run; a second stack of one tenant is refused."""
    assert copy.job_ids()[1] in refused(copy.stack_of("second", **copy.config(STACK)).up)

    with Sandbox(tenant_id="33333", job_duration_s=0) as tenant:
        config = {**copy.config("production"), "zuora:baseUrl": tenant.base_url}
        production = EmbeddedStack(
            "production", copy.folder, config=config, env=tenant.environment()
        )
        dry_run = production.up().outputs["dryRunJobId"].value
        assert [job.dry_run for job in tenant.jobs] == [True]
        production.set_config("approval", dry_run)
        production.up()
        assert [job.dry_run for job in tenant.jobs] == [True, False]

        wrong = EmbeddedStack(
            "production", copy.folder, config=config, env=copy.zuora.environment()
        )
        refused(wrong.up)


def _waits_for_live(copy: Copy) -> None:
    """The file names the live job; it is gone when nothing is live or the live run fails."""
    flag = copy.folder / "revenue-is-live.txt"
    assert flag.read_text().strip() == copy.job_ids()[-1]
    copy.stack.set_config("approval", "wait")
    copy.up()
    assert not flag.exists()
    assert copy.stack.outputs()["state"].value == "awaiting-approval"

    with Sandbox(job_duration_s=0) as tenant:
        config = {**copy.config(STACK), "zuora:baseUrl": tenant.base_url}
        stack = EmbeddedStack("failing", copy.folder, config=config, env=tenant.environment())

        def fail_live_jobs(_request: Any) -> None:
            for job in tenant.jobs:
                if not job.dry_run:
                    tenant.finish(job.id, "FAILED")

        tenant.on_request = fail_live_jobs
        assert "charges-done **creating failed**" in refused(stack.up)
        assert [job.dry_run for job in tenant.jobs] == [True, False]
        assert not flag.exists()


def _moved_with_an_alias(copy: Copy) -> None:
    """A job outside the component moves into it with the README's alias.

    It is not started again.
    """
    (alias,) = blocks(copy.folder, "python")
    program = (copy.folder / "__main__.py").read_text()
    (copy.folder / "__main__.py").write_text(
        "import pulumi\nfrom pulumi_zuora_backfill import VerifiedBackfill\n"
        "VerifiedBackfill('revenue-charges', type='RatePlanCharge', approval='auto')\n"
    )
    with Sandbox(job_duration_s=0) as tenant:
        config = {**copy.config(STACK), "zuora:baseUrl": tenant.base_url}
        stack = EmbeddedStack(STACK, copy.folder, config=config, env=tenant.environment())
        stack.up()
        (copy.folder / "__main__.py").write_text(program)
        copy.replace("__main__.py", "pulumi.ResourceOptions(parent=self)", "".join(alias))
        assert stack.up().change_summary.get("replace", 0) == 0
        assert len(tenant.jobs) == 2
    (copy.folder / "__main__.py").write_text(program)


def _asks_and_reports(copy: Copy) -> None:
    """The script says that there is nothing to do, takes a no for a no, and reports."""
    deploy = module(copy.folder / "deploy.py").deploy
    assert deploy(copy.stack, lambda: pytest.fail("was asked for nothing")) == 0

    with Sandbox(job_duration_s=0) as tenant:
        config = {**copy.config(STACK), "zuora:baseUrl": tenant.base_url}
        stack = EmbeddedStack("another", copy.folder, config=config, env=tenant.environment())
        assert deploy(stack, lambda: False) == 3
        assert tenant.requests == []
        assert deploy(stack, lambda: True) == 0
        assert len(tenant.jobs) == 1


def _its_own_tests_pass(copy: Copy) -> None:
    """The tests pass as the README types them, in a copy that knows nothing of ours."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=copy.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stdout


PROMISES: Mapping[str, Callable[[Copy], None]] = {
    "adopt": _taken_over,
    "automation-api": _asks_and_reports,
    "component": _moved_with_an_alias,
    "downstream": _waits_for_live,
    "environments": _production_waits,
    "multi-entity": _each_in_its_entity,
    "rerun": _run_again,
    "two-step-approval": _approved,
    "unit-test": _its_own_tests_pass,
}


SLOW_LIVES = [
    pytest.param(name, marks=() if name == "quickstart" else pytest.mark.slow) for name in ONE_STACK
]


@pytest.mark.parametrize("name", SLOW_LIVES)
def test_an_example_lives_its_whole_life(name: str, tmp_path: Path) -> None:
    """Preview asks nothing, `up` starts what it says, `up` again nothing.

    Refresh finds no drift, and destroy ends it.
    """
    with copied(name, tmp_path) as copy:
        there = copy.job_ids()
        copy.stack.preview()
        assert copy.zuora.requests == []

        assert set(copy.up().change_summary) == {"create"}
        started = copy.job_ids()
        assert copy.zuora.count(Operation.CREATE) == len(started) - len(there)

        assert set(copy.up().change_summary) == {"same"}
        assert copy.zuora.requests == []
        copy.stack.refresh(expect_no_changes=True)

        PROMISES.get(name, lambda _: None)(copy)

        copy.zuora.forget_requests()
        copy.stack.destroy()
        assert copy.stack.state["resources"] == []
        assert copy.zuora.count(Operation.CREATE) == 0


@pytest.mark.sample(every=3)
@pytest.mark.parametrize("name", [name for name in ONE_STACK if name != "quickstart"])
def test_an_example_starts_what_its_program_says(name: str, tmp_path: Path) -> None:
    """What all examples have in common, and quick: a first `up` creates, and starts a job."""
    with copied(name, tmp_path) as copy:
        there = copy.job_ids()
        assert set(copy.up().change_summary) == {"create"}
        assert copy.zuora.count(Operation.CREATE) == len(copy.job_ids()) - len(there)


@needs_cli
@pytest.mark.parametrize("name", ONE_STACK)
def test_the_commands_of_a_readme_work_as_typed(name: str, tmp_path: Path) -> None:
    """On the real CLI the README's first block deploys the example.

    The rest of its life follows.
    """
    with copied(name, tmp_path) as copy:
        there = copy.job_ids()
        env = real_environment(tmp_path)
        type_in(commands(copy.folder)[0], copy, env)
        env.update(copy.zuora.environment())
        if name == "unit-test":  # its README tests the stack, and deploys none
            type_in(["pulumi stack init dev", "pulumi up --skip-preview"], copy, env)
        started = copy.job_ids()
        assert copy.zuora.count(Operation.CREATE) == len(started) - len(there)

        copy.zuora.forget_requests()
        type_in(["pulumi up --skip-preview --expect-no-changes"], copy, env)
        assert copy.zuora.requests == []
        type_in(
            ["pulumi refresh --skip-preview --expect-no-changes", "pulumi destroy --skip-preview"],
            copy,
            env,
        )
        assert copy.job_ids() == started


@needs_cli
def test_production_is_approved_by_the_commands_that_the_readme_shows(tmp_path: Path) -> None:
    """The second block of `environments`.

    The dry run's job id goes into the stack's file, and the next `up` is live.
    """
    with copied("environments", tmp_path, "production") as copy:
        first, second = commands(copy.folder)
        credentials = next(line for line in first if line.startswith("export"))
        type_in(
            ["pulumi stack init production", credentials, "pulumi up", *second],
            copy,
            real_environment(tmp_path),
        )
        assert [job.dry_run for job in copy.zuora.jobs] == [True, False]
        assert copy.job_ids()[0] in (copy.folder / "Pulumi.production.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_folder_that_can_be_copied(name: str) -> None:
    """All files are there; the README is short and begins with what can surprise."""
    folder = EXAMPLES / name
    assert [file for file in FILES if not (folder / file).is_file()] == []
    project = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    assert project["description"] and project["runtime"] == "python" and "main" not in project
    lines = (folder / "README.md").read_text().splitlines()
    assert len(lines) <= 40
    assert lines[0].startswith("# ") and lines[2].startswith("> **")


@pytest.mark.parametrize("name", NAMES)
def test_the_requirements_of_an_example_name_the_clone_that_it_is_in(name: str) -> None:
    """`pip install -r` works where the example stands, and the comment says what a copy needs."""
    comment, *lines = (EXAMPLES / name / "requirements.txt").read_text().splitlines()
    assert comment.startswith("# Not on a package index yet")
    ours, *_ = [line for line in lines if not line.startswith("#")]
    assert ours.removesuffix("[testing]") == "../.."
    assert (EXAMPLES / name / "../.." / "pyproject.toml").is_file()


def test_the_requirements_of_the_template_name_this_package() -> None:
    """The version that stands here satisfies the line, and the comment says where it comes from."""
    comment, *lines = (TEMPLATE / "requirements.txt").read_text().splitlines()
    assert comment.startswith("# Not on a package index yet")
    (ours,) = [Requirement(line) for line in lines if not line.startswith("#")]
    assert ours.name == "pulumi-zuora-backfill"
    assert ours.specifier.contains(pulumi_zuora_backfill.__version__)


@pytest.mark.parametrize("name", NAMES)
def test_a_readme_names_only_what_is_there(name: str) -> None:
    """Every command is one that exists, and every file that it names is in the folder."""
    folder = EXAMPLES / name
    typed = [line for block in commands(folder) for line in block]
    assert typed
    for line in typed:
        program, *words = shlex.split(line)
        if program == "pulumi":
            assert " ".join(words).startswith(PULUMI_COMMANDS), line
        elif program == "export":
            assert {word.split("=")[0] for word in words} == {
                "ZUORA_CLIENT_ID",
                "ZUORA_CLIENT_SECRET",
            }
        elif program == "pip":
            assert words == ["install", "-r", "requirements.txt"]
        else:
            assert program == "python", line
            assert words == ["-m", "pytest"] or (folder / words[0]).is_file(), line


def test_the_list_of_examples_names_each() -> None:
    """The links of the list are the folders, no more and no less."""
    links = re.findall(r"\]\(([^)]*)\)", (EXAMPLES / "README.md").read_text())
    examples = [link.removesuffix("/README.md") for link in links if not link.startswith("../")]
    assert sorted(examples) == NAMES


def test_the_template_makes_a_project_that_waits_for_approval(tmp_path: Path) -> None:
    """Filled in as `pulumi new` does, its program runs dry and goes no further."""
    folder = tmp_path / "made"
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    project = (folder / "Pulumi.yaml").read_text()
    for key in ("PROJECT", "DESCRIPTION"):
        assert f"${{{key}}}" in project
        project = project.replace(f"${{{key}}}", "made")
    (folder / "Pulumi.yaml").write_text(project)
    asked = yaml.safe_load(project)["template"]["config"]
    with Sandbox(job_duration_s=0) as zuora:
        answers = {"zuora:baseUrl": zuora.base_url, "zuora:tenantId": zuora.tenant_id}
        assert asked.keys() == answers.keys()
        stack = EmbeddedStack(STACK, folder, config=answers, env=zuora.environment())
        assert stack.up().outputs["state"].value == "awaiting-approval"
        assert [job.dry_run for job in zuora.jobs] == [True]


@needs_cli
def test_pulumi_new_takes_the_template(tmp_path: Path) -> None:
    """The CLI knows it for a template and fills it in."""
    folder = tmp_path / "made"
    new = ["pulumi", "new", str(TEMPLATE), "--generate-only", "--yes", "--dir", str(folder)]
    subprocess.run(
        [*new, "--name", "my-backfill", "--description", "mine"],
        env=real_environment(tmp_path),
        check=True,
        capture_output=True,
    )
    project = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    assert (project["name"], project["description"]) == ("my-backfill", "mine")
    assert (folder / "__main__.py").read_text() == (TEMPLATE / "__main__.py").read_text()


def module(path: Path) -> Any:
    """Load a script of an example."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def real_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which the CLI keeps its state and its home in a folder."""
    cli = pulumi_cli()
    assert cli is not None
    (folder / "state").mkdir()
    path = [str(Path(cli).parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    local = "127.0.0.1,localhost"
    return {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        "NO_PROXY": local,
        "no_proxy": local,
    }


def type_in(typed: list[str], copy: Copy, env: Mapping[str, str]) -> None:
    """Type commands into a shell, the credentials filled in, and answer what is asked with yes."""
    script = "\n".join(["set -e", *typed])
    for name in ("ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET"):
        script = script.replace(
            f"{name}=…", f"{name}={shlex.quote(copy.zuora.environment()[name])}"
        )
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=copy.folder,
        env=dict(env),
        input="yes\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
