"""Completions and the gate before a live run, on both engines."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.testing import Operation, Sandbox

from .world import World, assert_clean, interrupt

PROGRAM = """
from pulumi_zuora_backfill import BackfillCompletion, VerifiedBackfill
job = BackfillJob("charges", type="RatePlanCharge", triggers={triggers})
done = BackfillCompletion("charges-done", job_ids=[job.job_id]{arguments})
pulumi.export("jobs", done.jobs)
"""
BATCHES = {"batchSentCount": 10, "batchFinishedCount": 10}
VERIFIED = """
from pulumi_zuora_backfill import VerifiedBackfill
backfill = VerifiedBackfill(
    "charges", type="RatePlanCharge", triggers={triggers}, approval="{approval}"
)
pulumi.export("dryRunJobId", backfill.dry_run_job_id)
pulumi.export("jobId", backfill.job_id)
"""


@pytest.fixture
def zuora() -> Iterator[Sandbox]:
    """Start a local Zuora whose jobs take three seconds."""
    with Sandbox(job_duration_s=3) as sandbox:
        yield sandbox


def write(world: World, triggers: int = 1, arguments: str = "") -> None:
    """Write a program with one job and its completion."""
    world.program(PROGRAM.format(triggers=triggers, arguments=arguments))


def facts(result: Any) -> list[dict[str, Any]]:
    """Return what a completion says of its jobs, but for the time."""
    jobs = [dict(job) for job in result.outputs["jobs"].value]
    assert [job.pop("createdOn", "Z")[-1:] for job in jobs] == ["Z"] * len(jobs)
    return jobs


def test_an_up_waits_with_live_lines_and_then_knows_how_it_went(world: World) -> None:
    """The up ends when the job has completed; on the way it shows how far it is.

    The next up asks nothing.
    """
    write(world)
    text = world.stack.preview().stdout
    assert (
        "Waits until its jobs complete (ids not known yet), at most 2.0 h (timeout), with at most "
        "0 failed records." in text
    )
    assert world.asked() == {}

    result = world.up()
    (job,) = world.zuora.jobs
    assert job.status == "COMPLETED"
    (done,) = result.outputs["jobs"].value
    assert done.pop("createdOn").startswith("20")
    assert done == {
        "jobId": job.id,
        "type": "RatePlanCharge",
        "status": "COMPLETED",
        "progress": "100.00%",
        **BATCHES,
        "errorCount": 0,
    }
    assert (
        len(
            set(
                re.findall(
                    r"RatePlanCharge (?:ACCEPTED|PROCESSING|COMPLETED) [\d.]+%, \d+ of \d+ "
                    r"batches, 0 errors",
                    result.stdout,
                )
            )
        )
        >= 3
    )
    assert world.zuora.count(Operation.TOKEN) == 1
    assert world.up().change_summary == {"same": 3}
    assert world.asked() == {}


def test_a_failed_job_fails_the_deployment_and_the_next_up_looks_again(world: World) -> None:
    """One clean line; the job stays in state, the completion does not.

    Another trigger runs it again.
    """
    world.zuora.on_answer = lambda request: (
        world.zuora.finish(request.job_id, "FAILED")
        if request.job_id and len(world.zuora.jobs) == 1
        else None
    )
    write(world)
    text = world.failing()
    (job,) = world.job_ids()
    assert (
        f"error: Job {job} FAILED. Zuora gives no reason over the API.\n"
        "    0 of 0 batches had finished; "
        "what a live run has changed stays changed." in text
    )
    assert_clean(text)
    assert world.resource()["id"] == job
    assert f"error: Job {job} FAILED" in world.failing()
    assert world.asked() == {"token": 1, "get": 1}

    write(world, triggers=2)
    world.up()
    assert [j.status for j in world.zuora.jobs] == ["FAILED", "COMPLETED"]

    write(world, triggers=3)
    text = world.up().stdout
    assert (
        f"Waits until job {world.job_ids()[2]} completes, at most 2.0 h (timeout), with at most 0 "
        "failed records." in text
    )


def test_a_timeout_of_the_run_caps_the_wait(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """With ZUORA_WAIT_TIMEOUT a CI job ends in time.

    The line says that nothing is lost, and the next up goes on.
    """
    world = World(engine, zuora, tmp_path, env=zuora.environment() | {"ZUORA_WAIT_TIMEOUT": "0.2s"})
    write(
        world,
        arguments=", opts=pulumi.ResourceOptions("
        "custom_timeouts=pulumi.CustomTimeouts(create='1h30m'))",
    )
    text = world.failing()
    (job,) = world.job_ids()
    assert f"error: After 0 s (ZUORA_WAIT_TIMEOUT), job {job} (" in text
    assert "Run `pulumi up` again: it goes on waiting, and starts no second job." in text

    zuora.clock.advance(60)
    assert world.up().change_summary == {"same": 2, "create": 1}
    assert world.job_ids() == [job]


@pytest.mark.slow
def test_a_host_that_keeps_its_four_workers_is_told_of_once(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """Where the host's pool cannot be told from another one, it stays as it is.

    Everything works, and one warning says what that means.
    """
    (tmp_path / "sitecustomize.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "another = ThreadPoolExecutor(max_workers=4)\n"
    )
    world = World(engine, zuora, tmp_path, env=zuora.environment() | {"PYTHONPATH": str(tmp_path)})
    world.program("""
        from pulumi_zuora_backfill import BackfillCompletion
        for name in "ab":
            job = BackfillJob(name, type="RatePlanCharge", dry_run=True)
            BackfillCompletion(f"{name}-done", job_ids=[job.job_id])
    """)
    result = world.up()

    assert result.change_summary == {"create": 5}
    warned = re.findall(
        r"^ +pulumi-python\S+ \(\w-done\):\n(?:.*\n)*?\s+warning: (Waits may hold up .*\n.*)$",
        result.stdout,
        re.MULTILINE,
    )
    assert len(warned) == 1
    assert "Put all jobs into the job_ids of one BackfillCompletion" in result.stdout


@pytest.mark.slow
def test_a_refresh_of_a_completion_is_no_drift_even_when_the_job_was_purged(world: World) -> None:
    """A completed job stays completed, whatever Zuora keeps."""
    write(world)
    world.up()
    (job,) = world.job_ids()
    world.zuora.forget_job(job)
    text = world.stack.refresh().stdout

    assert f"Zuora no longer knows job {job}. State keeps it as COMPLETED." in text
    assert world.up().change_summary == {"same": 3}


@pytest.mark.slow
def test_a_refresh_somewhere_else_is_refused(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """A wait that has ended knows where.

    Jobs that another Zuora does not have are not told as purged.
    """
    world = World(engine, zuora, tmp_path, env={})
    world.configure()
    done = zuora.add_job(status="COMPLETED")
    program = (
        "from pulumi_zuora_backfill import BackfillCompletion; BackfillCompletion('done', "
        f"job_ids=['{done.id}']"
    )
    world.program(f"{program})")
    world.up()
    with Sandbox(client_id=zuora.client_id, client_secret=zuora.client_secret) as other:
        world.stack.set_config("zuora:baseUrl", other.base_url)
        # An update does not look back; it lets the engine's state see the new value.
        world.program(f"{program}, max_errors=1)")
        text = world.failing()
        assert f"Zuora does not know job {done.id} in this tenant" in text
        text = world.failing("refresh")
        assert other.count(Operation.GET) == 1
    assert (
        f"job {done.id} in state belongs to {zuora.base_url}, but the settings say {other.base_url}"
        in text
    )


@pytest.mark.slow
def test_a_refresh_with_the_credentials_of_another_tenant_is_refused(world: World) -> None:
    """The token tells two tenants at one address apart."""
    done = world.zuora.add_job(status="COMPLETED")
    world.program(
        "from pulumi_zuora_backfill import BackfillCompletion; BackfillCompletion('done', "
        f"job_ids=['{done.id}'])"
    )
    world.up()
    world.edit_state("done", lambda outputs: outputs.update(tenantId="7"))

    assert (
        f"job {done.id} in state belongs to tenant 7, but the credentials belong to tenant"
        in world.failing("refresh")
    )
    assert world.asked() == {"token": 1}


@pytest.mark.slow
def test_a_purged_job_stays_completed_where_its_place_is_said_elsewhere(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """Configuration's entity, declared in the program, is the same place."""
    world = World(engine, zuora, tmp_path)
    world.stack.set_config("zuora:entityIds", "a")
    done = zuora.add_job(status="COMPLETED", entity_id="a")
    program = (
        "from pulumi_zuora_backfill import BackfillCompletion; BackfillCompletion('done', "
        f"job_ids=['{done.id}']"
    )
    world.program(f"{program})")
    world.up()
    zuora.forget_job(done.id)
    world.program(f"{program}, entity_id='a')")
    assert f"Zuora no longer knows job {done.id}. State keeps it as COMPLETED." in world.up().stdout


