"""Waiting, against the sandbox, with a clock that does not really wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from pulumi_zuora_backfill.completion.declared import timeout_of
from pulumi_zuora_backfill.completion.polling import Wait, progress_line, wait_for
from pulumi_zuora_backfill.completion.waiting import await_jobs, read_completion
from pulumi_zuora_backfill.connection import Voice, Zuora
from pulumi_zuora_backfill.contract.submission import Submission
from pulumi_zuora_backfill.errors import (
    InterruptedWaitError,
    JobFailedError,
    JobTimedOutError,
    UnknownJobStatusError,
    WrongTenantError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.zuora.models import Job, Scope, iso

from .parts import Connection, connect

HOUR_S = 3600.0


@pytest.fixture
def zuora() -> Iterator[Sandbox]:
    """Start a local Zuora whose jobs take ten minutes."""
    with Sandbox(job_duration_s=600) as sandbox:
        yield sandbox


def wait(*job_ids: str, timeout_s: float = 2 * HOUR_S, max_errors: int = 0) -> Wait:
    """Return a wait for these jobs."""
    return Wait(
        job_ids=job_ids,
        scope=Scope(),
        timeout_s=timeout_s,
        timeout_from="timeout",
        max_errors=max_errors,
        tenant_id="10042",
    )


def run(connection: Connection, wanted: Wait) -> tuple[Job, ...]:
    """Wait."""
    return wait_for(connection.client, wanted, connection.time.clock, connection.said.append)


def failing(
    connection: Connection, wanted: Wait, kind: type[ZuoraBackfillError]
) -> ZuoraBackfillError:
    """Wait in vain."""
    with pytest.raises(kind) as caught:
        run(connection, wanted)
    return caught.value


def test_the_pauses_grow_from_one_second_to_thirty(zuora: Sandbox) -> None:
    """A short job is seen soon, a long one not asked about too often; each look writes a line."""
    connection = connect(zuora)
    job = zuora.add_job()
    (done,) = run(connection, wait(job.id))

    assert (done.id, done.status, done.progress) == (job.id, "COMPLETED", "100.00%")
    pauses = connection.time.sleeps
    assert pauses[0] == 1.0
    assert pauses == sorted(pauses)
    assert max(pauses) == 30.0
    assert zuora.count(Operation.GET) == len(connection.said) == len(pauses) + 1
    assert connection.said[0] == "RatePlanCharge ACCEPTED 0.00%, 0 of 0 batches, 0 errors, 0 s"
    assert "RatePlanCharge PROCESSING 40.00%, 4 of 5 batches, 0 errors, " in "\n".join(
        connection.said
    )


def test_several_jobs_are_one_loop_and_an_ended_one_is_not_asked_about_again(
    zuora: Sandbox,
) -> None:
    """The jobs come back in the order in which they were named; who is done costs nothing more."""
    connection = connect(zuora)
    done = zuora.add_job(status="COMPLETED")
    running = zuora.add_job(type="OrderLineItem")
    jobs = run(connection, wait(running.id, done.id))

    assert [job.id for job in jobs] == [running.id, done.id]
    asked = [
        request.path.rsplit("/", 1)[1]
        for request in zuora.requests
        if request.operation is Operation.GET
    ]
    assert asked.count(done.id) == 1
    assert (
        connection.said[0]
        == "1 of 2 jobs completed; OrderLineItem ACCEPTED 0.00%, 0 of 0 batches, 0 errors, 0 s"
    )


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (
            "FAILED",
            "FAILED. Zuora gives no reason over the API.\n"
            "3 of 3 batches had finished; what a live run has changed stays changed.",
            "Tell them: job",
        ),
        (
            "STOPPED",
            "was STOPPED by api.user@example.com.\n3 of 3 batches had finished",
            "To run the backfill again, change `triggers`",
        ),
    ],
)
def test_a_job_that_did_not_complete_fails_the_wait(
    zuora: Sandbox, status: str, message: str, hint: str
) -> None:
    """The line names the job, how far it came, what Zuora does not tell, and the next step."""
    connection = connect(zuora)
    job = zuora.add_job()
    zuora.finish(job.id, status, batches_finished=3)
    error = failing(connection, wait(job.id), JobFailedError)

    assert message in error.message
    assert job.id in error.message
    assert hint in error.hint


def test_a_status_that_nobody_documented_is_an_error_that_shows_it(zuora: Sandbox) -> None:
    """What is not understood is not waited for."""
    connection = connect(zuora)
    job = zuora.add_job()
    zuora.set_status(job.id, "PAUSED")

    assert failing(connection, wait(job.id), UnknownJobStatusError).message == (
        f"Job {job.id} has the status 'PAUSED', which this version does not know."
    )


def test_too_many_failed_records_fail_the_wait_and_the_line_says_how_many_would_pass(
    zuora: Sandbox,
) -> None:
    """The errors of all jobs count together; the line that accepts them is given, and works."""
    connection = connect(zuora)
    jobs = [zuora.add_job().id, zuora.add_job().id]
    for job_id, errors in zip(jobs, (2, 3), strict=True):
        zuora.finish(job_id, error_count=errors)
    error = failing(connection, wait(*jobs, max_errors=4), JobFailedError)

    assert (
        f"5 records failed (2 in job {jobs[0]}, 3 in job {jobs[1]}). max_errors is 4."
        in error.message
    )
    assert error.hint.endswith("max_errors=5")
    assert [job.error_count for job in run(connection, wait(*jobs, max_errors=5))] == [2, 3]


def test_a_count_that_zuora_does_not_tell_is_not_known_and_lets_the_wait_pass(
    zuora: Sandbox,
) -> None:
    """Whether dry runs report one is not documented: it is no failure, and no zero either."""
    connection = connect(zuora)
    zuora.behaviours.dry_run_error_count = False
    job = zuora.add_job(dry_run=True)
    told = zuora.add_job(status="COMPLETED")
    done = run(connection, wait(job.id, told.id))

    assert [(job.status, job.error_count) for job in done] == [
        ("COMPLETED", None),
        ("COMPLETED", 0),
    ]
    assert (
        connection.said[0]
        == "1 of 2 jobs completed; RatePlanCharge ACCEPTED 0.00%, 0 of 0 batches, 0 s"
    )


def test_a_count_that_cannot_be_read_fails_the_wait_and_the_line_says_what_goes_on(
    zuora: Sandbox,
) -> None:
    """It passes no limit but the one that accepts any number; the line that is given works."""
    connection = connect(zuora)
    jobs = [zuora.add_job(status="COMPLETED") for _ in range(2)]
    cast("Any", jobs[1]).error_count = "many"
    wanted = [job.id for job in jobs]
    error = failing(connection, wait(*wanted, max_errors=2**31 - 1), JobFailedError)

    assert str(error) == (
        "The jobs have completed, but the number of failed records cannot be read: Zuora says "
        "errorCount "
        f'"many" for job {wanted[1]}. max_errors is 2147483647.\nLook in Revenue → Data Backfill → '
        "Backfill Logs. To accept any number, set\n  max_errors=2147483648"
    )
    assert [job.error_count for job in run(connection, wait(*wanted, max_errors=2147483648))] == [
        0,
        None,
    ]


def test_a_job_that_had_completed_stays_so_when_zuora_does_not_know_it_any_more(
    zuora: Sandbox,
) -> None:
    """It is asked about once, and its failed records count; one that Zuora knows is judged anew."""
    connection = connect(zuora)
    purged, known, running = (
        zuora.add_job(),
        zuora.add_job(status="COMPLETED", error_count=1),
        zuora.add_job(),
    )
    before = {
        job.id: Job(
            id=job.id, status="COMPLETED", type="RatePlanCharge", progress="100.00%", error_count=2
        )
        for job in (purged, known)
    }
    zuora.forget_job(purged.id)
    wanted = replace(wait(purged.id, known.id, running.id, max_errors=3), completed=before)

    assert [(job.id, job.error_count) for job in run(connection, wanted)] == [
        (purged.id, 2),
        (known.id, 1),
        (running.id, 0),
    ]
    asked = [
        request.path.rsplit("/", 1)[1]
        for request in zuora.requests
        if request.operation is Operation.GET
    ]
    assert (asked.count(purged.id), asked.count(known.id)) == (1, 1)
    assert (
        "3 records failed"
        in failing(connection, replace(wanted, max_errors=2), JobFailedError).message
    )


def test_the_timeout_says_that_nothing_is_lost(zuora: Sandbox) -> None:
    """The job runs on, and the line says so."""
    connection = connect(zuora)
    job = zuora.add_job()
    error = failing(connection, wait(job.id, timeout_s=90), JobTimedOutError)

    assert error.message == (
        f"After 2 min (timeout), job {job.id} (PROCESSING 10.00%) still runs. Zuora continues."
    )
    assert error.hint == (
        "Run `pulumi up` again: it goes on waiting, and starts no second job. To wait longer at a "
        "time, raise timeout."
    )
    assert connection.time.time_s == 90
    assert zuora.jobs[0].status == "PROCESSING"


def test_a_wait_ends_in_time_also_where_zuora_asks_for_more(zuora: Sandbox) -> None:
    """A call may take five minutes, but not if the wait has less; the line names the limit."""
    connection = connect(zuora)
    zuora.plan(Fault.RATE_LIMITED_429, on=Operation.GET, retry_after_s=250)
    wanted = replace(wait(zuora.add_job().id, timeout_s=30), timeout_from="zuora:waitTimeout")
    error = failing(connection, wanted, JobTimedOutError)

    assert error.message.startswith("After 30 s (zuora:waitTimeout), job ")
    assert error.hint.endswith("To wait longer at a time, raise zuora:waitTimeout.")
    assert connection.time.time_s == 30
    assert zuora.count(Operation.GET) == 1


def test_an_unknown_job_fails_at_once(zuora: Sandbox) -> None:
    """A wrong id is not waited for."""
    connection = connect(zuora)

    assert "Zuora does not know job" in failing(connection, wait("0" * 32), JobFailedError).message
    assert connection.time.sleeps == []


def test_a_cancelled_wait_says_that_the_job_runs_on(zuora: Sandbox) -> None:
    """A sleep that is interrupted ends the wait with a word on the job."""
    connection = connect(zuora)
    job = zuora.add_job()

    def interrupted(_seconds: float) -> None:
        raise InterruptedWaitError("The run was cancelled.")

    with pytest.raises(
        InterruptedWaitError,
        match=rf"^The wait was cancelled; job {job.id} \(ACCEPTED 0\.00%\) still runs\.",
    ):
        wait_for(
            connection.client,
            wait(job.id),
            replace(connection.time.clock, sleep=interrupted),
            connection.said.append,
        )


def test_three_hours_with_every_kind_of_trouble_cost_few_requests() -> None:
    """Expired tokens, gateways, a rate limit, dropped connections: less than 500 requests."""
    with Sandbox(job_duration_s=3 * HOUR_S) as zuora:
        connection = connect(zuora)
        job = zuora.add_job()
        zuora.plan(Fault.HTML_502, on=Operation.GET, times=2, after=20)
        zuora.plan(Fault.RATE_LIMITED_429, on=Operation.GET, after=10, retry_after_s=120)
        for _ in range(60):
            zuora.plan(Fault.CONNECTION_DROPPED_BEFORE, on=Operation.GET, after=4)
        (done,) = run(connection, wait(job.id, timeout_s=4 * HOUR_S))

        assert done.status == "COMPLETED"
        assert 3 <= zuora.count(Operation.TOKEN) <= 5
        assert len(zuora.requests) < 500


def test_while_zuora_asks_to_wait_longer_than_a_call_may_take_the_wait_goes_on() -> None:
    """No request is sent in that time, and the wait does not fail for it."""
    with Sandbox(job_duration_s=600) as zuora:
        connection = connect(zuora, call_timeout_s=60)
        job = zuora.add_job()
        zuora.plan(Fault.RATE_LIMITED_429, on=Operation.GET, retry_after_s=300)
        (done,) = run(connection, wait(job.id))

        assert done.status == "COMPLETED"
        first, second = [
            request.at for request in zuora.requests if request.operation is Operation.GET
        ][:2]
        assert second - first >= 300


def test_the_line_speaks_of_the_job_that_is_furthest_behind() -> None:
    """Who waits wants to know about the slowest."""
    ahead = Job(
        id="a" * 32,
        status="PROCESSING",
        type="OrderLineItem",
        progress="90.00%",
        batch_finished_count=9,
        batch_sent_count=10,
        error_count=1,
    )
    behind = Job(
        id="b" * 32,
        status="PROCESSING",
        type="RatePlanCharge",
        progress="45.00%",
        batch_finished_count=3,
        batch_sent_count=10,
        error_count=0,
    )

    assert (
        progress_line([ahead, behind], 2, 720)
        == "0 of 2 jobs completed; RatePlanCharge PROCESSING 45.00%, 3 of 10 batches, 1 errors, "
        "12 min"
    )


# The lifecycle around the wait


class Heard:
    """What a completion says to the user."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.warnings: list[str] = []
        self.voice = Voice(status=lambda _: None, info=lambda _: None, warn=self.warnings.append)


