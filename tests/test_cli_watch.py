"""`watch`: what it prints in a pipe and on a terminal, when it ends, and what it leaves behind."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator

import pytest

from pulumi_zuora_backfill.cli.tenant_access import Tenant
from pulumi_zuora_backfill.cli.watch import follow
from pulumi_zuora_backfill.errors import NotFoundError
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.testing.sandbox import RecordedRequest

from .commands import Terminal, piped
from .parts import NOWHERE, Connection, connect
from .test_cli import Run, run

__all__ = ["run"]  # pytest finds fixtures by name
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def halfway() -> Iterator[Sandbox]:
    """Serve a local Zuora in whose jobs half a minute has passed of the minute that they take."""
    with Sandbox(job_duration_s=60) as zuora:
        yield zuora


def on_each_look(zuora: Sandbox, seconds: float) -> None:
    """Let time pass in Zuora after each look at a job."""

    def pass_time(request: RecordedRequest) -> None:
        if request.operation is Operation.GET:
            zuora.clock.advance(seconds)

    zuora.on_answer = pass_time


def tenant_of(connection: Connection) -> Tenant:
    """Return the tenant behind a connection whose clock is pushed."""
    return Tenant(client=connection.client, scope=NOWHERE, clock=connection.time.clock)


def test_only_jobs_that_run_are_looked_at_and_ever_less_often(zuora: Sandbox) -> None:
    """Each round asks for each running job once; the pauses grow from 1 s to 30 s."""
    ended, running = zuora.add_job(status="COMPLETED"), zuora.add_job()
    connection = connect(zuora)
    jobs = follow(tenant_of(connection), [ended.id, running.id], None, print)
    looks = [next(jobs).id for _ in range(20)]
    zuora.finish(running.id)
    rest = [(job.id, job.status) for job in jobs]

    assert looks == [ended.id] + [running.id] * 19
    assert rest == [(running.id, "COMPLETED")]
    assert connection.time.sleeps[:3] == [1.0, 1.3, pytest.approx(1.69)]
    assert max(connection.time.sleeps) == 30.0
    assert zuora.count(Operation.GET) == 21


def test_a_fault_that_passes_does_not_end_the_watch(zuora: Sandbox) -> None:
    """It is said, and the job is looked at again in the next round."""
    job = zuora.add_job(status="COMPLETED")
    zuora.plan(Fault.HTML_502, on=Operation.GET, times=5)
    said: list[str] = []
    seen = list(follow(tenant_of(connect(zuora)), [job.id], None, said.append))

    assert [job.status for job in seen] == ["COMPLETED"]
    assert [text.split(" (")[0] for text in said] == [f"Zuora could not read job {job.id}"]
    assert said[0].endswith(" Still watching.")


def test_a_refusal_ends_the_watch(zuora: Sandbox) -> None:
    """A job that Zuora does not know will not come."""
    with pytest.raises(NotFoundError):
        list(follow(tenant_of(connect(zuora)), ["f" * 32], None, print))


def test_two_jobs_in_a_pipe(run: Run, halfway: Sandbox) -> None:
    """Each change is one line with the time, the job and where it stands; the code is 0."""
    first, second = halfway.add_job(age_s=30), halfway.add_job(type="OrderLineItem", age_s=30)
    on_each_look(halfway, 15)
    done = run("watch", first.id, second.id, first.id, **halfway.environment())

    assert re.sub(TIME, "TIME", done.out).splitlines() == [
        f"TIME {first.id} RatePlanCharge PROCESSING 50.00%, 5 of 6 batches, 0 failed records",
        f"TIME {second.id} OrderLineItem PROCESSING 70.00%, 7 of 8 batches, 0 failed records",
        f"TIME {first.id} RatePlanCharge COMPLETED 100.00%, 10 of 10 batches, 0 failed records",
        f"TIME {second.id} OrderLineItem COMPLETED 100.00%, 10 of 10 batches, 0 failed records",
    ]
    assert (done.code, done.err) == (0, "")


def test_changes_as_json(run: Run, halfway: Sandbox) -> None:
    """`--json` prints a JSON object on one line for each change, and for nothing else."""
    job = halfway.add_job(age_s=30)
    halfway.on_answer = lambda _: None if halfway.count(Operation.GET) < 2 else finish()

    def finish() -> None:
        halfway.finish(job.id, error_count=2)

    done = run("watch", job.id, "--json", "--max-errors", "2", **halfway.environment())
    changes = [json.loads(line) for line in done.out.splitlines()]

    assert [(change["jobId"], change["status"]) for change in changes] == [
        (job.id, "PROCESSING"),
        (job.id, "COMPLETED"),
    ]
    assert (done.code, done.err, changes[-1]["errorCount"]) == (0, "", 2)


@pytest.mark.parametrize(
    ("status", "errors", "code", "said"),
    [
        ("FAILED", 0, 4, "A job did not complete cleanly. What a live job has changed stays"),
        ("STOPPED", 0, 4, "A job did not complete cleanly. What a live job has changed stays"),
        ("COMPLETED", 1, 4, "A job did not complete cleanly. What a live job has changed stays"),
        ("PAUSED", 0, 1, "A job has a status that this version does not know. Look in Revenue"),
    ],
)
def test_the_worst_job_decides(
    run: Run, zuora: Sandbox, status: str, errors: int, code: int, said: str
) -> None:
    """A good job beside it does not help."""
    good = zuora.add_job(status="COMPLETED")
    bad = zuora.add_job(status=status, error_count=errors)
    done = run("watch", bad.id, good.id, **zuora.environment())

    assert (done.code, len(done.out.splitlines())) == (code, 2)
    assert done.err.startswith(said)


@pytest.mark.parametrize("settings", [{}, {"ZUORA_WAIT_TIMEOUT": "1s"}])
def test_the_time_is_over(run: Run, zuora: Sandbox, settings: dict[str, str]) -> None:
    """The code is 9, and the jobs go on. `ZUORA_WAIT_TIMEOUT` counts, too."""
    job = zuora.add_job()
    option = [] if settings else ["--timeout", "1s"]
    done = run("watch", job.id, *option, **settings, **zuora.environment())

    assert done.code == 9
    assert done.err == "After 1 s, not all jobs have ended. They go on in Zuora.\n"
    assert zuora.count(Operation.STOP) == 0


@pytest.mark.parametrize("text", ["soon", "0", "-1s"])
def test_a_timeout_that_is_none(run: Run, text: str) -> None:
    """The text says what a duration looks like."""
    done = run("watch", "f" * 32, f"--timeout={text}")

    assert done.code == 2
    assert "not a duration above zero like 90, 90s, 5m or 1h30m" in done.err


def test_two_jobs_on_a_terminal(zuora: Sandbox) -> None:
    """Each has a bar that moves; at the end the bars stay, and the cursor is back."""
    first, second = zuora.add_job(), zuora.add_job(type="OrderLineItem")
    with Terminal(["watch", first.id, second.id], zuora.environment()) as terminal:
        terminal.read_until("PROCESSING 0.00%")
        zuora.finish(first.id)
        terminal.read_until("COMPLETED 100.00%")
        zuora.finish(second.id, error_count=3)
        assert terminal.end() == 4
        assert terminal.restored
        lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.text))
    last = {job.id: [line for line in lines if line.startswith(job.id)][-1] for job in zuora.jobs}
    assert lines[0] == "Ctrl-C stops watching; the jobs go on in Zuora."
    assert re.fullmatch(rf"{first.id} ━+ COMPLETED 100\.00% *", last[first.id])
    assert re.fullmatch(rf"{second.id} ━+ COMPLETED 100\.00%, 3 failed *", last[second.id])
    assert lines[-2].startswith("A job did not complete cleanly.")


def test_ctrl_c_on_a_terminal(zuora: Sandbox) -> None:
    """It says that the jobs go on and how to watch them again; nothing is sent to stop them."""
    ended, running = zuora.add_job(status="COMPLETED"), zuora.add_job()
    with Terminal(["watch", ended.id, running.id], zuora.environment()) as terminal:
        terminal.read_until("PROCESSING")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert terminal.restored
    assert terminal.text.endswith(
        "Stopped watching. What runs goes on in Zuora. To watch again:\n"
        f"  zuora-backfill watch {running.id}\n"
    )
    assert zuora.count(Operation.STOP) == 0


def test_sigterm_on_a_terminal(zuora: Sandbox) -> None:
    """A terminal gets its cursor back from a command that is ended, too."""
    job = zuora.add_job()
    with Terminal(["watch", job.id], zuora.environment()) as terminal:
        terminal.read_until("PROCESSING")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 143
        assert terminal.restored
        assert "\x1b[?25l" in terminal.text


def test_a_dumb_terminal_gets_lines(zuora: Sandbox) -> None:
    """A terminal that knows no control codes gets what a pipe gets."""
    job = zuora.add_job(status="COMPLETED")
    with Terminal(["watch", job.id], zuora.environment() | {"TERM": "dumb"}) as terminal:
        assert terminal.end() == 0
    assert re.fullmatch(rf"{TIME} {job.id} RatePlanCharge COMPLETED .*\n", terminal.text)


def test_a_pipe_gets_no_control_codes(zuora: Sandbox) -> None:
    """Not even with `FORCE_COLOR`, which many CI files set."""
    job = zuora.add_job(status="COMPLETED")
    done = piped(["watch", job.id], zuora.environment() | {"FORCE_COLOR": "1"})

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"{TIME} {job.id} RatePlanCharge COMPLETED .*\n", done.stdout)
