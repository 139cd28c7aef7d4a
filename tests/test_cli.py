"""The operator commands that read once, their exit codes, and what they say if they fail."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pulumi_zuora_backfill import __main__, __version__
from pulumi_zuora_backfill.cli.commands import main
from pulumi_zuora_backfill.cli.exit_codes import ExitCode, outcome_of, worst_of
from pulumi_zuora_backfill.cli.failures import explain
from pulumi_zuora_backfill.cli.rendering import aligned, newest_first, percent_of, short_state_of
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.zuora.models import Job

from .commands import COMMAND, Terminal, environment, piped
from .engines import pulumi_cli
from .parts import still_sandbox

UNKNOWN_ID = "f" * 32


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: nothing is a terminal."""

    def run(*arguments: str, **settings: str) -> Done:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        code = main(list(arguments))
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return run


@pytest.fixture
def still() -> Iterator[Sandbox]:
    """Serve a local Zuora whose time stands still, so that whole outputs can be compared."""
    with still_sandbox() as zuora:
        yield zuora


def test_jobs_are_lines_in_a_pipe(run: Run, still: Sandbox) -> None:
    """Each job is one line with all columns, the newest first; what else is said goes to stderr."""
    old = still.add_job(status="COMPLETED", age_s=90_000, error_count=3)
    new = still.add_job(type="OrderLineItem")
    done = run("jobs", **still.environment())

    assert done == Done(
        0,
        "JOB ID                            TYPE            STATUS     PROGRESS  FAILED  "
        "CREATED               USER\n"
        f"{new.id}  OrderLineItem   ACCEPTED   0.00%     0       "
        "2027-01-15T08:00:00Z  api.user@example.com\n"
        f"{old.id}  RatePlanCharge  COMPLETED  100.00%   3       "
        "2027-01-14T07:00:00Z  api.user@example.com\n",
        f"Backfill jobs in tenant 10042 at {still.base_url}: 2.\n",
    )


def test_jobs_as_json(run: Run, still: Sandbox) -> None:
    """`--json` prints a list, with the names of a `BackfillJob`'s outputs, and nothing else."""
    job = still.add_job(error_count=1)
    done = run("jobs", "--json", **still.environment())

    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == [
        {
            "jobId": job.id,
            "type": "RatePlanCharge",
            "status": "ACCEPTED",
            "progress": "0.00%",
            "batchSentCount": 0,
            "batchFinishedCount": 0,
            "errorCount": 1,
            "createdOn": "2027-01-15T08:00:00Z",
            "updatedOn": "2027-01-15T08:00:00Z",
            "zuoraUser": "api.user@example.com",
        }
    ]


def test_a_tenant_without_jobs(run: Run, still: Sandbox) -> None:
    """It is no error, and nothing stands on stdout; as JSON it is an empty list."""
    said = f"Backfill jobs in tenant 10042 at {still.base_url}: 0.\n"

    assert run("jobs", **still.environment()) == Done(0, "", said)
    assert run("jobs", "--json", **still.environment()) == Done(0, "[]\n", "")


def test_jobs_on_a_terminal(zuora: Sandbox) -> None:
    """A narrow terminal shows the columns that fit, and every id whole; statuses have colours."""
    job = zuora.add_job(status="FAILED")
    with Terminal(["jobs"], zuora.environment(), columns=80) as terminal:
        assert terminal.end() == 0
        lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in terminal.text.splitlines()]
        assert lines[1:] == [
            "JOB ID                            TYPE            STATUS  PROGRESS  FAILED",
            f"{job.id}  RatePlanCharge  FAILED  0.00%     0",
        ]
        assert "\x1b[31mFAILED\x1b[0m" in terminal.text


def test_show_tells_all_that_zuora_tells(run: Run, still: Sandbox) -> None:
    """A line for each fact, and for a failed job where to look."""
    job = still.add_job(status="FAILED", age_s=3600)
    done = run("show", job.id, **still.environment())

    assert done == Done(
        0,
        f"Job id          {job.id}\n"
        "Type            RatePlanCharge\n"
        "Status          FAILED\n"
        "Progress        0.00%\n"
        "Batches         0 finished of 0 sent\n"
        "Failed records  0\n"
        "Created         2027-01-15T07:00:00Z\n"
        "Changed         2027-01-15T08:00:00Z\n"
        "User            api.user@example.com\n"
        f"Where           tenant 10042 at {still.base_url}\n",
        "Zuora gives no reason over the API. Look in Revenue → Data Backfill → Backfill Logs.\n",
    )
    assert json.loads(run("show", job.id, "--json").out)["status"] == "FAILED"