def announced(text: str) -> list[str]:
    """Return the lines that announce a wait, as often as a resource has them at the end."""
    return re.findall(r"Waits until .*", text.partition("Diagnostics:")[2])


@pytest.mark.slow
def test_a_new_wait_is_announced_once(world: World) -> None:
    """Also where a job is replaced, for which the engine asks about all that depend on it twice.

    A change of the timeout alone announces nothing.
    """
    custom = (
        ", opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create='30m', "
        "update='3h'))"
    )
    write(world, arguments=custom)
    what = "with at most 0 failed records."
    unknown = "its jobs complete (ids not known yet)"
    assert announced(world.stack.preview().stdout) == [
        f"Waits until {unknown}, at most 30 min (custom_timeouts.create), {what}"
    ]
    text = world.up().stdout
    assert announced(text) == [
        f"Waits until job {world.job_ids()[0]} completes, at most 30 min (custom_timeouts.create), "
        f"{what}"
    ]

    write(world, triggers=2, arguments=custom)
    assert announced(world.stack.preview().stdout) == [
        f"Waits until {unknown}, at most 3.0 h (custom_timeouts.update), {what} If they still are "
        f"{world.job_ids()[0]}, there is nothing to wait for."
    ]
    text = world.up().stdout
    assert announced(text) == [
        f"Waits until job {world.job_ids()[1]} completes, at most 3.0 h (custom_timeouts.update), "
        f"{what}"
    ]

    write(world, triggers=2, arguments=f', timeout="1h"{custom}')
    assert announced(world.up().stdout) == []


