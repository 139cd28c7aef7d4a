"""The fleet without the CLI: table, program, pool, what is shown, manifests, matrix."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pulumi_zuora_backfill.testing import EmbeddedStack, EmbeddedStackError, Sandbox

ROOT = Path(__file__).resolve().parent.parent
FLEET = ROOT / "examples" / "fleet"
WORKFLOW = ROOT / "gitops" / "github" / "backfill-fleet.yml"
JOB = "0123456789" * 3 + "01"  # a number for YAML

ROWS = f"""\
- stack: acme-us
  base_url: https://rest.na.zuora.com
  tenant_id: 10042
  client_id_env: US_ID
  client_secret_env: US_SECRET
  type: RatePlanCharge
  approval: {JOB}
- stack: acme-eu
  base_url: https://rest.eu.zuora.com
  tenant_id: 20042
  client_id_env: EU_ID
  client_secret_env: EU_SECRET
  type: RatePlanCharge
  approval: wait
  batch_size: 500
"""


def module(name: str) -> Any:
    """Import a module of the fleet, as its scripts do."""
    if str(FLEET) not in sys.path:
        sys.path.insert(0, str(FLEET))
    return importlib.import_module(name)


tenants = module("tenants")
running = module("running")
rendering = module("rendering")
Status, Change = running.Status, running.Change


def changed(old: str, new: str, count: int = 1) -> str:
    """Return the table with a change, the first time that the text is there."""
    assert old in ROWS
    return ROWS.replace(old, new, count)


def refused(text: str) -> str:
    """Return what is wrong with a table, without the words that each error begins with."""
    with pytest.raises(tenants.TableError) as failure:
        tenants.rows_in(text)
    return str(failure.value).removeprefix("tenants.yaml cannot be used:\n  ")


def test_a_row_says_where_as_whom_and_what() -> None:
    """Texts stay texts, also those that YAML takes for numbers; what is a number becomes one."""
    us, eu = tenants.rows_in(ROWS)
    assert us.settings == {
        "ZUORA_BASE_URL": "https://rest.na.zuora.com",
        "ZUORA_TENANT_ID": "10042",
    }
    assert us.variables == {"ZUORA_CLIENT_ID": "US_ID", "ZUORA_CLIENT_SECRET": "US_SECRET"}
    assert us.arguments == {"type": "RatePlanCharge", "approval": JOB}
    assert eu.arguments == {"type": "RatePlanCharge", "approval": "wait", "batch_size": 500}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            changed("approval", "aproval"),
            "line 7, row acme-us, column aproval: there is no such column; did you mean approval?\n"
            "  line 1, row acme-us, column approval: is missing",
        ),
        (
            changed("  approval: wait", "  approval: wait\n  approval: auto"),
            "line 15, row acme-eu, column approval: is there twice",
        ),
        (
            changed("acme-eu", "acme-us"),
            "line 8, row acme-us, column stack: is also that of row acme-us, line 1",
        ),
        (
            changed("20042", "10042"),
            "line 8, row acme-eu, column tenant_id: tenant, entity and type are also those of "
            "row acme-us, line 1",
        ),
        (
            changed("EU_SECRET", "US_SECRET"),
            "line 8, row acme-eu, column client_secret_env: is another tenant's: "
            "row acme-us, line 1",
        ),
        (
            changed("US_SECRET", "s3cr3t=/of+the/tenant"),
            "line 5, row acme-us, column client_secret_env: must name an environment variable, "
            "in capital letters, and never hold its value",
        ),
        (
            changed("10042", "tenant"),
            "line 3, row acme-us, column tenant_id: must be a tenant number like 10042",
        ),
        (
            changed("https://rest.na", "http://rest.na"),
            "line 2, row acme-us, column base_url: must be an address like "
            "https://rest.test.zuora.com",
        ),
        (
            changed("approval: wait", "approval: [wait]"),
            "line 14, row acme-eu, column approval: must be wait, auto or the job id of "
            "the dry run",
        ),
        (
            changed("approval: wait", "approval:"),
            "line 14, row acme-eu, column approval: must be wait, auto or the job id of "
            "the dry run",
        ),
        (
            changed("batch_size: 500", f"known_job_ids: {JOB}"),
            "line 15, row acme-eu, column known_job_ids: must be a list of job ids",
        ),
        (
            changed("stack: acme-eu", "stack: Acme"),
            "line 8, row Acme, column stack: must be lower-case letters, digits and dashes, "
            "at most 42",
        ),
        ("- acme-us\n", "line 1: a row must be columns with values"),
        ("", "tenants.yaml must be a list of rows, each starting with `- stack: …`."),
        ("stack: acme-us", "tenants.yaml must be a list of rows, each starting with `- stack: …`."),
        (
            changed("US_SECRET", '"s3cr3t'),
            "tenants.yaml is no YAML: line 16: found unexpected end of stream.",
        ),
    ],
)
def test_what_is_wrong_with_the_table_is_told_with_row_and_column(text: str, fault: str) -> None:
    """Each fault is one line that says where, and shows nothing that may be a secret."""
    assert refused(text) == fault


def test_all_faults_are_told_at_once() -> None:
    """Who mends a table of dozens of rows does not do it one error at a time."""
    text = ROWS.replace("approval: ", "approved: ").replace("RatePlanCharge", "Charge")
    assert len(refused(text).splitlines()) == 6


def test_the_parts_of_a_tenant_are_rows_of_their_own() -> None:
    """Another entity, organisation or type is another backfill, also with the same secret."""
    row = ROWS.split("- stack: acme-eu")[0]
    others = ["entity_id: e1", "entity_id: e2", "org_ids: [o1]", f"existing_job_id: {JOB}"]
    rows = [row.replace("acme-us", f"acme-{n}") + f"  {more}\n" for n, more in enumerate(others)]
    rows.append(row.replace("RatePlanCharge", "OrderLineItem"))
    assert len(tenants.rows_in("".join(rows))) == 5


def test_each_row_gets_its_own_credentials_only() -> None:
    """What no row names is not looked at; what is not set is one error."""
    rows = tenants.rows_in(ROWS)
    environ = {"US_ID": "a", "US_SECRET": "b", "EU_ID": "c", "EU_SECRET": "d", "OTHER": "e"}
    assert tenants.secrets_of(rows, environ) == {
        "acme-us": {"ZUORA_CLIENT_ID": "a", "ZUORA_CLIENT_SECRET": "b"},
        "acme-eu": {"ZUORA_CLIENT_ID": "c", "ZUORA_CLIENT_SECRET": "d"},
    }
    with pytest.raises(tenants.TableError) as failure:
        tenants.secrets_of(rows, {**environ, "US_SECRET": " ", "EU_ID": ""})
    assert str(failure.value) == (
        "tenants.yaml cannot be used:\n"
        "  line 1, row acme-us, column client_secret_env: the environment variable US_SECRET "
        "is not set\n"
        "  line 8, row acme-eu, column client_id_env: the environment variable EU_ID is not set"
    )


def test_a_stack_that_has_no_row_is_an_error() -> None:
    """A misspelt name on the command line starts nothing."""
    rows = tenants.rows_in(ROWS)
    assert [row.stack for row in tenants.chosen(rows, [])] == ["acme-us", "acme-eu"]
    assert [row.stack for row in tenants.chosen(rows, ["acme-eu"])] == ["acme-eu"]
    with pytest.raises(tenants.TableError, match="no row for stack acme-uk; did you mean acme-us"):
        tenants.chosen(rows, ["acme-eu", "acme-uk"])


def copy_of(folder: Path, table: str = ROWS) -> Path:
    """Copy the fleet, with another table."""
    copy = folder / "fleet"
    shutil.copytree(FLEET, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tenants.yaml").write_text(table)
    return copy


def script(folder: Path, *words: str, **env: str) -> tuple[int, str, str]:
    """Run a script of the fleet without the CLI; return exit code, stdout and stderr."""
    ran = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_what_cannot_start_is_said_in_one_clear_error(tmp_path: Path) -> None:
    """A bad table, a missing secret, a missing CLI: exit code 2, and no traceback."""
    folder = copy_of(tmp_path, changed("20042", "10042"))
    code, said, error = script(folder, "fleet.py", "up")
    assert (code, said) == (2, "")
    assert error.startswith("tenants.yaml cannot be used:\n  line 8, row acme-eu, column tenant_id")
    assert error.endswith("\nNothing was started.\n")

    (folder / "tenants.yaml").write_text(ROWS)
    code, said, error = script(folder, "fleet.py", "up", "acme-eu", EU_ID="c")
    assert (code, said, error) == (
        2,
        "",
        "tenants.yaml cannot be used:\n  line 8, row acme-eu, column client_secret_env: "
        "the environment variable EU_SECRET is not set\nNothing was started.\n",
    )
    assert script(folder, "fleet.py", "up", "acme-eu", EU_ID="c", EU_SECRET="d") == (
        2,
        "",
        "The pulumi CLI is not on PATH, and the Automation API runs it. "
        "Install it: https://www.pulumi.com/docs/install/\n",
    )
    assert script(folder, "fleet.py", "preview", "--parallel", "0")[0] == 2


def test_the_program_takes_the_row_of_its_stack(tmp_path: Path) -> None:
    """The dry run waits; the line that is shown, pasted into the row, starts the live job."""
    folder = copy_of(tmp_path)
    with Sandbox(job_duration_s=0) as zuora:
        stack = EmbeddedStack("acme-eu", folder, env=zuora.environment())
        dry_run = stack.up().outputs["dryRunJobId"].value
        row = tenants.load(folder / "tenants.yaml")[1]
        shown = running.standing(row, {"dryRunJobId": dry_run, "jobId": None}, [dry_run])
        assert shown.status is Status.WAITS
        line = shown.text.splitlines()[-1].strip()
        (folder / "tenants.yaml").write_text(changed("approval: wait", line))
        outputs = {name: out.value for name, out in stack.up().outputs.items()}
        assert [job.dry_run for job in zuora.jobs] == [True, False]
        row = tenants.load(folder / "tenants.yaml")[1]
        assert running.standing(row, outputs, outputs.values()) == Change(
            "acme-eu", Status.DONE, f"live job {zuora.jobs[1].id}"
        )


def test_the_advice_of_a_refusal_fits_into_the_table(tmp_path: Path) -> None:
    """The argument that a refusal names is a column, and takes the tenant's job over."""
    folder = copy_of(tmp_path, changed("approval: wait", "approval: auto"))
    with Sandbox(job_duration_s=0) as zuora:
        job = zuora.add_job(status="COMPLETED")
        stack = EmbeddedStack("acme-eu", folder, env=zuora.environment())
        with pytest.raises(EmbeddedStackError) as failure:
            stack.up()
        assert f"error: {running._REFUSED}" in failure.value.stdout
        (argument,) = set(re.findall(r"existing_job_id=\S+", failure.value.stdout))
        cell = argument.replace("=", ": ")
        table = (folder / "tenants.yaml").read_text()
        (folder / "tenants.yaml").write_text(f"{table}  {cell}\n")
        assert stack.up().outputs["jobId"].value == job.id
        assert [job.dry_run for job in zuora.jobs] == [False, True]