@pytest.mark.parametrize(
    ("status", "errors", "more", "code"),
    [
        ("COMPLETED", 0, [], 0),
        ("COMPLETED", 3, [], 4),
        ("COMPLETED", 3, ["--max-errors", "3"], 0),
        ("COMPLETED", 3, ["--max-errors", "2"], 4),
        ("FAILED", 0, [], 4),
        ("STOPPED", 0, [], 4),
        ("ACCEPTED", 0, [], 9),
        ("PROCESSING", 0, [], 9),
        ("PAUSED", 0, [], 1),
    ],
)
def test_the_exit_status_of_a_job(
    run: Run, zuora: Sandbox, status: str, errors: int, more: list[str], code: int
) -> None:
    """With `--exit-status` the code is the job's; without it, a job that was shown is a success."""
    job = zuora.add_job(status=status, error_count=errors)

    assert run("show", job.id, "--exit-status", *more, **zuora.environment()).code == code
    assert run("show", job.id).code == 0


def test_a_number_of_failed_records_that_nobody_can_read_is_no_success() -> None:
    """One that Zuora does not tell is one, as for a `BackfillCompletion`."""
    untold = Job(id="a", status="COMPLETED")
    unreadable = Job(id="a", status="COMPLETED", unreadable_error_count='"many"')

    assert outcome_of(untold, 0) is ExitCode.OK
    assert outcome_of(unreadable, 2**31) is ExitCode.JOB
    assert worst_of([ExitCode.OK, ExitCode.RUNNING, ExitCode.ERROR]) is ExitCode.ERROR
    assert worst_of([ExitCode.ERROR, ExitCode.JOB]) is ExitCode.JOB
    assert worst_of([]) is ExitCode.OK


@pytest.mark.parametrize("command", ["show", "watch", "stop"])
@pytest.mark.parametrize(
    "text", ["", "abc", "../../accounts/0123456789012345678901", "\x1b[31mred"]
)
def test_an_id_is_checked_before_anything_is_sent(
    run: Run, zuora: Sandbox, command: str, text: str
) -> None:
    """What is no job id is a usage error, whatever it is, and shown without control characters."""
    done = run(command, *[zuora.add_job().id] * (command == "watch"), text, **zuora.environment())

    assert (done.code, done.out) == (2, "")
    assert "is not a job id: a job id has 32 characters." in done.err
    assert "\x1b" not in done.err
    assert zuora.requests == []


def test_a_job_that_zuora_does_not_know(run: Run, zuora: Sandbox) -> None:
    """The text says so, and where else it may be."""
    done = run("show", UNKNOWN_ID, **zuora.environment())

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"Error: Zuora refused to read job {UNKNOWN_ID} (HTTP 404, ")
    assert done.err.endswith(
        "\nA job is only seen from its own entity: check the id, ZUORA_ENTITY_IDS and "
        "ZUORA_ORG_IDS.\n"
    )


def test_settings_that_are_missing(run: Run) -> None:
    """The text names them all, and says that only the environment was read."""
    done = run("jobs")

    assert (done.code, done.out) == (2, "")
    assert re.findall(r"(\w+) is missing", done.err) == [
        "ZUORA_BASE_URL",
        "ZUORA_CLIENT_ID",
        "ZUORA_CLIENT_SECRET",
    ]
    assert done.err.endswith(
        "Without --stack, only the environment is read. `--stack NAME` reads the configuration of "
        "a stack too.\n"
    )


def test_credentials_that_zuora_refuses(run: Run, zuora: Sandbox) -> None:
    """They have an exit code of their own, and are never shown."""
    settings = zuora.environment() | {"ZUORA_CLIENT_SECRET": "not-the-secret"}
    done = run("jobs", **settings)

    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("Error: Zuora refused the client credentials (HTTP 401: ")
    assert "not-the-secret" not in done.err


def test_a_tenant_that_is_not_the_configured_one(run: Run, zuora: Sandbox) -> None:
    """Nothing but a token is asked for."""
    done = run("jobs", ZUORA_TENANT_ID="7", **zuora.environment())

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "Error: The credentials belong to tenant 10042, but tenant 7 is configured.\n"
    )
    assert [request.operation for request in zuora.requests] == [Operation.TOKEN]


def test_what_is_tried_again_is_said(run: Run, zuora: Sandbox) -> None:
    """A fault that passes is told on stderr, and the result is the same."""
    zuora.plan(Fault.RATE_LIMITED_429, on=Operation.LIST, retry_after_s=0)
    done = run("jobs", "--json", **zuora.environment())

    assert (done.code, done.out) == (0, "[]\n")
    assert re.fullmatch(
        r"Zuora could not list the backfill jobs \(HTTP 429.*\) .* Trying again in \d+ s\.\n",
        done.err,
    )