@pytest.mark.slow
def test_a_purged_job_stays_completed_whatever_else_changes(world: World) -> None:
    """What had completed is not missed with another timeout, limit and job beside it.

    The limit still counts its failed records.
    """
    program = """
        from pulumi_zuora_backfill import BackfillCompletion
        done = BackfillCompletion("done", job_ids={ids}, {arguments})
        pulumi.export("jobs", done.jobs)
    """
    first, second = (
        world.zuora.add_job(status="COMPLETED", error_count=2).id,
        world.zuora.add_job().id,
    )
    world.program(program.format(ids=[first], arguments="max_errors=2"))
    world.up()
    world.zuora.forget_job(first)

    world.program(program.format(ids=[second, first], arguments='max_errors=3, timeout="1h"'))
    result = world.up()
    told = [
        {n: v for n, v in job.items() if n != "createdOn"} for job in result.outputs["jobs"].value
    ]
    assert told == [
        {
            "jobId": job_id,
            "type": "RatePlanCharge",
            "status": "COMPLETED",
            "progress": "100.00%",
            **BATCHES,
            "errorCount": errors,
        }
        for job_id, errors in ((second, 0), (first, 2))
    ]
    assert f"Zuora no longer knows job {first}. State keeps it as COMPLETED." in result.stdout

    world.program(program.format(ids=[second, first], arguments="max_errors=1"))
    assert f"but 2 records failed (2 in job {first}). max_errors is 1." in world.failing()
    world.program(program.format(ids=[first], arguments='max_errors=2, entity_id="other"'))
    assert f"Zuora does not know job {first} in entity other." in world.failing()


@pytest.mark.slow
def test_a_purged_job_that_a_refresh_found_failed_is_missed(world: World) -> None:
    """Only what state holds as COMPLETED stays so."""
    job = world.zuora.add_job(status="COMPLETED").id
    program = """
        from pulumi_zuora_backfill import BackfillCompletion
        BackfillCompletion("done", job_ids=["{id}"], timeout="{timeout}")
    """
    world.program(program.format(id=job, timeout="1h"))
    world.up()
    world.zuora.set_status(job, "FAILED")
    world.stack.refresh()
    world.zuora.forget_job(job)
    world.program(program.format(id=job, timeout="2h"))

    assert (
        f"Zuora does not know job {job} in this tenant, asked without an entity." in world.failing()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "jobs",
    [
        "x",
        [1, None],
        [{"status": "COMPLETED"}],
        [{"jobId": "j" * 32, "status": "COMPLETED", "errorCount": "x"}],
    ],
)
def test_a_state_that_was_edited_by_hand_is_no_traceback(world: World, jobs: Any) -> None:
    """What state holds of the jobs and cannot be used counts as nothing.

    The next wait asks Zuora.
    """
    job = world.zuora.add_job(status="COMPLETED").id
    program = """
        from pulumi_zuora_backfill import BackfillCompletion
        BackfillCompletion("done", job_ids=["{id}"], timeout="{timeout}")
    """
    world.program(program.format(id=job, timeout="1h"))
    world.up()
    world.edit_state("done", lambda outputs: outputs.update(jobs=jobs))
    world.program(program.format(id=job, timeout="2h"))

    assert world.up().change_summary["update"] == 1
    assert world.asked() == {"token": 1, "get": 1}


