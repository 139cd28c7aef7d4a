"""`stop`: it asks first, never without a terminal, and says what became of the job."""

from __future__ import annotations

import re

import pytest

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .commands import Terminal
from .test_cli import Done, Run, run

__all__ = ["run"]  # pytest finds fixtures by name


def test_without_a_terminal_it_refuses(run: Run, zuora: Sandbox) -> None:
    """Nobody can be asked, so nothing at all is sent."""
    job = zuora.add_job()

    assert run("stop", job.id, **zuora.environment()) == Done(
        2,
        "",
        "Nothing was sent: stop asks first, and there is no terminal to ask on.\n"
        "To stop the job without a question, add --yes.\n",
    )
    assert zuora.requests == []


def test_yes_stops_without_a_question(run: Run, zuora: Sandbox) -> None:
    """The job is asked to stop once, and its end is waited for."""
    job = zuora.add_job(status="PROCESSING")
    zuora.behaviours.stop_takes_s = 0.5

    assert run("stop", job.id, "--yes", **zuora.environment()) == Done(
        0,
        "",
        f"Job {job.id} has ended: STOPPED 0.00%, 0 of 0 batches, 0 failed records. "
        "What a live job has changed stays changed.\n",
    )
    assert (job.status, zuora.count(Operation.STOP)) == ("STOPPED", 1)


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "STOPPED"])
def test_a_job_that_has_ended(run: Run, zuora: Sandbox, status: str) -> None:
    """There is nothing to stop, nothing to ask, and that is no failure."""
    job = zuora.add_job(status=status)
    done = run("stop", job.id, "--yes", **zuora.environment())

    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"Job {job.id} has ended already: {status} ")
    assert done.err.endswith(". There was nothing to stop.\n")
    assert zuora.count(Operation.STOP) == 0


def test_a_job_that_ends_while_it_is_stopped(run: Run, zuora: Sandbox) -> None:
    """Zuora refuses to stop it, and that is no failure either."""
    job = zuora.add_job()

    def finish(request: object) -> None:
        if zuora.count(Operation.STOP):
            zuora.on_request = None
            zuora.finish(job.id)

    zuora.on_request = finish
    done = run("stop", job.id, "--yes", **zuora.environment())

    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"Job {job.id} has ended: COMPLETED 100.00%")
    assert zuora.count(Operation.STOP) == 1


def test_a_job_that_zuora_will_not_stop(run: Run, zuora: Sandbox) -> None:
    """Zuora's own words are passed on."""
    job = zuora.add_job()
    zuora.plan(Fault.UNSAVED_FAILURE, on=Operation.STOP, code="58730030", message="Not now.")
    done = run("stop", job.id, "--yes", **zuora.environment())

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"Error: Zuora refused to stop job {job.id} (")
    assert "Not now." in done.err


def test_a_job_that_does_not_stop_in_time(run: Run, zuora: Sandbox) -> None:
    """The code is that of a timeout, and the text says how to look again."""
    job = zuora.add_job(status="PROCESSING")
    zuora.behaviours.stop_takes_s = 3600

    assert run("stop", job.id, "--yes", "--timeout", "1s", **zuora.environment()) == Done(
        9,
        "",
        f"Job {job.id} was asked to stop, and is still PROCESSING. It may stop later:\n"
        f"  zuora-backfill watch {job.id}\n",
    )


def test_a_yes_on_a_terminal(zuora: Sandbox) -> None:
    """The question says what would be stopped, where, and what that means; a yes stops it."""
    job = zuora.add_job(status="PROCESSING")
    with Terminal(["stop", job.id], zuora.environment(), columns=200) as terminal:
        terminal.read_until("Stop it? [y/N]: ")
        assert zuora.count(Operation.STOP) == 0
        terminal.type("y\r")
        assert terminal.end() == 0
        assert terminal.restored
    assert re.fullmatch(
        rf"RatePlanCharge backfill {job.id} is PROCESSING 0\.00%, 0 of 1 batches, "
        r"0 failed records, created \S+Z by api\.user@example\.com,\n"
        rf"in tenant 10042 at {zuora.base_url}\.\n"
        r"A live job that is stopped is half done: what it has changed stays changed\.\n"
        r"Stop it\? \[y/N\]: y\n"
        rf"Job {job.id} has ended: STOPPED .*\. What a live job has changed stays changed\.\n",
        terminal.text,
    )
    assert job.status == "STOPPED"


@pytest.mark.parametrize(("keys", "code"), [("n\r", 8), ("\r", 8), ("\x03", 130), ("\x04", 130)])
def test_anything_else_on_a_terminal(zuora: Sandbox, keys: str, code: int) -> None:
    """No, nothing, Ctrl-C and the end of input leave the job alone."""
    job = zuora.add_job()
    with Terminal(["stop", job.id], zuora.environment()) as terminal:
        terminal.read_until("Stop it? [y/N]: ")
        terminal.type(keys)
        # Python can miss an interrupt between its prompt and its wait for a key.
        assert terminal.end(again=keys if keys == "\x03" else "") == code
        assert terminal.restored
    assert terminal.text.endswith("\nThe job was not stopped.\n")
    assert zuora.count(Operation.STOP) == 0


def test_ctrl_c_after_the_yes(zuora: Sandbox) -> None:
    """It says that the job may stop all the same, and how to look."""
    job = zuora.add_job()
    zuora.behaviours.stop_takes_s = 3600
    with Terminal(["stop", job.id, "--yes"], zuora.environment()) as terminal:
        while not zuora.count(Operation.STOP):
            assert terminal.process.poll() is None
        terminal.type("\x03")
        assert terminal.end() == 130
    assert terminal.text.endswith(
        "Stopped waiting. The job may have been asked to stop. See what became of it:\n"
        f"  zuora-backfill show {job.id}\n"
    )
