"""The idempotency contract, on the real code against the local Zuora: random histories, and in plain words those that once broke it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pulumi_zuora_backfill.errors import (
    AmbiguousJobError,
    GuardError,
    JobRefusedError,
    OutcomeUnknownError,
)
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .contract.machine import BeyondADay, Contract
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
@pytest.mark.parametrize("machine", [Contract, BeyondADay])
def test_no_history_breaks_the_contract(machine: type[Contract], still_zuora: Sandbox) -> None:
    """I1 to I5 hold, whatever is lost, retried, killed or run twice."""
    run_state_machine_as_test(
        type(machine.__name__, (machine,), {"zuora": still_zuora}),
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


@pytest.fixture
def world(still_zuora: Sandbox) -> World:
    """Begin a new world in which resource `a` is a dry run, which no guard watches."""
    world = World(still_zuora)
    world.declare(dryRun=True)
    return world


def test_a_refusal_that_was_not_saved_leaves_its_key_in_use(world: World) -> None:
    """
    A one-time key is for a key that holds a refusal; any other key is asked again.

    A gateway's refusal is not saved. A job started under a one-time key after it would be joined by a second one as soon as the free key is sent again: by
    another pipeline, or after a process that was killed before state was written.
    """
    world.zuora.plan(Fault.REDIRECT, on=Operation.CREATE)
    world.up("a", fate=Fate(crash_at=8))
    world.up("a", pipeline=1)
    world.up("a")

    (job,) = world.zuora.jobs
    assert [state["a"].id for state in world.states] == [job.id] * 2


def test_a_refusal_says_nothing_about_a_lost_answer_before_it(world: World) -> None:
    """The job whose answer was lost is there, so the user reads that it may be, and not that Zuora refused; the same `up` finds it."""
    world.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE)
    world.zuora.plan(Fault.UNSAVED_FAILURE, on=Operation.CREATE, times=2, code="58730010")

    assert isinstance(world.up("a")["a"], OutcomeUnknownError)
    assert world.calm_up("a") == {}
    assert job_ids(world.zuora.jobs) == [world.states[0]["a"].id]


def test_a_refusal_that_stands_is_told_and_sends_no_one_time_key(world: World) -> None:
    """Refused twice, and not with one saved answer: Zuora refuses now, and there is nothing to get past."""
    world.zuora.plan(Fault.UNSAVED_FAILURE, on=Operation.CREATE, times=2, code="58730030")

    assert isinstance(world.up("a")["a"], JobRefusedError)
    assert (
        len(
            {
                request.headers["Idempotency-Key"]
                for request in world.zuora.requests
                if request.operation is Operation.CREATE
            }
        )
        == 1
    )
    assert world.calm_up("a") == {}


def test_a_saved_refusal_is_known_by_its_body_where_its_header_is_new(world: World) -> None:
    """Whether a replay repeats `Zuora-Request-Id` is not documented for certain; its body is the old one in any case."""
    world.zuora.behaviours.replay_keeps_request_id = False
    world.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, code="58730010")
    world.up("a", fate=Fate(crash_at=4))
    assert world.calm_up("a") == {}

    assert [state["a"].id for state in world.states[:1]] == job_ids(world.zuora.jobs)


def test_the_day_counts_from_the_first_key_of_the_chain(world: World) -> None:
    """What starts after a stopped job is found by way of that job's key, so the user is told when that one is forgotten."""
    began_s = world.zuora.clock.now()
    world.up("a")
    world.pass_time(20 * 3600)
    world.destroy("a")
    lose_the_answer(world, after=1)
    text = str(world.up("a")["a"])

    told = datetime.fromisoformat(
        text.partition("again before ")[2].partition("Z")[0] + "+00:00"
    ).timestamp()
    assert began_s < told <= began_s + DAY_S + 1


def test_another_batch_size_starts_no_job(world: World) -> None:
    """A changed batch size goes on where a lost answer left off; where Zuora minds, the user is told to put it back."""
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


def test_limit_a_key_is_forgotten_after_a_day(world: World) -> None:
    """Without a guard, a lost job is not found after 24 hours, as the user was told when it was lost."""
    lose_the_answer(world)
    text = str(world.up("a")["a"])
    assert "(24 hours after the first such attempt" in text
    assert "Later than that, look into Revenue" in text
    world.pass_time(DAY_S)
    world.up("a")

    assert len(world.zuora.jobs) == 2


