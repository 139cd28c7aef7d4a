"""What the stack's state holds, as the program tells it: what is missing is unknown, not empty."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_zuora_backfill.errors import StateUnreadableError
from pulumi_zuora_backfill.job.identity import Identity
from pulumi_zuora_backfill.job.refused_by_state import refuse_by_state
from pulumi_zuora_backfill.job.stack_state import StackJob, StackState
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.zuora.models import Scope

A, B, C, D = ("abcd"[n] * 32 for n in range(4))
HERE = Scope()
IDENTITY = Identity(
    urn="urn:pulumi:dev::shop::pulumi-python:dynamic/zuora:BackfillJob::charges",
    secrets=frozenset(),
    declared=frozenset(),
    unknown=frozenset(),
    nulls=frozenset(),
    setting_keys=frozenset(),
)


def job(
    urn: str, job_id: str | None = A, *, earlier: tuple[str, ...] = (), **outputs: Any
) -> StackJob:
    """Return a live job of the stack, or one that differs."""
    given = {"type": "RatePlanCharge", "status": "COMPLETED", **outputs}
    return StackJob(urn=urn, outputs=given | ({"jobId": job_id} if job_id else {}), earlier=earlier)


def test_what_the_program_tells_is_read() -> None:
    """Jobs and take-overs come as text, so that no unknown value in them can spoil the rest."""
    told = {
        "predecessor": {"jobId": A},
        "jobs": json.dumps([["urn-a", {"jobId": A, "dryRun": True}, [B]]]),
        "takenOver": json.dumps({C: "taker"}),
    }

    assert StackState.from_input(told) == StackState(
        predecessor={"jobId": A},
        jobs=(StackJob(urn="urn-a", outputs={"jobId": A, "dryRun": True}, earlier=(B,)),),
        taken_over={C: "taker"},
    )
    assert StackState.from_input({"jobs": "[]", "predecessor": None}) == StackState()
    assert StackState().unreadable is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "the program did not tell what state holds"),
        ("x", "the program did not tell what state holds"),
        ({}, "the program did not tell what state holds"),
        ({"jobs": ["x"], "predecessor": {"jobId": A}}, "the program did not tell what state holds"),
        ({"unreadable": "no such stack"}, "no such stack"),
    ],
)
def test_what_is_missing_is_unknown_and_not_empty(value: Any, why: str) -> None:
    """Old state, a subclass, a backend that cannot be read: it is said why, where it is known."""
    assert StackState.from_input(value) == StackState(unreadable=why)


def test_a_job_is_live_unless_it_says_that_it_is_a_dry_run() -> None:
    """An old state that does not tell is a reason to be careful."""
    values = (True, False, None, "true")

    assert [job("u", dryRun=value).dry_run for value in values] == [True, False, False, False]
    assert not job("u").dry_run


def test_an_open_attempt_is_a_job_resource_without_a_job() -> None:
    """It holds nothing that could be named, and still it is there."""
    attempt = job("attempt", None, effectiveEntityId="e", effectiveOrgIds=["a", "b"])
    state = StackState(jobs=(attempt, job("a", B)))

    assert (attempt.job_id, attempt.scope) == (None, Scope(entity_id="e", org_ids=("a", "b")))
    assert state.held_by() == {B: "a"}
    assert state.not_counted(HERE) == frozenset()


def test_dry_runs_and_jobs_of_other_entities_do_not_count() -> None:
    """
    All that a dry run resource has had; of another entity only what state holds.

    An entity that nobody names may be the one that is named, so its jobs count.
    """
    state = StackState(
        jobs=(
            job("live", A),
            job("dry", B, dryRun=True, earlier=(C,)),
            job("eu", D, effectiveEntityId="eu"),
        )
    )

    assert state.not_counted(HERE) == {B, C}
    assert state.not_counted(Scope(entity_id="eu")) == {B, C}
    assert state.not_counted(Scope(entity_id="us")) == {B, C, D}
    assert state.not_counted(Scope(org_ids=("o",))) == {B, C}


def test_jobs_of_other_organisations_do_not_count_if_both_name_them() -> None:
    """One in common is enough, and who names none may see all."""
    state = StackState(
        jobs=(job("one", A, effectiveOrgIds=["1"]), job("two", B, effectiveOrgIds=["2", "3"]))
    )

    assert state.not_counted(Scope(org_ids=("1", "2"))) == frozenset()
    assert state.not_counted(Scope(org_ids=("1",))) == {B}
    assert state.not_counted(HERE) == frozenset()


def test_live_jobs_that_the_program_declares_before_this_one_are_read() -> None:
    """As text, as the whole list of jobs is; organisations come back as they are compared."""
    state = StackState.from_input({"jobs": "[]", "beside": '[["a", "OrderLineItem", null, ["o"]]]'})

    assert state.beside == (("a", "OrderLineItem", Scope(org_ids=("o",))),)


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        (job("b"), True),
        (job("b", status="PROCESSING"), True),
        (job("b", status="UNKNOWN"), True),
        (job("b", None), True),
        (job("b", status="FAILED"), False),
        (job("b", status="STOPPED"), False),
        (job("b", dryRun=True), False),
        (job("b", type="OrderLineItem"), False),
        (job("b", effectiveEntityId="eu"), True),
        (job("b", effectiveEntityId="us"), False),
        (job("b", effectiveOrgIds=["o", "p"]), True),
        (job("b", effectiveOrgIds=["p"]), False),
        (job("mine"), False),
        (job("b", C), False),
    ],
)
def test_live_jobs_of_other_resources_are_found(other: StackJob, counts: bool) -> None:
    """Of the type, if no place keeps them apart, unless they did nothing more or are one's own."""
    state, eu = StackState(jobs=(other,)), Scope(entity_id="eu", org_ids=("o",))

    assert state.live_jobs("RatePlanCharge", eu, ["mine", C]) == ([other] if counts else [])


@pytest.mark.parametrize(
    ("inputs", "predecessor", "danger"),
    [
        ({"dryRun": False}, {}, "A live backfill could be a second one."),
        ({"dryRun": False}, {"jobId": A}, "A live backfill could be a second one."),
        ({"dryRun": True}, {}, "A dry run could be handed the job of an earlier one."),
        ({"dryRun": True}, {"jobId": A}, None),
        ({"dryRun": False, "existingJobId": A}, {}, None),
    ],
)
def test_a_state_that_cannot_be_read_refuses_a_start(
    inputs: dict[str, Any], predecessor: dict[str, Any], danger: str | None
) -> None:
    """A dry run goes on if the engine shows what it replaces; a take-over starts nothing."""
    state = StackState(unreadable="no such stack")
    arguments = (IDENTITY, inputs, Settings(), state, predecessor)
    refused: str | None = None
    try:
        refuse_by_state(*arguments)
    except StateUnreadableError as error:
        refused = error.message

    assert refused == (
        f"Nothing was started: the state of this stack could not be read (no such stack).\n{danger}"
        if danger
        else None
    )