def at(connection: Connection) -> Zuora:
    """Return the connection as a lifecycle is given it."""
    clock = connection.time.clock
    return Zuora(
        base_url=connection.client.base_url,
        client=connection.client,
        clock=clock,
        submission=Submission(connection.client, clock),
    )


def await_them(connection: Connection, heard: Heard, *job_ids: str, **inputs: Any) -> Any:
    """Create a completion."""
    given = {"jobIds": list(job_ids), "timeout": "2h", "maxErrors": 0, **inputs}
    return await_jobs(
        at(connection), Settings(), connection.time.clock, given, "create", heard.voice
    )


def test_the_outputs_are_what_proves_the_jobs(zuora: Sandbox) -> None:
    """Job, status, batches, failed records and when it was created: a live job goes by them."""
    connection, heard = connect(zuora), Heard()
    job = zuora.add_job(age_s=60)
    zuora.finish(job.id, error_count=2)
    outputs = await_them(connection, heard, job.id, maxErrors=2)

    assert outputs == {
        "jobIds": [job.id],
        "timeout": "2h",
        "maxErrors": 2,
        "baseUrl": zuora.base_url,
        "tenantId": "10042",
        "jobs": [
            {
                "jobId": job.id,
                "type": "RatePlanCharge",
                "status": "COMPLETED",
                "progress": "100.00%",
                "createdOn": iso(job.created_on),
                "batchSentCount": 10,
                "batchFinishedCount": 10,
                "errorCount": 2,
            }
        ],
        "errorCount": 2,
    }
    assert heard.warnings == [
        "2 records failed; max_errors=2 accepts that. Look in Revenue → Data Backfill → Backfill "
        "Logs."
    ]