def test_a_stack_without_a_row_declares_nothing(tmp_path: Path) -> None:
    """The program names the stack that it knows nothing of, without a traceback."""
    folder = copy_of(tmp_path)
    with Sandbox() as zuora:
        stack = EmbeddedStack("acme-uk", folder, env=zuora.environment())
        with pytest.raises(EmbeddedStackError) as failure:
            stack.preview()
    assert "there is no row for stack acme-uk; did you mean acme-us?" in failure.value.stdout
    assert "Traceback" not in failure.value.stdout


@pytest.mark.parametrize(
    ("outputs", "completed", "status"),
    [
        ({}, [], Status.LEFT),
        ({"dryRunJobId": "d", "jobId": None}, [], Status.LEFT),
        ({"dryRunJobId": "d", "jobId": None}, ["d"], Status.WAITS),
        ({"dryRunJobId": "d", "jobId": "j"}, ["d"], Status.LEFT),
        ({"dryRunJobId": "d", "jobId": "j"}, ["d", "j"], Status.DONE),
    ],
)
def test_only_what_was_seen_completed_counts(
    outputs: dict[str, Any], completed: list[str], status: Any
) -> None:
    """A live job whose wait has not ended is not done, and a dry run neither."""
    row = tenants.rows_in(ROWS)[1]
    assert running.standing(row, outputs, completed).status is status


