"""Whatever way a replacement is asked for, on both engines.

It gets a job of its own, and its predecessor's never.
"""

from __future__ import annotations

import json
import re
from inspect import signature
from pathlib import Path
from typing import Any

import pulumi
import pytest

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .world import World, flat, once, urn


def deployed(world: World, arguments: str = 'type="RatePlanCharge"') -> str:
    """Deploy one job, let it complete, and return its id."""
    world.job(arguments)
    world.up()
    (job,) = world.job_ids()
    world.zuora.finish(job)
    return job


def failing_create(world: World, **options: object) -> None:
    """Run an up whose create is refused once, without the refusal being saved.

    The delete has gone through.
    """
    world.zuora.plan(
        Fault.UNSAVED_FAILURE,
        on=Operation.CREATE,
        times=2,
        status=400,
        code="58730030",
        message="Not now.",
    )
    assert "Not now." in world.failing(**options)


def without_secrets(value: Any) -> Any:
    """Return a state's document as one reads it who cannot decrypt."""
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    return (
        "[secret]"
        if "4dabf18193072939515e22adb298388d" in value
        else {k: without_secrets(v) for k, v in value.items()}
    )


@pytest.mark.parametrize("times_failed", [0, 1, 2])
def test_a_forced_replacement_gets_a_new_job(world: World, times_failed: int) -> None:
    """`up --replace`, also after a create that failed, never takes over the job before."""
    first = deployed(world)
    for _ in range(times_failed):
        failing_create(world, replace=[urn()])
    world.up(replace=[urn()])

    assert len(world.job_ids()) == 2
    assert world.resource()["id"] == world.job_ids()[1] != first


@pytest.mark.slow
def test_a_tainted_job_whose_replacement_died_gets_a_new_job(world: World) -> None:
    """The engine tells a provider nothing of a tainted predecessor; the stack's own state does."""
    first = deployed(world)
    world.stack.taint(urn())
    failing_create(world)
    world.up()

    assert len(world.job_ids()) == 2
    assert world.resource()["id"] == world.job_ids()[1] != first


@pytest.mark.slow
@pytest.mark.skipif(
    "replacement_trigger" not in signature(pulumi.ResourceOptions).parameters,
    reason="this Pulumi SDK has no replacement_trigger",
)
def test_a_replacement_trigger_gets_a_new_job(world: World) -> None:
    """Pulumi's own `replacement_trigger` comes without a diff, and still starts another job."""
    first = deployed(
        world, 'type="RatePlanCharge", opts=pulumi.ResourceOptions(replacement_trigger=1)'
    )
    world.job('type="RatePlanCharge", opts=pulumi.ResourceOptions(replacement_trigger=2)')
    world.up()

    assert len(world.job_ids()) == 2
    assert world.resource()["id"] == world.job_ids()[1] != first


def test_changed_triggers_there_and_back_make_three_jobs(world: World) -> None:
    """A→B→A is asked for three times, so three jobs run, each with a key of its own."""
    for triggers in ("a", "b", "a"):
        world.job(f'type="RatePlanCharge", triggers="{triggers}"')
        world.up()
        world.zuora.finish(world.job_ids()[-1])

    assert len({job.idempotency_key for job in world.zuora.jobs}) == len(world.job_ids()) == 3
    assert world.resource()["id"] == world.job_ids()[2]


@pytest.mark.slow
def test_there_and_back_with_stop_stops_the_predecessors_and_nothing_else(world: World) -> None:
    """With on_delete="stop" each running predecessor is stopped, and no other job."""
    other = world.zuora.add_job(status="PROCESSING")
    for triggers in ("a", "b", "a"):
        world.job(
            f'type="RatePlanCharge", on_delete="stop", triggers="{triggers}", '
            f'known_job_ids=["{other.id}"]'
        )
        world.up()

    jobs = [job for job in world.zuora.jobs if job.id != other.id]
    assert [job.status for job in jobs][:2] == ["STOPPED", "STOPPED"]
    assert (jobs[2].status in ("ACCEPTED", "PROCESSING"), other.status) == (True, "PROCESSING")


def test_destroy_and_up_take_a_finished_job_over_and_start_anew_after_a_stopped_one(
    world: World,
) -> None:
    """Within 24 hours a destroyed and finished job comes back, with a word.

    A stopped one is followed by a new one.
    """
    first = deployed(world, 'type="RatePlanCharge", dry_run=True')
    world.zuora.clock.advance(600)
    world.stack.destroy()
    text = world.up().stdout
    assert world.resource()["id"] == first
    assert (
        f"Job {first}, which an earlier attempt started 10 min ago, was taken over; no second one "
        "was "
        "started. It has already completed; to run another one, change `triggers`." in flat(text)
    )

    world.job('type="RatePlanCharge", dry_run=True, triggers=1')
    world.up()
    world.stack.destroy()
    world.up()
    assert [job.status for job in world.zuora.jobs][1] == "STOPPED"
    assert world.resource()["id"] == world.job_ids()[2]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [("a", "b"), ("a", "b", "a"), ("a", "b", "c", "b")])