def test_a_number_that_zuora_does_not_tell_is_no_output(zuora: Sandbox) -> None:
    """It is said that max_errors proves nothing then."""
    zuora.behaviours.dry_run_error_count = False
    connection, heard = connect(zuora), Heard()
    job = zuora.add_job(dry_run=True, status="COMPLETED")
    outputs = await_them(connection, heard, job.id)

    assert "errorCount" not in outputs
    assert "errorCount" not in outputs["jobs"][0]
    assert heard.warnings == [
        f"How many records failed is not known: Zuora tells no number for job {job.id}.\n"
        "max_errors could not be checked there. Look in Revenue → Data Backfill → Backfill Logs."
    ]


def test_a_refresh_looks_once_and_keeps_a_job_that_zuora_has_purged(zuora: Sandbox) -> None:
    """Status and counts stay as they were in state."""
    connection, heard = connect(zuora), Heard()
    jobs = [zuora.add_job(status="COMPLETED") for _ in range(2)]
    outputs = await_them(connection, heard, *(job.id for job in jobs))
    zuora.forget_job(jobs[0].id)
    zuora.forget_requests()
    seen = read_completion(at(connection), Settings(), outputs, heard.voice)

    assert seen == outputs
    assert zuora.count(Operation.GET) == 2
    assert heard.warnings == [
        f"Zuora no longer knows job {jobs[0].id}. State keeps it as COMPLETED."
    ]