def test_an_approved_dry_run_waits_for_up_and_not_for_a_person() -> None:
    """The table has the approval already; the state does not know it yet."""
    row = tenants.rows_in(ROWS)[0]
    assert running.standing(row, {"dryRunJobId": "d"}, ["d"]).status is Status.LEFT


def rows_of(number: int) -> list[Any]:
    """Make rows that only have a name and a tenant."""
    return [SimpleNamespace(stack=f"s{n}", tenant_id=f"1000{n}") for n in range(number)]


def test_the_pool_runs_a_bounded_number_at_once() -> None:
    """With two at once, two do run side by side, and never three; the news of all arrive."""
    barrier, lock, now, most = threading.Barrier(2, timeout=30), threading.Lock(), [0], [0]

    def work(row: Any, note: Any) -> Any:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        barrier.wait()
        note("half")
        with lock:
            now[0] -= 1
        return Change(row.stack, Status.DONE)

    news = list(running.run(rows_of(6), work, 2, lambda: False))
    assert most == [2]
    for row in rows_of(6):
        assert [n for n in news if n.stack == row.stack] == [
            Change(row.stack, Status.RUNNING),
            Change(row.stack, Status.RUNNING, "half"),
            Change(row.stack, Status.DONE),
        ]


def test_what_breaks_for_one_stack_does_not_stop_the_others() -> None:
    """A fault of the fleet itself is a failed stack with its text."""

    def work(row: Any, note: Any) -> Any:
        if row.stack == "s0":
            raise ValueError("of mine")
        return Change(row.stack, Status.DONE)

    ended = [n for n in running.run(rows_of(2), work, 1, lambda: False) if n.status != "running"]
    assert [(n.stack, n.status, n.note) for n in ended] == [
        ("s0", Status.FAILED, "of mine"),
        ("s1", Status.DONE, ""),
    ]