def test_destroy_and_up_start_nothing_after_replacements_either(
    world: World, asked: tuple[str, ...]
) -> None:
    """What state has forgotten, the tenant's list holds.

    The guard names all jobs, and its take-over line starts nothing.
    """
    for triggers in asked:
        world.job(f'type="RatePlanCharge", triggers="{triggers}"')
        world.up()
        world.zuora.finish(world.job_ids()[-1])
    world.zuora.clock.advance(600)
    world.stack.destroy()
    text = world.failing()
    jobs = world.job_ids()
    assert [job in text for job in jobs] == [True] * len(asked)
    line = re.search(r'existing_job_id="\w{32}"', text)
    assert line
    world.job(f'type="RatePlanCharge", triggers="{asked[-1]}", {line[0]}')
    world.up()

    assert world.job_ids() == jobs
    assert world.resource()["id"] == jobs[-1]


@pytest.mark.slow
def test_a_change_taken_back_after_a_failed_replacement_keeps_the_job_that_is_named(
    world: World,
) -> None:
    """The predecessor was given up and the create failed.

    Taking it over again starts nothing, and the preview says so.
    """
    first = deployed(world)
    world.job('type="RatePlanCharge", triggers=2')
    failing_create(world)
    world.job()
    line = f'existing_job_id="{first}"'
    assert "SECOND LIVE RUN of 'charges'" in world.stack.preview().stdout
    world.job(f'type="RatePlanCharge", {line}')
    assert (
        f"Takes job {first} back, which a replacement that did not finish had given up. No job is "
        "started." in world.stack.preview().stdout
    )
    world.up()

    assert (world.job_ids(), world.resource()["id"]) == ([first], first)
    world.zuora.forget_requests()
    world.job()
    world.up()
    assert (world.zuora.requests, world.resource()["id"]) == ([], first)


@pytest.mark.slow
def test_a_running_job_is_not_let_go_of_for_one_that_is_taken_over(world: World) -> None:
    """`existing_job_id` with another job asks for a replacement too.

    A live job that runs stands against it, and stays.
    """
    world.job()
    world.up()
    (first,) = world.job_ids()
    other = world.zuora.add_job(status="PROCESSING")
    world.job(f'type="RatePlanCharge", existing_job_id="{other.id}"')
    text = world.failing()

    assert f"Job {first} still runs (" in text
    assert "To keep this job, take the change back: state still has it." in text
    assert "pendingReplacement" not in world.resource()
    world.job()
    world.zuora.forget_requests()
    world.up()
    assert (world.zuora.requests, world.resource()["id"]) == ([], first)


@pytest.mark.slow
def test_secret_triggers_leave_no_trace_that_can_be_guessed_at(world: World) -> None:
    """The history holds a hash of the triggers.

    It is secret when they were, also after they no longer are, in state's inputs and outputs.
    """
    hashes = []
    for triggers in ('pulumi.Output.secret("hunter2")', '"plain"', "3"):
        world.job(f'type="RatePlanCharge", triggers={triggers}')
        world.up()
        world.zuora.finish(world.job_ids()[-1])
        hashes.append(world.zuora.jobs[-1].idempotency_key)
    world.stack.refresh()
    everything, readable = (
        json.dumps(world.stack.state),
        json.dumps(without_secrets(world.stack.state)),
    )

    assert [str(key) in everything for key in hashes] == [True, True, True]
    assert [str(key) in readable for key in hashes] == [False, False, False]


@pytest.mark.parametrize(
    "saved", [{"status": 403, "code": "58730010"}, {"status": 500, "code": "58730060"}]
)
def test_a_saved_refusal_does_not_outlive_its_cause(world: World, saved: dict[str, object]) -> None:
    """A refusal that is saved for 24 hours ends once its cause is mended.

    No edit is needed, and there is one job.
    """
    world.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, **saved)
    # The second request finds out that the refusal was saved; two more keys are tried, and refused.
    for after in (1, 2):
        world.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, after=after, **saved)
    world.job()
    assert "start the backfill job (HTTP" in world.failing()
    assert world.job_ids() == []
    world.up()

    (job,) = world.job_ids()
    assert world.resource()["outputs"]["jobId"] == job


