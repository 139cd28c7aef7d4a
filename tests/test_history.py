"""What a resource remembers of the jobs that it has had."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_zuora_backfill.contract.history import History

A = {"intentKey": "key-a", "jobId": "1"}


def test_the_last_job_for_an_intent_is_found() -> None:
    """A→B→A: for A it is the third job, for B the second; what was never asked for has none."""
    history = History().with_job("key-a", "1").with_job("key-b", "2").with_job("key-a", "3")

    assert [history.last(key) for key in ("key-a", "key-b", "key-c")] == ["3", "2", None]
    assert history.job_ids == {"1", "2", "3"}


def test_it_is_the_same_after_a_stay_in_state() -> None:
    """State keeps a list of objects, newest last."""
    history = History().with_job("key-a", "1").with_job("key-b", "2")

    assert history.to_state() == [A, {"intentKey": "key-b", "jobId": "2"}]
    assert History.from_state(history.to_state()) == history
    assert history.complete


def test_an_empty_list_in_state_is_a_history_without_jobs() -> None:
    """It says that the resource has had no job, which is more than to say nothing."""
    assert History.from_state([]) == History(jobs=(), complete=True)
    assert History().to_state() == []


@pytest.mark.parametrize(
    ("value", "jobs"),
    [
        (None, ()),
        (3, ()),
        ({}, ()),
        ("history", ()),
        (["x", None], ()),
        ([A, {"intentKey": "key-b"}], (("key-a", "1"),)),
        ([A, {"intentKey": 5, "jobId": "2"}], (("key-a", "1"),)),
        ([{"intentKey": "key-b", "jobId": None}, A], (("key-a", "1"),)),
    ],
)
def test_a_history_that_is_missing_or_cannot_be_read_is_unknown_and_not_empty(
    value: Any, jobs: tuple[tuple[str, str], ...]
) -> None:
    """What can be read of it counts; that it is not all stays known, also after the next job."""
    history = History.from_state(value)

    assert history == History(jobs=jobs, complete=False)
    assert history.with_job("key-c", "3") == History(jobs=(*jobs, ("key-c", "3")), complete=False)


def test_an_incomplete_history_is_not_written_down_as_a_complete_one() -> None:
    """Nothing is written then, so that the next run reads it as unknown again."""
    history = History(complete=False).with_job("key-a", "1")

    assert history.to_state() is None
    assert not History.from_state(history.to_state()).complete


def test_it_does_not_grow_for_ever() -> None:
    """The last 20 jobs stay; the guard counts older ones."""
    history = History()
    for number in range(25):
        history = history.with_job(f"key-{number}", str(number))

    assert [job_id for _, job_id in history.jobs] == [str(number) for number in range(5, 25)]


def test_only_what_was_started_as_a_dry_run_is_one() -> None:
    """A job that was taken over, or that state does not call a dry run, may be live."""
    history = History().with_job("k", "a").with_job("k", "b", dry_run=True).with_job("k", "c")
    again = History.from_state(history.to_state())

    assert again == history
    assert (again.dry_runs, again.live_job_ids) == (frozenset("b"), ("a", "c"))
