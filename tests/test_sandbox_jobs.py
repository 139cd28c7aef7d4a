"""The life of a job in the sandbox.

The clock, stops, who sees it, and the guesses about all that.
"""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_zuora_backfill.testing.sandbox import Sandbox
from tests.test_sandbox_caller import Caller, caller, codes, zuora

__all__ = ["caller", "zuora"]  # pytest finds fixtures by name


def test_stop_ends_a_running_job(caller: Caller) -> None:
    """A stop answers bare success, whatever the time until the job is stopped."""
    caller.zuora.behaviours.stop_takes_s = 50
    job_id = caller.create().json()["jobId"]
    caller.zuora.clock.advance(10)
    assert caller.stop(job_id).json() == {"success": True}
    assert caller.get(job_id).json()["job"]["status"] == "PROCESSING"
    assert caller.zuora.jobs[0].stop_requested
    caller.zuora.clock.advance(30)
    assert caller.stop(job_id).json() == {"success": True}  # does not begin anew
    caller.zuora.clock.advance(20)
    assert caller.get(job_id).json()["job"]["status"] == "STOPPED"


def test_stop_of_an_ended_job_is_refused(caller: Caller) -> None:
    """An ended job keeps its status; whether asking is a fault is a guess."""
    job = caller.zuora.add_job(status="COMPLETED")
    assert codes(caller.stop(job.id)) == [(400, "30")]
    caller.zuora.behaviours.stop_of_ended_job_category = None
    assert caller.stop(job.id).json() == {"success": True}
    assert (job.status, job.stop_requested) == ("COMPLETED", False)


@pytest.mark.parametrize(
    ("body", "category"),
    [({}, "22"), ({"status": "STOPPED"}, "20"), ({"status": "Stopping", "why": 1}, "21")],
)
def test_stop_takes_one_body_only(caller: Caller, body: object, category: str) -> None:
    """Anything but `Stopping` is refused."""
    job = caller.zuora.add_job()
    assert codes(caller.stop(job.id, body)) == [(400, category)]
    assert not job.stop_requested


def test_stop_refuses_an_idempotency_key(caller: Caller) -> None:
    """A PUT with a key is 400, with or without a `Zuora-Version`."""
    job = caller.zuora.add_job()
    answer = caller.stop(job.id, Idempotency_Key="k")
    assert answer.status_code == 400
    assert (
        answer.json()["message"] == "Request method 'PUT' not supported with Idempotency-Key header"
    )
    assert not job.stop_requested


def test_stop_without_a_body_is_415(caller: Caller) -> None:
    """A PUT without body and content type is not understood."""
    assert caller.stop(caller.zuora.add_job().id, None).status_code == 415


def test_lists_order_and_retention_are_switches(caller: Caller) -> None:
    """Oldest first and everything by default; newest first, and for some time only, on demand."""
    old, young = caller.zuora.add_job(age_s=7200), caller.zuora.add_job(age_s=60)

    def listed() -> list[str]:
        return [job["id"] for job in caller.list().json()["jobs"]]

    assert listed() == [old.id, young.id]
    caller.zuora.behaviours.newest_first = True
    assert listed() == [young.id, old.id]
    caller.zuora.behaviours.list_keeps_s = 3600
    assert listed() == [young.id]


@pytest.mark.parametrize(("category", "status"), [(50, 409), (30, 400)])
def test_second_job_can_be_refused(caller: Caller, category: int, status: int) -> None:
    """Whether two jobs of a type may run at once is a guess; another type is never in the way."""
    caller.create()
    assert caller.create().status_code == 200
    caller.zuora.behaviours.second_job_category = category
    assert codes(caller.create()) == [(status, str(category))]
    assert caller.create({"type": "OrderLineItem"}).status_code == 200


