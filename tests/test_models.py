"""Zuora's JSON as plain data: nothing of it is relied upon but an id and a status."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_zuora_backfill.zuora.models import (
    BackfillRequest,
    Job,
    JobStatus,
    Scope,
    duration,
    iso,
    job_id_of,
)

JOB = "ff8080818bb300af018bb325fe0c58f3"
SAMPLE = {
    "id": JOB,
    "createdOn": 1702541006000,
    "createdOnReadable": "2023-12-14T16:03:26+0800",
    "updatedOn": 1702541007500,
    "updatedOnReadable": "2023-12-14T16:03:27+0800",
    "updatedByUsername": "someone@example.com",
    "status": "COMPLETED",
    "type": "RatePlanCharge",
    "batchSentCount": 3,
    "batchFinishedCount": 2,
    "errorCount": 1,
    "progress": "100.00%",
}
CREATED = datetime(2023, 12, 14, 8, 3, 26, tzinfo=timezone.utc)
FIELDS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(sorted(set(SAMPLE) - {"id", "status"})),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([]) | st.just({}),
)


def job_of(**fields: Any) -> Job:
    """Read the smallest job there is, with these fields on top."""
    return Job.from_wire({"id": JOB, "status": "PROCESSING", **fields})


def test_a_job_is_read_whole() -> None:
    """Every field of Zuora's sample arrives, times in UTC."""
    assert Job.from_wire(SAMPLE, seen_at=CREATED + timedelta(seconds=90)) == Job(
        id=JOB,
        status="COMPLETED",
        type="RatePlanCharge",
        created_on=CREATED,
        updated_on=CREATED + timedelta(seconds=1.5),
        user="someone@example.com",
        progress="100.00%",
        batch_sent_count=3,
        batch_finished_count=2,
        error_count=1,
        seen_at=CREATED + timedelta(seconds=90),
    )


def test_id_and_status_are_enough() -> None:
    """Whatever else is missing is not known."""
    assert job_of() == Job(id=JOB, status="PROCESSING")


@pytest.mark.parametrize(
    "wire", [None, [], "job", {}, {"id": JOB}, {"id": JOB, "status": ""}, {"id": JOB, "status": 1}]
)
def test_a_job_without_a_status_makes_no_sense(wire: object) -> None:
    """It is refused, as nothing could be decided from it."""
    with pytest.raises(ValueError, match="a job without a status"):
        Job.from_wire(wire)


@pytest.mark.parametrize(
    "value", [None, "", JOB[1:], JOB + "0", JOB[1:] + "/", JOB[1:] + "\n", JOB[1:] + "é", 1, [JOB]]
)
def test_a_wrong_job_id_is_refused(value: object) -> None:
    """An id is 32 characters that a path can hold."""
    with pytest.raises(ValueError, match="32 characters"):
        job_id_of(value)


@given(FIELDS)
def test_no_field_breaks_the_reading(fields: dict[str, Any]) -> None:
    """Wrong types and numbers out of any range are unknown; the job can be shown and kept."""
    job = Job.from_wire(
        json.loads(json.dumps({"id": JOB, "status": "FAILED", **fields})), seen_at=CREATED
    )
    assert job.described().encode()
    assert all(
        count is None or 0 <= count <= 2**53 for count in (job.batch_sent_count, job.error_count)
    )
    assert iso(job.created_on) is None or job.age_s is not None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (10**400, "1" + "0" * 39),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (-1, "-1"),
        (0.5, "0.5"),
        (True, "true"),
        ("many\x1b", '"many\\u001b"'),
        ([], "[]"),
        (None, None),
    ],
)
def test_a_count_that_is_none_is_unknown(value: Any, shown: str | None) -> None:
    """Only a whole number that counts something is a count; what was said instead can be shown."""
    job = job_of(errorCount=value)
    assert (job.error_count, job.unreadable_error_count) == (None, shown)


@pytest.mark.parametrize("value", [3, 3.0, "3"])
def test_a_count_is_read_in_whatever_form_it_comes(value: Any) -> None:
    """JSON knows one kind of number, and Zuora writes some of its numbers as texts."""
    job = job_of(errorCount=value)
    assert (job.error_count, type(job.error_count), job.unreadable_error_count) == (3, int, None)