def test_once_stopped_no_stack_begins() -> None:
    """What waits for its turn is told to be not started."""
    stopped = threading.Event()

    def work(row: Any, note: Any) -> Any:
        stopped.set()
        return Change(row.stack, Status.DONE)

    ended = [n for n in running.run(rows_of(3), work, 1, stopped.is_set) if n.status != "running"]
    assert [(n.status, n.note) for n in ended] == [
        (Status.DONE, ""),
        (Status.LEFT, "not started"),
        (Status.LEFT, "not started"),
    ]


def test_what_the_engine_says_is_noted_once_and_without_colours() -> None:
    """Ephemeral lines are notes only; warnings and errors are kept, but not the engine's own."""
    notes: list[str] = []
    heard = running.Heard(notes.append)
    for severity, message, urn, ephemeral in [
        ("debug", "registering", "urn", None),
        ("info", "PROCESSING 30%\n", "urn", True),
        ("warning", "<{%fg 3%}>LIVE<{%reset%}>\nof tenant\n", "urn", None),
        ("warning", "LIVE\nof tenant", "urn", None),
        ("error", "Nothing was started: a job\n", "urn", None),
        ("error", "update failed\n", "", None),
    ]:
        said = SimpleNamespace(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        heard(SimpleNamespace(diagnostic_event=said))
    heard(SimpleNamespace(diagnostic_event=None))
    assert notes == ["PROCESSING 30%", "LIVE", "LIVE", "Nothing was started: a job"]
    assert (heard.texts, heard.errors) == (["LIVE\nof tenant"], ["Nothing was started: a job"])


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([Status.DONE, Status.PREVIEWED], 0),
        ([Status.DONE, Status.WAITS], 3),
        ([Status.WAITS, Status.LEFT], 4),
        ([Status.LEFT, Status.REFUSED], 1),
        ([Status.DONE, Status.FAILED], 1),
    ],
)
def test_the_exit_code_tells_what_matters_most(statuses: list[Any], code: int) -> None:
    """A failure before a wait, a wait before a success."""
    assert module("fleet").exit_code_of(statuses) == code


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def at(clock: Clock, news: list[tuple[float, Any]]) -> Iterator[Any]:
    """Let the news come at their times."""
    for time_s, change in news:
        clock.now_s = time_s
        yield change


