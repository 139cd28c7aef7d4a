"""What a resource remembers of the jobs that it has had."""

from __future__ import annotations

from pulumi_zuora_backfill.contract.history import History


def test_the_last_job_for_an_intent_is_found() -> None:
    """A→B→A: for A it is the third job, for B the second, and for what was never asked for there is none."""
    history = History().with_job("key-a", "1").with_job("key-b", "2").with_job("key-a", "3")

    assert [history.last(key) for key in ("key-a", "key-b", "key-c")] == ["3", "2", None]
    assert history.job_ids == {"1", "2", "3"}


def test_it_is_the_same_after_a_stay_in_state() -> None:
    """State keeps a list of objects, newest last."""
    history = History().with_job("key-a", "1").with_job("key-b", "2")

    assert history.to_state() == [
        {"intentKey": "key-a", "jobId": "1"},
        {"intentKey": "key-b", "jobId": "2"},
    ]
    assert History.from_state(history.to_state()) == history


def test_whatever_state_holds_is_read() -> None:
    """Nothing unusable is taken for knowledge."""
    assert [History.from_state(value) for value in (None, 3, {}, ["x", None])] == [History()] * 4


def test_it_does_not_grow_for_ever() -> None:
    """The last 20 jobs are kept; a key lives for 24 hours, so older ones are only missed by the guard."""
    history = History()
    for number in range(25):
        history = history.with_job(f"key-{number}", str(number))

    assert [job_id for _, job_id in history.jobs] == [str(number) for number in range(5, 25)]