@pytest.mark.slow
def test_a_count_that_cannot_be_read_fails_the_deployment(world: World) -> None:
    """One clean line with what Zuora said, and the line that goes on nevertheless.

    Then it is a warning, and no number is in state.
    """
    job = world.zuora.add_job(status="COMPLETED")
    job.error_count = -1
    program = """
        from pulumi_zuora_backfill import BackfillCompletion
        done = BackfillCompletion("done", job_ids=["{id}"], max_errors={max_errors})
        pulumi.export("errors", done.error_count)
        pulumi.export("jobs", done.jobs)
    """
    world.program(program.format(id=job.id, max_errors=5))
    text = world.failing()
    assert (
        f"failed records cannot be read: Zuora says errorCount -1 for job {job.id}. max_errors is "
        "5." in text
    )
    assert "To accept any number, set\n      max_errors=2147483648" in text
    assert_clean(text)

    world.program(program.format(id=job.id, max_errors=2147483648))
    result = world.up()
    assert (
        f"warning: How many records failed is not known: Zuora tells no number for job {job.id}"
        in result.stdout
    )
    (told,) = result.outputs["jobs"].value
    assert told["status"] == "COMPLETED"
    assert "errorCount" not in told
    assert "errors" not in result.outputs or result.outputs["errors"].value is None


def test_deleting_a_completion_asks_nothing(world: World) -> None:
    """There is nothing to undo."""
    write(world)
    world.up()
    world.zuora.forget_requests()
    world.stack.destroy()

    assert world.asked() == {}


def test_all_faults_of_a_completion_are_reported_at_once(world: World) -> None:
    """Wrong ids, a wrong timeout and a wrong limit stand in one preview."""
    world.program("""
        from pulumi_zuora_backfill import BackfillCompletion
        BackfillCompletion("x", job_ids=["short"], timeout="soon", max_errors=-1)
    """)
    text = world.failing("preview")

    for part in (
        "job_ids has a wrong entry: it must be a job id of 32 characters",
        "timeout is 'soon', not a duration",
        "max_errors must be a whole number from 0",
    ):
        assert part in text
    assert_clean(text)


@pytest.mark.parametrize(
    ("resource", "reasons"),
    [
        (
            'BackfillJob("x", type=5, batch_size=5000, dry_run=0, reason=7, org_ids=[8], '
            "known_job_ids=[9])",
            [
                'type must be one of "RatePlanCharge", "OrderLineItem", not 5',
                "batch_size must be a whole number from 1 to 1000, not 5000",
                "dry_run must be True or False, not 0",
                "reason must be a string, not 7",
                "org_ids has a wrong entry: it must be one id of visible ASCII characters, not 8",
                "known_job_ids has a wrong entry: it must be a job id of 32 characters, not 9",
            ],
        ),
        (
            'BackfillCompletion("x", job_ids={"a": [6, 0.5]}, timeout=0, max_errors=-1, '
            "entity_id=4)",
            [
                "job_ids must be a list of job ids, not {'a': [6, 0.5]}",
                "timeout is '0', not a duration above zero like 90, 90s, 5m or 1h30m",
                "max_errors must be a whole number from 0 to 2147483648, not -1",
                "entity_id must be one id of visible ASCII characters, not 4",
            ],
        ),
    ],
)
def test_a_fault_shows_a_number_as_the_program_wrote_it(
    world: World, resource: str, reasons: list[str]
) -> None:
    """Pulumi carries every number as a float; nobody wrote one."""
    world.program(f"from pulumi_zuora_backfill import BackfillCompletion\n{resource}")
    text = world.failing("preview")

    found = re.findall(
        r"^    error: .* has a problem: (.*)$", text.partition("Diagnostics:")[2], re.MULTILINE
    )
    assert sorted(found) == sorted(reasons)


