"""
The idempotency contract, on the real code against the local Zuora.

Random histories, and in plain words those that once broke it, and those that it leaves open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pulumi_zuora_backfill.errors import (
    AmbiguousJobError,
    GuardError,
    JobRefusedError,
    StateUnreadableError,
)
from pulumi_zuora_backfill.job.create import PartlyCreatedError
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.testing.sandbox import RecordedRequest

from .contract.machine import Contract
from .contract.oracle import DAY_S
from .contract.process import Fate, still_sandbox
from .contract.world import World, job_ids

PROFILE = os.environ.get("ZBF_PROFILE", "steady")
PROFILES = {
    "steady": settings(max_examples=60, stateful_step_count=15, derandomize=True, database=None),
    "long": settings(
        max_examples=int(os.environ.get("ZBF_EXAMPLES", "2000")),
        stateful_step_count=30,
        database=None,
    ),
}


@pytest.fixture(scope="module")
def still_zuora() -> Iterator[Sandbox]:
    """Serve a local Zuora whose clock stands still."""
    with still_sandbox() as sandbox:
        yield sandbox


@pytest.mark.timeout(300 if PROFILE == "steady" else 0)
def test_no_history_breaks_the_contract(still_zuora: Sandbox) -> None:
    """I1 to I6 hold, whatever is lost, retried, killed, run twice, or started by others."""
    run_state_machine_as_test(
        type("Contract", (Contract,), {"zuora": still_zuora}),
        settings=settings(
            PROFILES[PROFILE],
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def lose_the_answer(world: World, **parameters: Any) -> None:
    """Let all five attempts of one request to start a job get lost on the way back."""
    world.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE, times=5, **parameters)


def keys_sent(world: World) -> list[str]:
    """Return the keys of the last command's requests to start a job, each once, in order."""
    posts = [r for r in world.zuora.requests if r.operation is Operation.CREATE]
    return list(dict.fromkeys(post.headers["Idempotency-Key"] for post in posts))


@pytest.fixture
def world(still_zuora: Sandbox) -> World:
    """Begin a new world: `a` is a live run, `b` is one of the other type, in two stacks."""
    world = World(still_zuora, stacks=2)
    world.declare("b", type="OrderLineItem")
    return world


def test_a_lost_answer_is_continued_and_found(world: World) -> None:
    """The attempt in state tells a job of our own from a stranger's; nothing has to be declared."""
    lose_the_answer(world)
    assert isinstance(world.up("a")["a"], PartlyCreatedError)
    world.refresh()

    assert world.calm_up("a") == {}
    assert [world.held()] == job_ids(world.zuora.jobs)


def test_a_lost_answer_that_no_state_tells_of_is_named_and_taken_over(world: World) -> None:
    """Without a record the guard refuses and names the job; the line that it gives works."""
    lose_the_answer(world)
    world.up("a", fate=Fate(records=False))
    (lost,) = job_ids(world.zuora.jobs)
    assert f'existing_job_id="{lost}"' in str(world.up("a")["a"])

    world.declare(existingJobId=lost)
    assert world.up("a") == {}
    assert (world.held(), job_ids(world.zuora.jobs)) == (lost, [lost])


def test_an_attempt_explains_no_job_of_another_time(world: World) -> None:
    """A stranger's job that is too young, or too old, for the attempt stands against it."""
    world.zuora.plan(Fault.CONNECTION_DROPPED_BEFORE, on=Operation.CREATE, times=5)
    world.up("a")
    world.pass_time(300)
    stranger = world.zuora.add_job()
    error = world.calm_up("a")["a"]

    assert isinstance(error, GuardError)
    assert stranger.id in str(error)
    assert keys_sent(world) == []


def test_an_attempt_is_continued_under_the_key_that_it_ended_with(world: World) -> None:
    """Behind a saved refusal the job has the next key, and a later run goes on with that."""
    world.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, code="58730010")
    lose_the_answer(world, after=1)
    assert isinstance(world.up("a")["a"], PartlyCreatedError)
    _, after_refusal = keys_sent(world)

    assert world.calm_up("a") == {}
    assert keys_sent(world) == [after_refusal]
    assert [world.held()] == job_ids(world.zuora.jobs)