NEWS = [
    (0.0, Change("s0", Status.RUNNING)),
    (0.0, Change("s1", Status.RUNNING)),
    (1.0, Change("s0", Status.RUNNING, "PROCESSING 10%")),
    (61.0, Change("s0", Status.RUNNING, "PROCESSING 90%")),
    (62.0, Change("s0", Status.WAITS, "dry run d", "Put into its row:\n  approval: d")),
    (63.0, Change("s1", Status.REFUSED, "Nothing was started: x", "Nothing was started: x\ny")),
]


def told(**options: Any) -> tuple[Any, Any]:
    """Show the news on a console; return the console and the view."""
    clock = Clock()
    view = rendering.View(rows_of(3), clock)
    console = rendering.Console(file=io.StringIO(), width=80, height=40, **options)
    rendering.show(view, at(clock, NEWS), console)
    return console, view


def test_without_a_terminal_there_are_plain_lines() -> None:
    """A line when a stack begins and ends, and one a minute: no table, no colours, no cut."""
    console, view = told()
    assert console.file.getvalue() == (
        "s0 running after 0 s\n"
        "s1 running after 0 s\n"
        "s0 running after 61 s: PROCESSING 90%\n"
        "s0 waits for approval after 62 s: dry run d\n"
        "s1 refused after 63 s: Nothing was started: x\n"
    )
    console = rendering.Console(file=io.StringIO(), width=20)
    rendering.summary(view, console)
    assert console.file.getvalue() == (
        "s0 (waits for approval)\n"
        "  Put into its row:\n"
        "    approval: d\n\n"
        "s1 (refused)\n"
        "  Nothing was started: x\n"
        "  y\n\n"
        "3 stacks: 1 waits for approval, 1 refused.\n"
    )


def test_on_a_terminal_there_is_a_table() -> None:
    """What fits is shown, what runs or failed first; what is still to come is counted."""
    console, view = told(force_terminal=True, force_interactive=True, color_system=None)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", console.file.getvalue())
    last = shown[shown.rindex("stack ") :]
    assert [" ".join(line.split()) for line in last.splitlines()] == [
        "stack tenant status time note",
        "s1 10001 refused 63 s Nothing was started: x",
        "s0 10000 waits for approval 62 s dry run d",
        "1 waits for approval, 1 refused, 1 to come",
    ]
    assert view.table(1).row_count == 1


def test_the_matrix_has_a_job_for_each_row(tmp_path: Path) -> None:
    """It holds names only: what a workflow shows in its log."""
    folder = copy_of(tmp_path)
    code, said, error = script(folder, "matrix.py")
    assert (code, error) == (0, "")
    assert json.loads(said) == {
        "include": [
            {"stack": "acme-us", "client_id_env": "US_ID", "client_secret_env": "US_SECRET"},
            {"stack": "acme-eu", "client_id_env": "EU_ID", "client_secret_env": "EU_SECRET"},
        ]
    }
    (folder / "tenants.yaml").write_text(changed("20042", "10042"))
    code, said, error = script(folder, "matrix.py")
    assert (code, said) == (1, "") and "column tenant_id" in error

    with pytest.raises(tenants.TableError, match="has 257 rows, and a matrix at most 256 jobs"):
        module("matrix").matrix_of(rows_of(257))


def workflow() -> dict[str, Any]:
    """Read the workflow; `on` is a word, and no truth value."""
    return dict(yaml.load(WORKFLOW.read_text(), Loader=yaml.BaseLoader)["jobs"])