def test_a_gate_that_waits_goes_live_only_with_the_dry_runs_id(world: World) -> None:
    """First only the dry run, with the line that approves it; another id is refused.

    The right one goes live; nothing runs twice.
    """
    world.program(VERIFIED.format(triggers=1, approval="wait"))
    first = world.up()
    (dry,) = world.zuora.jobs
    assert (dry.dry_run, dry.status) == (True, "COMPLETED")
    assert first.outputs["dryRunJobId"].value == dry.id
    assert f'approval="{dry.id}"' in first.stdout

    world.program(VERIFIED.format(triggers=1, approval="0" * 32))
    assert (
        f"was not started: approval is '{'0' * 32}', but the dry run is {dry.id}."
        in world.failing()
    )
    assert world.job_ids() == [dry.id]

    world.program(VERIFIED.format(triggers=1, approval=dry.id))
    second = world.up()
    assert [job.dry_run for job in world.zuora.jobs] == [True, False]
    assert second.outputs["jobId"].value == world.job_ids()[1]
    assert world.up().change_summary == {"same": 6}


@pytest.mark.slow
def test_a_gate_that_is_closed_and_opened_again_starts_nothing(world: World) -> None:
    """Back to waiting, the live job leaves the state.

    The line that is printed then takes it back.
    """
    world.program(VERIFIED.format(triggers=1, approval="wait"))
    world.up()
    (dry,) = world.job_ids()
    world.program(VERIFIED.format(triggers=1, approval=dry))
    live = world.up().outputs["jobId"].value
    world.program(VERIFIED.format(triggers=1, approval="wait"))
    line = f'existing_job_id="{live}"'
    assert line in world.up().stdout

    world.program(VERIFIED.format(triggers=1, approval=dry))
    assert line in world.failing()
    world.program(VERIFIED.format(triggers=1, approval=f'{dry}", {line}, reason="'))
    assert world.up().outputs["jobId"].value == live
    assert world.job_ids() == [dry, live]


@pytest.mark.parametrize("approval", ["yes", "0" * 31])
def test_an_approval_that_can_be_none_is_refused_in_the_preview(
    world: World, approval: str
) -> None:
    """Neither `auto` nor `wait` nor a job id.

    Nothing is declared, and the text says what it may be.
    """
    world.program(VERIFIED.format(triggers=1, approval=approval))
    text = world.failing("preview")

    assert (
        'approval must be "wait", "auto" or the job id of the dry run (32 characters), not '
        f"'{approval}'." in text
    )
    assert world.asked() == {}


def test_a_dry_run_that_fails_keeps_the_live_job_from_being_made(world: World) -> None:
    """The chain stops at the dry run.

    With the cause mended and other triggers, one up goes through.
    """
    world.zuora.on_answer = lambda request: (
        world.zuora.finish(request.job_id, "FAILED")
        if request.job_id and len(world.zuora.jobs) == 1
        else None
    )
    world.program(VERIFIED.format(triggers=1, approval="auto"))
    world.failing()
    assert [(job.dry_run, job.status) for job in world.zuora.jobs] == [(True, "FAILED")]

    world.program(VERIFIED.format(triggers=2, approval="auto"))
    world.up()
    assert [(job.dry_run, job.status) for job in world.zuora.jobs] == [
        (True, "FAILED"),
        (True, "COMPLETED"),
        (False, "COMPLETED"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_wait_and_the_job_runs_on(
    engine: type[Any], tmp_path: Path, number: signal.Signals
) -> None:
    """The up ends with a word on the job.

    The job is in state, still runs, and no lock is left: the next up goes on waiting.
    """
    with Sandbox() as zuora:
        world = World(engine, zuora, tmp_path)
        write(world)
        polled = threading.Event()
        zuora.on_answer = lambda request: polled.set() if zuora.count(Operation.GET) >= 3 else None
        said: list[str] = []

        def up() -> None:
            said.append(world.failing())

        thread = threading.Thread(target=up)
        thread.start()
        assert polled.wait(60)
        interrupt(world, number)
        thread.join(60)

        (job,) = zuora.jobs
        assert f"The wait was cancelled; job {job.id} (PROCESSING 0.00%) still runs." in said[0]
        assert "Run `pulumi up` again: it goes on waiting, and starts no second job." in said[0]
        assert (job.status, world.resource()["id"]) == ("PROCESSING", job.id)
        zuora.finish(job.id)
        assert world.up().change_summary["create"] == 1
        assert world.job_ids() == [job.id]