def test_a_try_that_is_open_again_adds_its_time_to_the_record(world: World) -> None:
    """A job of the second try is found, although it is younger than the first one allows."""
    world.zuora.plan(Fault.CONNECTION_DROPPED_BEFORE, on=Operation.CREATE, times=5)
    world.up("a")
    world.pass_time(3600)
    lose_the_answer(world)
    assert isinstance(world.up("a")["a"], PartlyCreatedError)

    assert world.calm_up("a") == {}
    assert [world.held()] == job_ids(world.zuora.jobs)


def test_two_runs_pass_a_saved_refusal_with_one_key(world: World) -> None:
    """A second state of a stack goes on under the same key, once a person has seen the job."""
    world = World(world.zuora)
    world.declare(guard="none")
    world.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, code="58730010")
    world.up("a")
    first = keys_sent(world)
    assert isinstance(world.up("a", home=1)["a"], AmbiguousJobError)
    world.declare(knownJobIds=job_ids(world.zuora.jobs))
    assert world.up("a", home=1) == {}

    assert (keys_sent(world), len(first)) == (first, 2)
    assert [world.held(home=home) for home in (0, 1)] == job_ids(world.zuora.jobs) * 2


def test_a_dry_run_is_never_handed_the_job_that_it_replaces(world: World) -> None:
    """`--replace` of a retained resource shows no past: without state to read, nothing starts."""
    world.declare(dryRun=True)
    world.up("a")
    (first,) = job_ids(world.zuora.jobs)
    world.zuora.finish(first)
    error = world.up("a", replace=["a"], retain=True, fate=Fate(readable=False))["a"]
    assert isinstance(error, StateUnreadableError)

    assert world.held() == first

    world.up("a", replace=["a"], retain=True)
    assert [first, world.held()] == job_ids(world.zuora.jobs)


def test_a_gateway_page_says_nothing_about_the_job(world: World) -> None:
    """JSON of somebody else with one constant id leaves the outcome open; it is not passed by."""
    world.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE, then_done_after_s=110)
    world.zuora.plan(Fault.MAINTENANCE_PAGE, on=Operation.CREATE, times=7, status=403)
    assert isinstance(world.up("a")["a"], PartlyCreatedError)
    assert len(keys_sent(world)) == 1

    assert world.calm_up("a") == {}
    assert [world.held()] == job_ids(world.zuora.jobs)


def test_a_second_stack_of_the_tenant_starts_nothing_beside_a_live_job(world: World) -> None:
    """Seconds later, and after the job has completed; accepted by a person, it starts."""
    world.up("a")
    (first,) = job_ids(world.zuora.jobs)
    assert isinstance(world.up("a", home=1)["a"], GuardError)
    world.zuora.finish(first)
    assert isinstance(world.up("a", home=1)["a"], GuardError)
    assert job_ids(world.zuora.jobs) == [first]

    world.declare(knownJobIds=[first])
    assert world.calm_up("a", home=1) == {}
    assert len(world.zuora.jobs) == 2


def test_a_list_that_has_become_old_is_asked_for_again(world: World) -> None:
    """What somebody else starts while Zuora is slow stands against a start that has not left."""

    def slow(request: RecordedRequest) -> None:
        if request.operation is Operation.LIST and not world.zuora.jobs:
            world.zuora.clock.advance(100)
            world.zuora.add_job()

    world.zuora.on_answer = slow
    try:
        error = world.up("a")["a"]
    finally:
        world.zuora.on_answer = None

    assert isinstance(error, GuardError)
    assert world.zuora.count(Operation.LIST) == 2


def test_a_refusal_says_nothing_about_a_lost_answer_before_it(world: World) -> None:
    """The job whose answer was lost is there, so the user reads that it may be."""
    world.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE)
    world.zuora.plan(Fault.UNSAVED_FAILURE, on=Operation.CREATE, times=2, code="58730010")

    assert isinstance(world.up("a")["a"], PartlyCreatedError)
    assert world.calm_up("a") == {}
    assert [world.held()] == job_ids(world.zuora.jobs)


def test_a_refusal_that_stands_is_told_and_leaves_nothing_in_state(world: World) -> None:
    """Refused twice, and not with one saved answer: Zuora refuses now, nothing is to be passed."""
    world.zuora.plan(Fault.UNSAVED_FAILURE, on=Operation.CREATE, times=2, code="58730030")

    assert isinstance(world.up("a")["a"], JobRefusedError)
    assert (len(keys_sent(world)), world.states[0]) == (1, {})
    assert world.calm_up("a") == {}