def test_limit_a_guard_refuses_what_the_key_forgot(world: World) -> None:
    """With `guard="once"` nothing is started beside a job whose key is forgotten: it is named, with the line that adopts it."""
    world.declare(dryRun=False)
    lose_the_answer(world)
    world.up("a")
    (lost,) = world.zuora.jobs
    world.pass_time(DAY_S)
    error = world.up("a")["a"]
    assert isinstance(error, GuardError)
    assert f'existing_job_id="{lost.id}"' in str(error)

    world.declare(existingJobId=lost.id)
    assert world.up("a") == {}
    assert job_ids(world.zuora.jobs) == [lost.id]


def test_limit_a_saved_429_is_got_past_by_a_call_that_may_wait_as_long_as_it_asks(
    world: World,
) -> None:
    """Should Zuora save a 429, one answer does not show it: the next `up` meets it again, until a call may take as long as the text says."""
    world.zuora.behaviours.saves_429 = True
    world.zuora.plan(Fault.RATE_LIMITED_429, on=Operation.CREATE, retry_after_s=1000)
    texts = set()
    for _ in range(2):
        texts.add(
            str(world.up("a")["a"]).partition(" Nothing is lost: run `pulumi up` again before ")[0]
        )
        world.pass_time(1000)

    assert [text.partition(" [")[0] for text in texts] == [
        "It is not known whether the backfill job was started. Zuora could not start the backfill job "
        "(HTTP 429, to be tried again after 1000 s, code 58730070: The request exceeded the rate limit.)"
    ]
    assert [text.partition("]. ")[2] for text in texts] == [
        "The tenant's rate or concurrency limit is reached: run the same command again later, "
        "or raise ZUORA_CALL_TIMEOUT / zuora:callTimeout above the time that Zuora asks for."
    ]
    assert world.zuora.jobs == []
    assert world.calm_up("a") == {}
    assert job_ids(world.zuora.jobs) == [world.states[0]["a"].id]


def in_flight_under_a_one_time_key(world: World) -> str:
    """Let a one-time key be in flight when the patience ends, and return what the user reads."""
    world.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, code="58730010")
    world.up("a", fate=Fate(crash_at=4))
    lose_the_answer(world, after=2, then_done_after_s=110)
    return str(world.up("a")["a"])


@pytest.mark.parametrize(("waits_s", "jobs"), [(0.0, 2), (120.0, 1)])
def test_limit_a_one_time_key_in_flight(world: World, waits_s: float, jobs: int) -> None:
    """A job under a one-time key is found once Zuora lists it: within two minutes it may not be, as the user is told."""
    world.patient = False
    text = in_flight_under_a_one_time_key(world)
    assert "Wait two minutes" in text
    world.zuora.clock.advance(waits_s)
    error = world.up("a").get("a")
    world.zuora.clock.advance(150.0)

    assert len(world.zuora.jobs) == jobs
    assert isinstance(error, AmbiguousJobError) == (jobs == 1)


@pytest.mark.parametrize(
    ("named", "jobs"), [("known", 2), ("adopted by another resource", 2), ("nowhere", 1)]
)
def test_beside_a_job_another_one_is_started_only_where_the_user_names_it(
    world: World, named: str, jobs: int
) -> None:
    """
    A job behind a refusal's key is found in the tenant's list alone: unless the program names it, nothing more is sent.

    One pipeline got past a saved refusal with a one-time key; the other still meets that refusal.
    """
    world.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, code="58730010")
    world.up("a")
    (job,) = world.zuora.jobs
    match named:
        case "known":
            world.declare(knownJobIds=[job.id])
        case "adopted by another resource":
            world.declare("b", existingJobId=job.id)
            world.up("b", pipeline=1)
    errors = world.up("a", pipeline=1)

    assert (type(errors.get("a")), len(world.zuora.jobs)) == (
        type(None) if jobs == 2 else AmbiguousJobError,
        jobs,
    )


def test_what_another_state_has_started_for_the_same_is_taken_over_whatever_came_before(
    world: World,
) -> None:
    """The first job for an intent goes out under the key of the intent alone, so that two states with different pasts mean the same job."""
    for triggers in (1, 2):
        world.declare(triggers=triggers)
        world.up("a")
    world.up("a", pipeline=1)
    assert [state["a"].id for state in world.states] == [world.zuora.jobs[1].id] * 2
    assert len(world.zuora.jobs) == 2