def test_a_zuora_that_is_not_there(run: Run, zuora: Sandbox) -> None:
    """The error is the package's own text."""
    zuora.stop()
    done = run("jobs", ZUORA_CALL_TIMEOUT="1s", **zuora.environment())

    assert (done.code, done.out) == (1, "")
    assert f"Error: Could not list the backfill jobs: {zuora.base_url}" in done.err.replace(
        "get a token", "list the backfill jobs"
    )


def test_a_fault_of_ours_is_one_line() -> None:
    """It names the place, and shows no value: that could be a secret."""
    try:
        {}["a secret"]
    except KeyError as error:
        text, code = explain(error)

    assert code == ExitCode.INTERNAL
    assert re.fullmatch(
        r"Error: this is a fault of zuora-backfill, please report it: KeyError in "
        r"test_cli\.py, line \d+\.",
        text,
    )


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither click nor Rich comes along with the package itself."""
    monkeypatch.setitem(sys.modules, "rich", None)

    assert __main__.main() == 2
    assert capsys.readouterr() == (
        "",
        "zuora-backfill needs click and Rich: pip install 'pulumi-zuora-backfill[cli]'\n",
    )


def test_help_loads_neither_pulumi_nor_http() -> None:
    """Help, version and completion answer at once; a command without arguments shows its help."""
    code = (
        "import sys; from pulumi_zuora_backfill.__main__ import main\n"
        "sys.argv[1:] = ['--help']; print(main())\n"
        "print(sorted({'pulumi', 'requests', 'rich'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.startswith("Usage: zuora-backfill [OPTIONS] COMMAND [ARGS]...\n")
    assert told.stdout.endswith("\n0\n[]\n")


def test_the_module_and_the_script_are_the_same() -> None:
    """`python -m pulumi_zuora_backfill` is `zuora-backfill`, and calls itself so."""
    script = Path(sys.executable).parent / "zuora-backfill"
    for command in ([str(script)], [*COMMAND]):
        told = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, check=True
        ).stdout
        assert told == f"zuora-backfill, version {__version__}\n"


def test_completion_knows_the_commands(run: Run) -> None:
    """Each shell's script asks the command itself, which answers without any settings."""
    for shell in ("bash", "zsh", "fish"):
        if shell != "bash" or os.path.exists("/bin/bash"):
            assert "_ZUORA_BACKFILL_COMPLETE=" in run("gen-completion", shell).out
    asks = {
        "_ZUORA_BACKFILL_COMPLETE": "bash_complete",
        "COMP_WORDS": "zuora-backfill s",
        "COMP_CWORD": "1",
    }
    assert piped([], asks).stdout.split() == ["plain,sandbox", "plain,show", "plain,stop"]


def test_a_reader_that_has_gone_is_no_traceback(zuora: Sandbox) -> None:
    """`jobs | head` ends quietly."""
    zuora.add_job()
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*COMMAND, "jobs"],
        env=environment(zuora.environment()),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 1
    assert said == f"Backfill jobs in tenant 10042 at {zuora.base_url}: 1.\n"


def test_no_control_code_leaves_a_pipe(run: Run, zuora: Sandbox) -> None:
    """`FORCE_COLOR`, which many CI files set, fills no log with control codes."""
    job = zuora.add_job(status="FAILED")
    for arguments in (["jobs"], ["show", job.id], ["doctor"]):
        done = run(*arguments, FORCE_COLOR="1", **zuora.environment())
        assert "\x1b" not in done.out + done.err