@pytest.mark.parametrize("settings", [Settings(tenant_id="7"), Settings(entity_id="e-9")])
def test_a_refresh_elsewhere_asks_about_no_job(zuora: Sandbox, settings: Settings) -> None:
    """Another tenant or entity than state has is refused."""
    connection, heard = connect(zuora), Heard()
    job = zuora.add_job(status="COMPLETED")
    outputs = await_them(connection, heard, job.id)
    zuora.forget_requests()
    with pytest.raises(WrongTenantError, match=f"^Nothing was sent: job {job.id} in state belongs"):
        read_completion(at(connection), settings, outputs, heard.voice)

    assert zuora.requests == []


@pytest.mark.parametrize(
    ("custom", "cap_s", "expected"),
    [
        (None, None, (7200.0, "timeout")),
        ({"create": "3h"}, None, (10800.0, "custom_timeouts.create")),
        ({"update": "3h"}, None, (7200.0, "timeout")),
        ({"create": "3h"}, 600.0, (600.0, "ZUORA_WAIT_TIMEOUT")),
        (None, 9000.0, (7200.0, "timeout")),
    ],
)
def test_custom_timeouts_beat_the_timeout_and_the_cap_of_the_run_beats_both(
    custom: dict[str, str] | None, cap_s: float | None, expected: tuple[float, str]
) -> None:
    """And the text names the setting that counts."""
    settings = Settings(wait_timeout_s=cap_s, sources={"wait_timeout": "ZUORA_WAIT_TIMEOUT"})
    inputs = {"timeout": "2h", "customTimeouts": custom}

    assert timeout_of(inputs, settings, "create") == expected
