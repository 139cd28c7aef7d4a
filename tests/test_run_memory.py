"""What one run has seen: the engine shows the past piece by piece, and to several threads."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_zuora_backfill.job.run_memory import RunMemory
from pulumi_zuora_backfill.job.stack_state import StackJob, StackState
from pulumi_zuora_backfill.zuora.models import Scope

from .parts import in_threads

A, B = "a" * 32, "b" * 32
URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/zuora:BackfillJob::"
ONE, TWO = f"{URN}one", f"{URN}two"


def holding(urn: str, job_id: str, **taken_over: str) -> StackState:
    """Return a state in which a resource holds a job."""
    return StackState(
        jobs=(StackJob(urn=urn, outputs={"jobId": job_id}),),
        taken_over={job: name for name, job in taken_over.items()},
    )


def test_what_was_said_is_not_said_again() -> None:
    """Of many threads that want to say it, one does."""
    run = RunMemory()

    assert sorted(map(str, in_threads(8, lambda: run.first_time("x")))) == ["False"] * 7 + ["True"]
    assert run.first_time("y")


def test_a_job_that_another_resource_holds_or_takes_over_is_kept() -> None:
    """Whatever the order in which they are checked; one's own hold is no reason."""
    run = RunMemory()
    run.learn_of_program(ONE, holding(ONE, A), None)
    assert (run.kept_by(A, ONE), run.kept_by(A, TWO)) == (None, "one")

    run.learn_of_program(TWO, StackState(), A)
    assert run.kept_by(A, ONE) == "two"
    assert run.kept_by(B, ONE) is None


def test_a_job_that_state_says_is_taken_over_is_kept_by_name() -> None:
    """The program tells all take-overs at once, before the resource itself is checked."""
    run = RunMemory()
    run.learn_of_program(ONE, holding(ONE, A, two=A), None)

    assert (run.kept_by(A, ONE), run.kept_by(A, TWO)) == ("two", "one")
    alone = RunMemory()
    alone.learn_of_program(TWO, StackState(taken_over={A: "two"}), None)
    assert (alone.kept_by(A, TWO), alone.kept_by(A, ONE)) == (None, "two")


def test_an_attempt_without_a_job_holds_nothing() -> None:
    """No job id is not a job that is called None."""
    run = RunMemory()
    run.learn_of_program(ONE, StackState(jobs=(StackJob(urn=ONE, outputs={}),)), None)

    assert run.kept_by(None, TWO) is None


def test_a_resource_that_is_checked_for_a_start_is_replaced_when_it_is_deleted() -> None:
    """A destroy checks nothing."""
    run = RunMemory()
    run.to_start(ONE, {"type": "RatePlanCharge"})

    assert run.replacement_of(ONE) == {"type": "RatePlanCharge"}
    assert run.replacement_of(TWO) is None


def test_of_two_live_starts_of_a_type_and_place_the_second_hears_of_the_first() -> None:
    """Asked again, a resource is not its own rival; other types and entities are none.

    An entity that nobody names may be the one that is named.
    """
    run, eu, us = RunMemory(), Scope(entity_id="eu"), Scope(entity_id="us")
    asked = [
        ("RatePlanCharge", eu, ONE),
        ("RatePlanCharge", eu, ONE),
        ("RatePlanCharge", eu, TWO),
        ("RatePlanCharge", Scope(), TWO),
        ("OrderLineItem", eu, TWO),
        ("RatePlanCharge", us, TWO),
    ]

    assert [run.starts_beside(*start) for start in asked] == [None, None, ONE, ONE, None, None]


def test_what_the_engine_shows_of_the_past_is_kept_for_the_create() -> None:
    """Nothing shown is not the same as a past without outputs."""
    run = RunMemory()
    run.show_before(ONE, {})
    run.note_changes(ONE, ("reason",))

    assert (run.before(ONE), run.before(TWO)) == ({}, None)
    assert (run.changes(ONE), run.changes(TWO)) == (("reason",), ())


@pytest.mark.parametrize(
    ("jobs", "ended"),
    [
        ([{"jobId": A, "status": "COMPLETED"}, "x"], True),
        ([{"jobId": A, "status": "PROCESSING"}], False),
        ([{"jobId": B, "status": "COMPLETED"}], False),
        (None, False),
        ({}, False),
    ],
)
def test_a_job_whose_end_a_completion_has_seen_is_not_asked_about(jobs: Any, ended: bool) -> None:
    """Only COMPLETED is an end that a completion sees."""
    run = RunMemory()
    run.learn_of_end(jobs)

    assert run.has_ended(A) == ended