def test_a_job_of_the_workflow_has_the_environment_of_its_row() -> None:
    """It uses just what the matrix tells, and only it names credentials; a few run at once."""
    up, *others = [workflow()[name] for name in ("up", "table", "preview")]
    assert up["environment"] == "zuora-${{ matrix.stack }}"
    assert up["strategy"]["matrix"] == "${{ fromJSON(needs.table.outputs.matrix) }}"
    assert int(up["strategy"]["max-parallel"]) <= 10
    used = set(re.findall(r"matrix\.(\w+) }}", json.dumps(up)))
    (row, _) = module("matrix").matrix_of(tenants.rows_in(ROWS))["include"]
    assert used - {"outputs"} <= row.keys() and row.keys() <= used | {"outputs"}
    assert "secrets.ZUORA" not in json.dumps(others)
    named = re.findall(r"python (\w+\.py)", WORKFLOW.read_text())
    assert named and all((FLEET / name).is_file() for name in named)


@pytest.mark.parametrize(("code", "becomes"), [(0, 0), (3, 0), (1, 1), (4, 1), (130, 1)])
def test_a_dry_run_that_waits_is_no_failed_job(tmp_path: Path, code: int, becomes: int) -> None:
    """The step's script, with another `python`: it sees the row's variables."""
    (step,) = [step for step in workflow()["up"]["steps"] if step.get("name") == "Up"]
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@ $EU_ID $EU_SECRET"\nexit {code}\n')
    python.chmod(0o755)
    summary = tmp_path / "summary"
    env = {
        "PATH": f"{tmp_path}:{os.defpath}",
        "GITHUB_STEP_SUMMARY": str(summary),
        "STACK": "acme-eu",
        "CLIENT_ID_ENV": "EU_ID",
        "CLIENT_SECRET_ENV": "EU_SECRET",
        "CLIENT_ID": "c d",
        "CLIENT_SECRET": "$e",
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    ran = subprocess.run(shell, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == becomes
    assert ran.stdout == summary.read_text() == "fleet.py up acme-eu c d $e\n"


def test_a_manifest_is_what_the_operator_takes(tmp_path: Path) -> None:
    """One Stack for each row, by the operator's definition; it names a Secret, and holds none."""
    jsonschema = pytest.importorskip(
        "jsonschema", reason="jsonschema checks the manifests: pip install --group dev"
    )
    folder = copy_of(tmp_path)
    words = ("manifests.py", "--backend", "s3://state", "--repo", "https://github.com/acme/infra")
    code, said, error = script(folder, *words, US_ID="hidden-id", US_SECRET="hidden-secret")
    assert (code, said) == (1, "")
    assert error.startswith("The operator runs `pulumi install`, so Pulumi.yaml must name")

    (folder / "Pulumi.yaml").write_text(f"name: fleet\n{error.splitlines()[-1].strip()}\n")
    code, said, error = script(folder, *words, US_ID="hidden-id", US_SECRET="hidden-secret")
    assert (code, error) == (0, "")
    assert "hidden" not in said
    us, eu = yaml.safe_load_all(said)
    schema = json.loads((ROOT / "tests" / "gitops" / "stack.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for manifest in (us, eu):
        assert [error.message for error in validator.iter_errors(manifest)] == []
    assert (us["metadata"], us["spec"]["stack"]) == (
        {"name": "acme-us", "namespace": "zuora"},
        "organization/fleet/acme-us",
    )
    assert us["spec"]["envRefs"] == {
        "ZUORA_BASE_URL": {"type": "Literal", "literal": {"value": "https://rest.na.zuora.com"}},
        "ZUORA_TENANT_ID": {"type": "Literal", "literal": {"value": "10042"}},
        "ZUORA_CLIENT_ID": {
            "type": "Secret",
            "secret": {"name": "zuora-acme-us", "key": "clientId"},
        },
        "ZUORA_CLIENT_SECRET": {
            "type": "Secret",
            "secret": {"name": "zuora-acme-us", "key": "clientSecret"},
        },
        "PULUMI_CONFIG_PASSPHRASE": {
            "type": "Secret",
            "secret": {"name": "pulumi-state", "key": "passphrase"},
        },
    }
    eu["spec"]["envRef"] = eu["spec"].pop("envRefs")
    assert ["envRef" in error.message for error in validator.iter_errors(eu)] == [True]