def test_another_batch_size_starts_no_job(world: World) -> None:
    """A changed batch size goes on where a lost answer left off; where Zuora minds, it is said."""
    lose_the_answer(world)
    world.up("a")
    world.declare(batchSize=10)
    world.zuora.behaviours.same_key_other_body_status = 422
    assert "put the old batch_size back" in str(world.up("a")["a"])

    world.zuora.behaviours.same_key_other_body_status = None
    assert world.calm_up("a") == {}
    (job,) = world.zuora.jobs
    world.declare(batchSize=20)
    world.up("a")
    assert (world.zuora.requests, job_ids(world.zuora.jobs)) == ([], [job.id])


def test_beside_a_job_another_one_is_started_only_where_a_person_accepts_it(world: World) -> None:
    """Accepted jobs are looked past, but a repeated lost start still finds its own."""
    stranger = world.zuora.add_job(age_s=DAY_S * 30, status="COMPLETED")
    assert stranger.id in str(world.up("a")["a"])

    world.declare(knownJobIds=[stranger.id])
    lose_the_answer(world)
    world.up("a")
    assert world.calm_up("a") == {}
    assert len(world.zuora.jobs) == 2


def test_an_attempt_that_has_become_too_old_is_left_to_the_guard(world: World) -> None:
    """23 hours after its first request nothing is continued: the job is named, and taken over."""
    lose_the_answer(world)
    world.up("a")
    (lost,) = job_ids(world.zuora.jobs)
    world.pass_time(DAY_S)
    error = world.up("a")["a"]
    assert isinstance(error, GuardError)
    assert f'existing_job_id="{lost}"' in str(error)

    world.declare(existingJobId=lost)
    assert world.up("a") == {}
    assert (world.held(), job_ids(world.zuora.jobs)) == (lost, [lost])


def test_limit_without_a_guard_a_key_is_forgotten_after_a_day(world: World) -> None:
    """With `guard="none"` a lost job is not found after 24 hours, as the user is told."""
    world.declare(guard="none")
    lose_the_answer(world)
    assert 'guard="none" looks for no job' in str(world.up("a")["a"])
    world.pass_time(DAY_S)
    world.up("a")

    assert len(world.zuora.jobs) == 2


def test_limit_two_stacks_that_start_in_the_very_same_moment(world: World) -> None:
    """Zuora knows no lock: what it has not listed yet, no guard can see."""
    lose_the_answer(world, then_done_after_s=110)
    world.up("a", fate=Fate(crash_at=5))
    assert len(keys_sent(world)) == 1
    world.zuora.clear_plans()
    world.up("a", home=1)
    world.zuora.clock.advance(150)

    assert len(world.zuora.jobs) == 2


def test_limit_a_page_that_passes_for_zuoras_own_refusal(world: World) -> None:
    """With Zuora's own header, one id, and a job that is listed too late, a second job starts."""
    on, page = Operation.CREATE, {"status": 403, "request_id": "1"}
    world.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=on, then_done_after_s=110)
    world.zuora.plan(Fault.MAINTENANCE_PAGE, on=on, times=2, **page)
    assert isinstance(world.up("a")["a"], PartlyCreatedError)
    assert len(keys_sent(world)) == 1
    world.zuora.plan(Fault.MAINTENANCE_PAGE, on=on, times=2, **page)
    world.up("a")
    with pytest.raises(AssertionError, match="I1"):
        world.pass_time(150)

    assert len(world.zuora.jobs) == 2


def test_limit_a_saved_refusal_with_a_new_request_id_each_time(world: World) -> None:
    """Should Zuora not repeat its request id, a saved refusal cannot be told from a new one."""
    world.zuora.behaviours.replay_keeps_request_id = False
    world.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, code="58730010")
    for _ in range(2):
        assert isinstance(world.up("a")["a"], JobRefusedError)
    world.pass_time(DAY_S)
    assert world.calm_up("a") == {}


def test_limit_what_destroy_stops_another_resource_may_hold(world: World) -> None:
    """`destroy` runs no program, so nobody tells the provider that another resource holds a job."""
    world.declare(onDelete="stop")
    world.up("a")
    (job,) = world.zuora.jobs
    world.declare("b", type="RatePlanCharge", existingJobId=job.id)
    world.up("b")
    world.destroy("a")

    assert (world.held("b"), job.status) == (job.id, "STOPPED")