def test_an_unaccounted_job_after_a_refusal_is_ambiguous(world: World) -> None:
    """A refusal beside a young job of the same type sends nothing more.

    It names the job and the two ways on.
    """
    theirs: list[str] = []
    world.zuora.on_request = once(
        Operation.CREATE, lambda: theirs.append(world.zuora.add_job(status="PROCESSING").id)
    )
    world.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, status=403, code="58730010")
    world.job()
    text = world.failing()
    assert (
        "Zuora had saved this answer. The tenant holds RatePlanCharge jobs that an attempt of this "
        f"resource may have started: {theirs[0]} (PROCESSING" in text
    )
    assert (
        f'Add  existing_job_id="{theirs[0]}"  to take it over, or another value of  triggers  to '
        "start one." in text
    )
    assert world.asked() == {"token": 1, "list": 2, "create": 2}

    world.job(f'type="RatePlanCharge", existing_job_id="{theirs[0]}"')
    world.up()
    assert world.resource()["id"] == theirs[0]
    assert world.asked() == {"token": 1, "get": 1}


def test_a_replacement_does_not_follow_a_lost_setting_to_another_entity(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """An entity that is gone from the configuration leads no live run elsewhere.

    Nothing is started.
    """
    world = World(engine, zuora, tmp_path)
    world.stack.set_config("zuora:entityIds", "e-a")
    first = deployed(world)
    world.stack.set_config("zuora:entityIds", "")
    world.job('type="RatePlanCharge", triggers=2')
    text = world.failing()

    assert (
        "belongs to entity e-a and organisations (none), but the settings say entity (none)" in text
    )
    assert world.job_ids() == [first]


@pytest.mark.slow
def test_a_running_predecessor_is_looked_up_in_its_own_entity(world: World) -> None:
    """A live job in the entity that is left behind still stands against its replacement."""
    world.job('type="RatePlanCharge", entity_id="e-a"')
    world.up()
    world.job('type="RatePlanCharge", entity_id="e-b"')

    assert "still runs (" in world.failing()
    assert len(world.job_ids()) == 1


@pytest.mark.slow
def test_a_status_that_nobody_documented_is_not_taken_for_an_end(world: World) -> None:
    """A predecessor whose status is not understood stands against its replacement."""
    world.job()
    world.up()
    world.zuora.set_status(world.job_ids()[0], "QUEUED")
    world.job('type="RatePlanCharge", triggers=2')

    assert "still runs (QUEUED" in world.failing()
    assert len(world.job_ids()) == 1


@pytest.mark.slow
def test_a_tainted_adopted_job_is_refused_before_it_is_stopped(world: World) -> None:
    """Replacing the very job that existing_job_id names makes no sense, and stops nothing."""
    job = world.zuora.add_job(status="PROCESSING", dry_run=True)
    world.job(f'type="RatePlanCharge", dry_run=True, existing_job_id="{job.id}"')
    world.up()
    world.stack.taint(urn())

    assert (
        f"existing_job_id is {job.id}, the very job that --replace, taint or a trigger asks to "
        "replace" in world.failing()
    )
    assert [(j.id, j.status) for j in world.zuora.jobs] == [(job.id, "PROCESSING")]


def test_a_wrong_existing_job_id_gives_up_no_job(world: World) -> None:
    """The one that is to be taken over is looked up first, so state keeps the one before."""
    world.job('type="RatePlanCharge"')
    world.up()
    (job,) = world.zuora.jobs
    world.zuora.finish(job.id, "COMPLETED")
    world.stack.refresh()
    world.job(f'type="RatePlanCharge", existing_job_id="{"0" * 32}"')
    text = flat(world.failing())

    assert f"Nothing was started: existing_job_id is {'0' * 32}, which Zuora does not know" in text
    assert world.resource()["outputs"]["jobId"] == job.id
    world.job('type="RatePlanCharge"')
    world.up()
    assert [each.id for each in world.zuora.jobs] == [job.id]


def test_a_secret_entity_and_secret_organisations_leave_no_trace(world: World) -> None:
    """Neither in state, of this resource and of others, nor in any text."""
    place = (
        "entity_id=pulumi.Output.secret('hidden-entity'), "
        "org_ids=[pulumi.Output.secret('hidden-org')]"
    )
    first = f"BackfillJob('first', type='RatePlanCharge', {place})\n"
    world.program(first)
    texts = [world.stack.preview().stdout, world.up().stdout]
    world.stack.refresh()
    world.program(f"{first}BackfillJob('second', type='OrderLineItem')")
    texts += [world.stack.preview().stdout, world.up().stdout, world.up().stdout]
    wrong = f"BackfillJob('third', type='OrderLineItem', {place}, existing_job_id='{'0' * 32}')"
    world.program(first + wrong)
    texts += [world.failing()]
    everything, readable = (
        json.dumps(world.stack.state),
        json.dumps(without_secrets(world.stack.state)),
    )

    assert "which Zuora does not know in entity [secret]" in texts[-1]
    for hidden in ("hidden-entity", "hidden-org"):
        assert [hidden in everything, hidden in readable] == [True, False]
        assert [hidden in text for text in texts] == [False] * len(texts)
