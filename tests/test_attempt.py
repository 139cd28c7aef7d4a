"""The attempt record: what state keeps of a start whose outcome is not known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pulumi_zuora_backfill.contract.attempt import LATEST_JOB, LIFETIME, Attempt, Window
from pulumi_zuora_backfill.zuora.models import Job

BEGAN = datetime(2027, 1, 15, 8, 0, 0, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
FIRST = Window(since=BEGAN, until=BEGAN + timedelta(minutes=5))
LATER = Window(since=BEGAN + timedelta(hours=2), until=BEGAN + timedelta(hours=2, minutes=4))
ATTEMPT = Attempt(
    intent_key="zbf1-key",
    after="a" * 32,
    refusals=("r-1", "r-2"),
    began=BEGAN,
    windows=(FIRST, LATER),
)
IN_STATE = {
    "intentKey": "zbf1-key",
    "after": "a" * 32,
    "refusals": ["r-1", "r-2"],
    "began": "2027-01-15T08:00:00+00:00",
    "windows": [
        ["2027-01-15T08:00:00+00:00", "2027-01-15T08:05:00+00:00"],
        ["2027-01-15T10:00:00+00:00", "2027-01-15T10:04:00+00:00"],
    ],
}


def test_a_job_of_an_attempt_is_there_two_minutes_after_its_end() -> None:
    """Zuora's gateway gives up then; and an hour before Zuora forgets a key, the guard decides."""
    assert (timedelta(seconds=120), timedelta(hours=23)) == (LATEST_JOB, LIFETIME)


@pytest.mark.parametrize(
    ("created_on", "own"),
    [
        (BEGAN - SECOND * 1.001, False),
        (BEGAN - SECOND, True),
        (BEGAN, True),
        (FIRST.until, True),
        (FIRST.until + SECOND * 0.001, False),
        (LATER.since - SECOND * 2, False),
        (LATER.since - SECOND, True),
        (LATER.until, True),
        (LATER.until + SECOND, False),
        (None, False),
    ],
)
def test_a_job_inside_a_window_may_be_the_attempt_s_own(
    created_on: datetime | None, own: bool
) -> None:
    """A second early counts, as `Date` is cut to the second; a job without a date never does."""
    job = Job(id="b" * 32, status="PROCESSING", created_on=created_on)

    assert ATTEMPT.may_have_started(job) == own


def test_an_attempt_without_windows_explains_no_job() -> None:
    """Zuora told no time, so any job may be somebody else's."""
    job = Job(id="b" * 32, status="PROCESSING", created_on=BEGAN)

    assert not replace(ATTEMPT, windows=()).may_have_started(job)


@pytest.mark.parametrize(
    ("intent_key", "now", "continues"),
    [
        ("zbf1-key", BEGAN, True),
        ("zbf1-key", BEGAN + LIFETIME - SECOND, True),
        ("zbf1-key", BEGAN + LIFETIME, False),
        ("zbf1-key", BEGAN - SECOND, True),
        ("zbf1-key", BEGAN - SECOND * 2, False),
        ("zbf1-another", BEGAN, False),
    ],
)
def test_an_attempt_is_continued_for_its_own_intent_and_for_23_hours(
    intent_key: str, now: datetime, continues: bool
) -> None:
    """Another intent, a day later, or a clock that went back: the guard decides then."""
    assert ATTEMPT.continues(intent_key, now) == continues
    assert ATTEMPT.until == datetime(2027, 1, 16, 7, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "attempt", [ATTEMPT, replace(ATTEMPT, after=None, refusals=(), windows=())]
)
def test_it_is_the_same_after_a_stay_in_state(attempt: Attempt) -> None:
    """State holds JSON without nulls, which Pulumi would drop."""
    in_state = json.loads(json.dumps(attempt.to_state()))

    assert Attempt.from_state(in_state) == attempt
    assert None not in in_state.values()


def test_what_state_keeps_is_the_same_in_every_version() -> None:
    """A later version has to read what an earlier one wrote; times may come in another zone."""
    assert ATTEMPT.to_state() == IN_STATE
    assert Attempt.from_state({**IN_STATE, "began": "2027-01-15T09:00:00+01:00"}) == ATTEMPT


@pytest.mark.parametrize(
    "value",
    [
        None,
        "attempt",
        [],
        {},
        *({name: v for name, v in IN_STATE.items() if name != gone} for gone in IN_STATE),
        {**IN_STATE, "refusals": None},
        {**IN_STATE, "began": "yesterday"},
        {**IN_STATE, "began": "2027-01-15T08:00:00"},
        {**IN_STATE, "windows": 5},
        {**IN_STATE, "windows": [["2027-01-15T08:00:00+00:00"]]},
        {**IN_STATE, "windows": [["2027-01-15T08:00:00", "2027-01-15T08:05:00"]]},
    ],
)
def test_an_attempt_that_cannot_be_read_is_none(value: Any) -> None:
    """Then the guard decides, which is safe."""
    assert Attempt.from_state(value) is None