def test_entities_are_apart() -> None:
    """With several entities a request must name one of them, and sees its jobs only."""
    with Sandbox(entity_ids=("one", "two")) as zuora:
        caller = Caller(zuora)
        job_id = caller.create(Zuora_Entity_Ids="one").json()["jobId"]
        assert codes(caller.list()) == [(400, "23")]
        assert codes(caller.list(Zuora_Entity_Ids="three")) == [(403, "10")]
        assert caller.list(Zuora_Entity_Ids="two").json()["jobs"] == []
        assert caller.get(job_id, Zuora_Entity_Ids="two").status_code == 404
        assert caller.get(job_id, Zuora_Entity_Ids="one").status_code == 200
        zuora.behaviours.entities_share_jobs = True
        assert caller.get(job_id, Zuora_Entity_Ids="two").status_code == 200
        assert {"entity.one", "entity.two"} <= set(caller.token().json()["scope"].split())


def test_organisations_must_be_the_users() -> None:
    """An organisation that the user may not see is refused."""
    with Sandbox(org_ids=("a", "b")) as zuora:
        caller = Caller(zuora)
        assert caller.create(Zuora_Org_Ids="a,b").status_code == 200
        assert codes(caller.create(Zuora_Org_Ids="a,c")) == [(403, "10")]


def test_a_job_lives_by_the_clock() -> None:
    """ACCEPTED, PROCESSING with growing progress, COMPLETED."""
    with Sandbox(job_duration_s=100, batches=4) as zuora:
        caller = Caller(zuora)
        job_id = caller.create().json()["jobId"]

        def state() -> tuple[Any, ...]:
            job = caller.get(job_id).json()["job"]
            return tuple(
                job[name] for name in ("status", "batchSentCount", "batchFinishedCount", "progress")
            )

        assert state() == ("ACCEPTED", 0, 0, "0.00%")
        zuora.clock.advance(80)
        assert state() == ("PROCESSING", 4, 3, "75.00%")
        zuora.clock.advance(20)
        assert state() == ("COMPLETED", 4, 4, "100.00%")


def test_a_job_ends_as_decided(caller: Caller) -> None:
    """Without a duration a job runs until a test ends it.

    The test chooses status, errors and batches.
    """
    job_id = caller.create().json()["jobId"]
    caller.zuora.clock.advance(10_000_000)
    assert caller.zuora.jobs[0].status == "PROCESSING"
    caller.zuora.finish(job_id, "FAILED", error_count=3, batches_finished=2)
    fresh = Caller(caller.zuora).get(job_id).json()["job"]
    assert (fresh["status"], fresh["errorCount"], fresh["progress"]) == ("FAILED", 3, "20.00%")
    with pytest.raises(ValueError, match="COMPLETED, FAILED, STOPPED"):
        caller.zuora.finish(job_id, "PROCESSING")


def test_errors_can_fail_a_job(caller: Caller) -> None:
    """COMPLETED with errors, or FAILED: a guess."""
    first, second = caller.zuora.add_job(), caller.zuora.add_job()
    caller.zuora.finish(first.id, error_count=1)
    caller.zuora.behaviours.errors_fail_job = True
    caller.zuora.finish(second.id, error_count=1)
    assert (first.status, second.status) == ("COMPLETED", "FAILED")


def test_unknown_status_can_be_set_and_stopped(caller: Caller) -> None:
    """A test may invent a status; a job that has not ended can be stopped all the same."""
    job = caller.zuora.add_job(status="PAUSED")
    assert caller.get(job.id).json()["job"]["status"] == "PAUSED"
    caller.stop(job.id)
    assert job.status == "STOPPED"


def test_dry_runs_may_not_count(caller: Caller) -> None:
    """Whether a dry run reports batches is a guess."""
    job = caller.zuora.add_job(dry_run=True, status="COMPLETED")

    def counts() -> tuple[int, int]:
        reported = caller.get(job.id).json()["job"]
        return reported["batchSentCount"], reported["batchFinishedCount"]

    assert counts() == (10, 10)
    caller.zuora.behaviours.dry_run_counts = False
    assert counts() == (0, 0)
