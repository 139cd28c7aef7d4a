"""A start whose outcome is not known, on both engines.

State keeps the attempt, and the next `up` continues it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .world import World, assert_clean, flat, kill_host, once, told, urn

MOMENT = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
PROTECTED = 'type="RatePlanCharge", opts=pulumi.ResourceOptions(protect=True)'


@pytest.fixture
def world(engine: type[Any], zuora: Sandbox, tmp_path: Path) -> World:
    """Make a stack whose calls are tried for a second only."""
    return World(engine, zuora, tmp_path, env=zuora.environment() | {"ZUORA_CALL_TIMEOUT": "1"})


@contextmanager
def answers_lost(world: World, *, made: bool = True) -> Iterator[None]:
    """Lose every answer to a start; without `made` the requests do not arrive either."""
    lost = Fault.CONNECTION_DROPPED_AFTER if made else Fault.CONNECTION_DROPPED_BEFORE
    world.zuora.plan(lost, on=Operation.CREATE, times=999)
    yield
    world.zuora.clear_plans()


def lost_up(world: World, *, made: bool = True, **options: Any) -> str:
    """Run an `up` whose answers are lost to the end, and return its error."""
    with answers_lost(world, made=made):
        text = world.failing(**options)
    (shown,) = told(text)
    assert_clean(text, world.zuora.client_secret)
    return shown


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("arguments", ['type="RatePlanCharge"', PROTECTED])
@pytest.mark.parametrize("between", ["nothing", "refresh", "preview"])
def test_the_next_up_ends_with_the_job(
    world: World, between: str, arguments: str, made: bool
) -> None:
    """Without a line to add, protected or not, and whatever was looked at in between.

    One job, and nothing to do after it.
    """
    world.job(arguments)
    shown = lost_up(world, made=made)
    assert re.fullmatch(
        r"It is not known whether the RatePlanCharge backfill was started\. Could not start the "
        r"backfill job: the connection to \S+ was lost \(RemoteDisconnected\)\. Run `pulumi up` "
        r"again "
        rf"before {MOMENT}: it continues this attempt\. It finds the job, or starts the one that "
        r"is missing\. "
        r"Until then change neither the resource's name, type, triggers, tenant nor entity\. "
        r"Later, the guard looks first: if the job is "
        r"there, it prints the line that takes it over\.",
        shown,
    )
    record = world.resource()
    world.zuora.clock.advance(10)
    world.zuora.forget_requests()
    if between != "nothing":
        getattr(world.stack, between)()
        assert world.asked() == {}
        assert world.resource()["outputs"] == record["outputs"]
    text = world.up().stdout

    (job,) = world.job_ids()
    assert world.resource()["outputs"]["jobId"] == job
    assert (world.resource()["id"], "attempt" in world.resource()["outputs"]) == (
        record["id"],
        False,
    )
    assert world.asked() == {"token": 1, "list": 1, "create": 1, "get": 1}
    assert (f"Job {job}, which an earlier attempt started" in text) is made
    assert world.stack.outputs()["jobId"].value == job
    assert world.up().change_summary == {"same": 2}
    assert world.asked() == {}


def test_the_preview_says_that_an_attempt_is_continued_and_until_when(world: World) -> None:
    """No second job; that a live job may start, and cannot be undone, is said."""
    world.job()
    lost_up(world)
    world.zuora.forget_requests()
    text = world.stack.preview().stdout

    assert re.search(
        rf"    warning: CONTINUES the LIVE RatePlanCharge backfill of {MOMENT}, whose outcome is "
        r"not known\.\n"
        rf"    Until {MOMENT} `pulumi up` finds its job, or starts the one that is missing\.\n"
        r"    It changes revenue fields of existing records and cannot be undone\.",
        text,
    )
    assert world.asked() == {}


@pytest.mark.slow
def test_a_third_up_still_continues(world: World) -> None:
    """An attempt that is lost again keeps its record, with the times of both.

    The third `up` ends with the one job.
    """
    world.job()
    lost_up(world, made=False)
    first = world.resource()["outputs"]["attempt"]
    world.zuora.clock.advance(3600)
    lost_up(world)
    second = world.resource()["outputs"]["attempt"]
    assert second["began"] == first["began"]
    assert (len(first["windows"]), len(second["windows"])) == (1, 2)
    world.zuora.clock.advance(3600)
    lost_up(world)
    world.zuora.clock.advance(3600)
    world.up()

    (job,) = world.job_ids()
    assert world.resource()["outputs"]["jobId"] == job


@pytest.mark.slow
def test_a_host_that_dies_leaves_no_record_and_the_guard_names_the_job(world: World) -> None:
    """SIGKILL after the job was made: the next `up` is refused with the take-over line.

    Pasted, it works.
    """
    world.zuora.on_answer = once(Operation.CREATE, lambda: kill_host(world.zuora))
    world.job()
    world.failing()
    world.zuora.on_answer = None
    (job,) = world.job_ids()
    (shown,) = told(world.failing())
    line = f'existing_job_id="{job}"'

    assert "Nothing was started: tenant 10042 holds a RatePlanCharge backfill job" in shown
    assert f"To take it over instead, if it was no dry run, add {line} " in shown
    world.job(f'type="RatePlanCharge", {line}')
    world.up()
    assert world.asked() == {"token": 1, "get": 1}
    assert (world.job_ids(), world.resource()["id"]) == ([job], job)


@pytest.mark.slow
def test_a_host_that_dies_between_two_ups_does_no_harm(world: World) -> None:
    """The record of the first lost `up` stays, whatever becomes of the second."""
    world.job()
    lost_up(world)
    world.zuora.on_request = once(Operation.LIST, lambda: kill_host(world.zuora))
    world.failing()
    world.zuora.on_request = None
    world.up()

    (job,) = world.job_ids()
    assert world.resource()["outputs"]["jobId"] == job


@pytest.mark.slow
def test_a_forced_replacement_of_an_open_attempt_starts_no_second_job(world: World) -> None:
    """`--replace` shows the attempt in `delete` only.

    The job it has started is found by its key.
    """
    world.job()
    lost_up(world)
    shown = flat(world.stack.preview(replace=[urn()]).stdout)
    assert "CONTINUES the LIVE RatePlanCharge backfill" in shown
    assert "SECOND LIVE RUN" not in shown
    text = world.up(replace=[urn()]).stdout

    (job,) = world.job_ids()
    assert world.resource()["outputs"]["jobId"] == job
    assert "may have started a RatePlanCharge backfill in tenant 10042, or may still" in text


def test_a_destroy_of_an_open_attempt_says_that_a_job_may_have_been_started(world: World) -> None:
    """Nothing is stopped, as nobody knows of which job; the next `up` is refused with its name."""
    world.job()
    lost_up(world)
    world.zuora.forget_requests()
    text = world.stack.destroy().stdout
    (job,) = world.job_ids()

    assert re.search(
        rf"warning: The attempt of {MOMENT} may have started a RatePlanCharge backfill in tenant "
        rf"10042, or may still start it until {MOMENT}\. Nothing was stopped\. Look in Revenue → "
        r"Data Backfill → Backfill Logs; start nothing else before\.",
        text,
    )
    assert world.asked() == {}
    assert f'existing_job_id="{job}"' in world.failing()
    assert world.job_ids() == [job]


@pytest.mark.parametrize("made", [True, False])
def test_with_another_intent_the_guard_decides(world: World, made: bool) -> None:
    """Other triggers while an attempt is open: its job stands against them.

    Where there is none they start, but not while a request of the attempt can be on its way.
    """
    world.job('type="RatePlanCharge", triggers=1')
    lost_up(world, made=made)
    world.job('type="RatePlanCharge", triggers=2')
    assert "An earlier attempt may have started a job: `pulumi up` asks Zuora first." in (
        world.stack.preview().stdout
    )
    if made:
        (job,) = world.job_ids()
        (shown,) = told(world.failing())
        assert f'existing_job_id="{job}"' in shown
    else:
        (shown,) = told(world.failing())
        assert re.fullmatch(
            rf"Nothing was started: the attempt of {MOMENT} may still start its job\. Run `pulumi "
            rf"up` again after {MOMENT}: the guard looks for that job first\.",
            shown,
        )
        assert world.job_ids() == []
        world.zuora.clock.advance(121)
        world.up()
    assert len(world.job_ids()) == 1


@pytest.mark.parametrize("made", [True, False])
def test_a_renamed_attempt_is_looked_for_by_the_guard(world: World, made: bool) -> None:
    """Another name is another key.

    Without an alias the old name is in the way; with the alias that is printed the guard decides.
    """
    world.job()
    lost_up(world, made=made)
    world.job(name="fees")
    (shown,) = told(world.failing("preview"))
    alias = f'opts=pulumi.ResourceOptions(aliases=["{urn()}"])'
    assert shown == (
        "Nothing was started: 'charges' of this stack may have started a live RatePlanCharge "
        "backfill that may reach the same entity and organisations; the answer was lost. Zuora "
        "asks for one backfill before go-live: a second run makes Zuora Billing and Zuora Revenue "
        "disagree. Run `pulumi up` with 'charges' in the program first: it finds out. If it is "
        f"the same backfill under a new name, add {alias}"
    )
    world.job(f'type="RatePlanCharge", {alias}', name="fees")
    text = world.stack.preview().stdout
    assert "may have been started; its outcome was never known." in text
    assert "CONTINUES" not in text
    world.zuora.clock.advance(121)
    if made:
        (shown,) = told(world.failing())
        assert f'existing_job_id="{world.job_ids()[0]}"' in shown
    else:
        world.up()
    assert len(world.job_ids()) == 1


def test_the_job_of_an_attempt_is_not_left_behind_in_another_entity(world: World) -> None:
    """Another entity has another list; the line that is printed with the job accepts it."""
    world.job()
    lost_up(world)
    (job,) = world.job_ids()
    world.job('type="RatePlanCharge", entity_id="eu"')
    (shown,) = told(world.failing())
    assert re.fullmatch(
        rf"Nothing was started: an earlier attempt of this resource may have started job {job} "
        r"\(.*\) "
        r"in entity \(none\) and organisations \(none\)\. Put type, entity_id and org_ids back, "
        r"and "
        r"`pulumi up` finds the job\. To leave it there and start elsewhere, add "
        rf'known_job_ids=\["{job}"\]',
        shown,
    )
    assert world.job_ids() == [job]

    world.job(f'type="RatePlanCharge", entity_id="eu", known_job_ids=["{job}"]')
    world.zuora.clock.advance(121)
    world.up()
    assert len(world.job_ids()) == 2


def test_a_job_of_the_time_of_a_lost_attempt_that_is_somebody_elses_is_told_of(
    world: World,
) -> None:
    """Zuora's list cannot tell it from the attempt's own job.

    Once the own job is known, the other one is named.
    """
    world.job()
    lost_up(world, made=False)
    theirs = world.zuora.add_job(age_s=0)
    text = flat(world.up().stdout)

    (ours,) = [job for job in world.job_ids() if job != theirs.id]
    assert world.resource()["outputs"]["jobId"] == ours
    assert f"RatePlanCharge backfill job {theirs.id} (" in text
    assert (
        "of the time of the lost attempt, was not started by this resource. If it is a live run, "
        "this is a SECOND one: look in Revenue → Data Backfill → Backfill Logs." in text
    )


def test_a_day_later_the_guard_decides(world: World) -> None:
    """Zuora has forgotten the key, so the job is named, and its line works."""
    world.job()
    lost_up(world)
    (job,) = world.job_ids()
    world.zuora.clock.advance(25 * 3600)
    (shown,) = told(world.failing())
    line = f'existing_job_id="{job}"'
    assert line in shown
    world.job(f'type="RatePlanCharge", {line}')
    world.up()

    assert world.job_ids() == [job]
    assert world.resource()["outputs"]["jobId"] == job


@pytest.mark.slow
def test_an_attempt_in_a_replacement_is_continued(world: World) -> None:
    """Triggers 1 → 2: only the attempt's history is left of job 1.

    So the guard still looks past it.
    """
    world.job('type="RatePlanCharge", triggers=1')
    world.up()
    (first,) = world.job_ids()
    world.zuora.finish(first)
    world.job('type="RatePlanCharge", triggers=2')
    lost_up(world)
    world.up()

    assert len(world.job_ids()) == 2
    assert world.resource()["outputs"]["jobId"] == world.job_ids()[1]


@pytest.mark.slow
@pytest.mark.parametrize("made", [True, False])
def test_an_attempt_in_a_replacement_that_is_taken_back(world: World, made: bool) -> None:
    """Back to triggers 1 while 2 is open.

    Job 1 is not handed out again, and the job of 2 stands against a third.
    """
    world.job('type="RatePlanCharge", triggers=1')
    world.up()
    (first,) = world.job_ids()
    world.zuora.finish(first)
    world.job('type="RatePlanCharge", triggers=2')
    lost_up(world, made=made)
    world.job('type="RatePlanCharge", triggers=1')
    if made:
        (shown,) = told(world.failing())
        second = world.job_ids()[1]
        assert f'existing_job_id="{second}"' in shown
        assert first not in shown
        assert len(world.job_ids()) == 2
    else:
        assert "may still start its job" in world.failing()
        world.zuora.clock.advance(121)
        world.up()
        assert len(world.job_ids()) == 2
        assert world.resource()["outputs"]["jobId"] == world.job_ids()[1] != first


@pytest.mark.slow
def test_a_completion_waits_for_the_job_and_not_for_the_attempt(world: World) -> None:
    """The resource id of a continued attempt is a key.

    Whoever depends on the job gets the job's id.
    """
    world.zuora.on_answer = lambda request: (
        world.zuora.finish(request.job_id) if request.job_id else None
    )
    world.program("""
        from pulumi_zuora_backfill import BackfillCompletion
        job = BackfillJob("charges", type="RatePlanCharge")
        done = BackfillCompletion("done", job_ids=[job.job_id])
        pulumi.export("jobs", done.jobs)
    """)
    lost_up(world)
    result = world.up()

    (job,) = world.job_ids()
    assert result.outputs["jobs"].value[0]["jobId"] == job
    world.stack.refresh()
    world.stack.destroy()
    assert world.zuora.count(Operation.STOP) == 0