@pytest.mark.parametrize(
    ("epoch_ms", "readable", "created_on"),
    [
        (1702541006000.0, None, CREATED),
        (None, "2023-12-14T16:03:26+0800", CREATED),
        ("1702541006000", "2023-12-14T08:03:26Z", CREATED),
        (10**18, None, None),
        (None, "0001-01-01T00:00:00+0800", None),
        (None, "2023-12-14", None),
        (True, None, None),
    ],
)
def test_a_time_is_read_from_either_field(
    epoch_ms: Any, readable: Any, created_on: datetime | None
) -> None:
    """The number counts first, then the readable text; both come out in UTC."""
    found = job_of(createdOn=epoch_ms, createdOnReadable=readable).created_on
    assert found == created_on
    assert found is None or found.tzinfo is timezone.utc


def test_hostile_texts_do_not_reach_a_terminal() -> None:
    """What cannot be printed is dropped, what is too long is cut."""
    job = job_of(
        status="DONE\x1b[31m\n", type="\x00", updatedByUsername="a\u202e\ud800b" + "x" * 1000
    )
    assert (job.status, job.type, job.user) == ("DONE[31m", None, "ab" + "x" * 253)
    assert job.described().isprintable()


@pytest.mark.parametrize(
    ("status", "running", "ended"),
    [
        (JobStatus.ACCEPTED, True, False),
        (JobStatus.PROCESSING, True, False),
        (JobStatus.COMPLETED, False, True),
        (JobStatus.FAILED, False, True),
        (JobStatus.STOPPED, False, True),
        (JobStatus.UNKNOWN, False, False),
        ("REVERTING", False, False),
    ],
)
def test_a_status_is_running_or_ended_or_neither(status: str, running: bool, ended: bool) -> None:
    """A status that Zuora did not document is neither."""
    job = Job(id=JOB, status=status)
    assert (job.running, job.ended) == (running, ended)


def test_the_age_is_by_one_clock() -> None:
    """Both ends come from Zuora; where one is missing, there is no age."""
    assert (
        Job(id=JOB, status="FAILED", created_on=CREATED, seen_at=CREATED + timedelta(hours=1)).age_s
        == 3600
    )
    assert Job(id=JOB, status="FAILED", created_on=CREATED).age_s is None
    assert Job(id=JOB, status="FAILED", seen_at=CREATED).age_s is None


def test_a_job_is_described_in_one_line() -> None:
    """Id, status, time and user, as far as they are known."""
    assert (
        Job.from_wire(SAMPLE).described()
        == f"{JOB} (COMPLETED, created 2023-12-14T08:03:26Z by someone@example.com)"
    )
    assert job_of().described() == f"{JOB} (PROCESSING)"


@pytest.mark.parametrize(
    ("scope", "headers"),
    [
        (Scope(), {}),
        (Scope(entity_id="e"), {"Zuora-Entity-Ids": "e"}),
        (Scope(org_ids=("a", "b")), {"Zuora-Org-Ids": "a,b"}),
        (Scope(entity_id="e", org_ids=("a",)), {"Zuora-Entity-Ids": "e", "Zuora-Org-Ids": "a"}),
    ],
)
def test_a_scope_is_sent_only_where_it_is_set(scope: Scope, headers: dict[str, str]) -> None:
    """Zuora asks not to send these headers otherwise."""
    assert scope.headers() == headers


def test_the_body_of_a_request() -> None:
    """Zuora's three fields, all of them explicit."""
    request = BackfillRequest(type="OrderLineItem", batch_size=7, dry_run=True)
    assert request.to_wire() == {"type": "OrderLineItem", "batchSize": 7, "dryRun": True}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (86400, "24.0 h")],
)
def test_a_duration_is_said_as_a_person_would(seconds: float, said: str) -> None:
    """Seconds, then minutes, then hours."""
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ({}, {}, False),
        ({"entity_id": "eu"}, {"entity_id": "eu"}, False),
        ({"entity_id": "eu"}, {"entity_id": "us"}, True),
        ({"entity_id": "eu"}, {}, False),
        ({"org_ids": ("1", "2")}, {"org_ids": ("2", "3")}, False),
        ({"org_ids": ("1", "2")}, {"org_ids": ("3",)}, True),
        ({"org_ids": ("1",)}, {}, False),
        ({"entity_id": "eu", "org_ids": ("1",)}, {"org_ids": ("2",)}, True),
        ({"entity_id": "eu", "org_ids": ("1",)}, {"entity_id": "us", "org_ids": ("1",)}, True),
    ],
)
def test_places_are_apart_where_both_name_them(
    one: dict[str, Any], other: dict[str, Any], apart: bool
) -> None:
    """What one of them does not name may be what the other names."""
    assert Scope(**one).apart_from(Scope(**other)) is apart
    assert Scope(**other).apart_from(Scope(**one)) is apart