def test_the_sandbox_command_serves_a_local_zuora(run: Run) -> None:
    """It prints the environment that leads there, and ends well with Ctrl-C."""
    process = subprocess.Popen(
        [*COMMAND, "sandbox", "--job-duration", "1h"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    settings = dict(re.findall(r"^export (\w+)='?(.*?)'?$", "".join(lines), re.MULTILINE))
    try:
        assert run("jobs", "--json", **settings) == Done(0, "[]\n", "")
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        process.stdout.close()


def test_the_sandbox_command_says_what_it_needs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra `testing` there is no sandbox."""
    monkeypatch.setitem(sys.modules, "pulumi_zuora_backfill.testing.sandbox.__main__", None)

    assert run("sandbox") == Done(
        2,
        "",
        "The sandbox needs Werkzeug: pip install 'pulumi-zuora-backfill[cli,testing]'\n",
    )


PULUMI = """#!{python}
import json, sys
with open({calls!r}, "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
config = json.load(open({config!r}))
if sys.argv[4] == "gone" or "nope" in sys.argv:
    sys.exit("error: no stack named 'nope' found")
if sys.argv[2] == "get":
    print(config[sys.argv[3]]["secretValue"])
else:
    for entry in config.values():
        entry.pop("secretValue", None)
    print(json.dumps(config))
"""


@pytest.fixture
def calls(tmp_path: Path, zuora: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `pulumi` on the PATH that knows one stack, and writes down how it was called."""
    config, calls = tmp_path / "config.json", tmp_path / "calls"
    config.write_text(
        json.dumps(
            {
                "db:password": {"secret": True, "secretValue": "not ours"},
                "zuora:baseUrl": {"value": zuora.base_url, "secret": False},
                "zuora:clientId": {"secret": True, "secretValue": zuora.client_id},
                "zuora:clientSecret": {"secret": True, "secretValue": zuora.client_secret},
            }
        )
    )
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(PULUMI.format(python=sys.executable, calls=str(calls), config=str(config)))
    pulumi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return calls


def test_a_stack_supplies_what_the_environment_does_not(run: Run, calls: Path) -> None:
    """The configuration is read by the `pulumi` CLI; only our own secrets are decrypted."""
    done = run("jobs", "--json", "--stack", "prod")

    assert done == Done(0, "[]\n", "")
    assert calls.read_text().splitlines() == [
        "config --json --stack prod --non-interactive --color never",
        "config get zuora:clientId --stack prod --non-interactive --color never",
        "config get zuora:clientSecret --stack prod --non-interactive --color never",
    ]


def test_the_environment_wins_over_the_stack(run: Run, calls: Path, zuora: Sandbox) -> None:
    """With the credentials in the environment no secret is decrypted."""
    done = run("doctor", "-s", "prod", "--json", **zuora.environment())

    assert done.code == 0
    found = {check["name"]: check["source"] for check in json.loads(done.out)["checks"]}
    assert found["clientSecret"] == "ZUORA_CLIENT_SECRET"
    assert len(calls.read_text().splitlines()) == 1


def test_a_stack_that_contradicts_the_environment(run: Run, calls: Path) -> None:
    """Two addresses are an error, as in a preview."""
    done = run("jobs", "--stack", "prod", ZUORA_BASE_URL="https://rest.zuora.com")

    assert (done.code, done.out) == (2, "")
    assert "ZUORA_BASE_URL is 'https://rest.zuora.com' but zuora:baseUrl is" in done.err
    assert "Without --stack" not in done.err


def test_a_stack_that_is_not_there(run: Run, calls: Path) -> None:
    """What the CLI said is passed on, on one line."""
    assert run("jobs", "--stack", "nope") == Done(
        2,
        "",
        "Error: The stack's configuration could not be read: error: no stack named 'nope' found\n"
        "Nothing was sent to Zuora. Run the command where `pulumi preview` works.\n",
    )


def test_a_stack_without_the_cli(run: Run, tmp_path: Path) -> None:
    """`--stack` says that it needs the CLI, and what else to do."""
    done = run("jobs", "--stack", "prod", PATH=str(tmp_path))

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: --stack needs the pulumi CLI, and there is none on the PATH")


@pytest.mark.real_engine
def test_a_stack_of_the_real_cli(run: Run, zuora: Sandbox, tmp_path: Path) -> None:
    """The CLI's own words are understood: plain values, lists, and secrets of ours."""
    cli = pulumi_cli()
    assert cli is not None
    settings = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PATH": f"{Path(str(cli)).parent}{os.pathsep}{os.environ['PATH']}",
    }
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    for arguments in (
        ["stack", "init", "dev"],
        ["config", "set", "zuora:baseUrl", zuora.base_url],
        ["config", "set", "zuora:clientId", zuora.client_id],
        ["config", "set", "--secret", "zuora:clientSecret", zuora.client_secret],
        ["config", "set", "--secret", "db:password", "not ours"],
    ):
        subprocess.run(
            ["pulumi", *arguments],
            cwd=tmp_path,
            env=os.environ | settings,
            check=True,
            capture_output=True,
        )
    done = piped(["jobs", "--json", "--stack", "dev"], settings, cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_lines_fit_a_width_column_by_column() -> None:
    """Columns are left out from the right; the first one always stays."""
    rows = [("ID", "TYPE"), ("a", "long")]

    assert aligned(rows) == ["ID  TYPE", "a   long"]
    assert aligned(rows, 8) == ["ID  TYPE", "a   long"]
    assert aligned(rows, 7) == ["ID", "a"]
    assert aligned(rows, 1) == ["ID", "a"]


def test_what_zuora_does_not_tell_is_no_number() -> None:
    """A job without dates comes last; one without a progress has no percentage."""
    bare = Job(id="a", status="PROCESSING", progress="soon")

    assert newest_first([bare]) == [bare]
    assert percent_of(bare) is None
    assert percent_of(Job(id="a", status="PROCESSING", progress="45.50%")) == 45.5
    assert short_state_of(Job(id="a", status="COMPLETED", error_count=3)) == "COMPLETED, 3 failed"
