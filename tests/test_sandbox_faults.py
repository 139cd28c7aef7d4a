"""Each planned fault does what it says to the requests it was planned for, and to no other."""

from __future__ import annotations

import pytest
import requests

from pulumi_zuora_backfill.testing.sandbox import Fault, Operation
from tests.test_sandbox_caller import Caller, caller, codes, zuora

__all__ = ["caller", "zuora"]  # pytest finds fixtures by name

CREATE = Operation.CREATE


def test_a_fault_meets_the_planned_requests_only(caller: Caller) -> None:
    """`on`, `after` and `times` say which requests; other operations do not count."""
    caller.zuora.plan(Fault.GATEWAY_404, on=Operation.LIST, after=1, times=2)
    caller.create()
    assert [caller.list().status_code for _ in range(4)] == [200, 404, 404, 200]


def test_faults_are_used_up_in_order(caller: Caller) -> None:
    """Each request takes one fault; `clear_plans` drops the rest."""
    caller.zuora.plan(Fault.HTML_502)
    caller.zuora.plan(Fault.USER_INFO_401, times=2)
    assert [caller.list().status_code for _ in range(2)] == [502, 401]
    caller.zuora.clear_plans()
    assert caller.list().status_code == 200


def test_unknown_parameter_is_an_error(caller: Caller) -> None:
    """A misspelt parameter is caught where it is written."""
    with pytest.raises(TypeError, match="SLOW takes seconds, not second"):
        caller.zuora.plan(Fault.SLOW, second=1)
    assert caller.list().status_code == 200


def test_dropped_before(caller: Caller) -> None:
    """The connection is lost and nothing was done: the key is free."""
    caller.zuora.plan(Fault.CONNECTION_DROPPED_BEFORE, on=CREATE)
    with pytest.raises(requests.ConnectionError):
        caller.create(key="k")
    assert caller.zuora.jobs == []
    assert caller.zuora.requests[0].status is None
    assert caller.create(key="k").json()["jobId"] == caller.zuora.jobs[0].id


def test_dropped_after(caller: Caller) -> None:
    """The connection is lost and the job is made: the key knows it."""
    caller.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    with pytest.raises(requests.ConnectionError):
        caller.create(key="k")
    [job] = caller.zuora.jobs
    assert (caller.zuora.requests[0].status, caller.zuora.requests[0].job_id) == (None, job.id)
    assert caller.create(key="k").json() == {"success": True, "jobId": job.id}
    assert caller.zuora.jobs == [job]


def test_dropped_long_before_the_job_is_made(caller: Caller) -> None:
    """The job appears later, as it does behind a gateway that gave up.

    Until then the key is in progress.
    """
    caller.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE, then_done_after_s=60)
    with pytest.raises(requests.ConnectionError):
        caller.create(key="k")
    assert caller.create(key="k").status_code == 409
    assert caller.zuora.jobs == []
    caller.zuora.clock.advance(60)
    [job] = caller.zuora.jobs
    assert job.created_s == pytest.approx(caller.zuora.requests[0].at + 60, abs=5)
    assert caller.create(key="k").json()["jobId"] == job.id


def test_in_flight(caller: Caller) -> None:
    """A 409 whose code is not that of a lock; by default the next request is a first one."""
    caller.zuora.plan(Fault.IN_FLIGHT_409, on=CREATE)
    refused = caller.create(key="k")
    assert refused.status_code == 409
    assert not refused.json()["reasons"][0]["code"].endswith("50")
    assert caller.zuora.jobs == []
    assert caller.create(key="k").status_code == 200


def test_in_flight_needs_a_token(caller: Caller) -> None:
    """Without a good token a request does not come as far as its key."""
    caller.zuora.revoke_tokens()
    caller.zuora.plan(Fault.IN_FLIGHT_409, on=CREATE, times=2)
    caller.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE, then_done_after_s=1)
    assert [caller.create(key="k").status_code for _ in range(2)] == [401, 401]
    with pytest.raises(requests.ConnectionError):
        caller.create(key="k")
    caller.zuora.clock.advance(1)
    assert caller.zuora.jobs == []


def test_in_flight_until_done(caller: Caller) -> None:
    """The key answers 409 until the work is done, and then with the job."""
    caller.zuora.plan(Fault.IN_FLIGHT_409, on=CREATE, then_done_after_s=30)
    assert [caller.create(key="k").status_code for _ in range(2)] == [409, 409]
    caller.zuora.clock.advance(30)
    assert caller.create(key="k").json()["jobId"] == caller.zuora.jobs[0].id
    assert len(caller.zuora.jobs) == 1


def test_deferred_work_is_refused_by_the_rules_of_its_time(caller: Caller) -> None:
    """A job that is made later needs the permission then; the refusal is saved like any other."""
    caller.zuora.plan(Fault.GATEWAY_504, on=CREATE, then_done_after_s=30)
    assert caller.create(key="k").status_code == 504
    caller.zuora.permit(False)
    caller.zuora.clock.advance(30)
    assert codes(caller.create(key="k")) == [(403, "10")]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, (None, None)),
        ({"retry_after_s": 3}, ("3", None)),
        ({"ratelimit_reset_s": 9}, (None, "9")),
        ({"retry_after_s": 3, "ratelimit_reset_s": 9}, ("3", "9")),
    ],
)
def test_rate_limited(
    caller: Caller, parameters: dict[str, int], expected: tuple[str | None, str | None]
) -> None:
    """A 429 says when to come back only where the plan does; it is not saved."""
    caller.zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, **parameters)
    answer = caller.create(key="k")
    assert codes(answer) == [(429, "70")]
    assert (answer.headers.get("Retry-After"), answer.headers.get("RateLimit-Reset")) == expected
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert caller.create(key="k").status_code == 200


def test_rate_limited_as_other_guesses_have_it(caller: Caller) -> None:
    """Whether a 429 is saved, and its body, are guesses."""
    caller.zuora.behaviours.saves_429 = True
    caller.zuora.behaviours.rate_limited_has_reasons = False
    caller.zuora.plan(Fault.RATE_LIMITED_429, on=CREATE)
    answer = caller.create(key="k")
    assert answer.json() == {"message": "API rate limit exceeded"}
    again = caller.create(key="k")
    assert (again.status_code, again.headers) == (429, answer.headers)
    assert caller.zuora.jobs == []


def test_saved_failure_is_the_keys_answer(caller: Caller) -> None:
    """It comes again with the same request id for 24 hours; another key is not concerned."""
    caller.zuora.plan(
        Fault.SAVED_FAILURE, on=CREATE, status=500, code="69000060", message="Out of order"
    )
    first, again = caller.create(key="k"), caller.create(key="k")
    assert codes(first) == [(500, "60")]
    assert first.json()["reasons"] == [{"code": "69000060", "message": "Out of order"}]
    assert (again.content, again.headers) == (first.content, first.headers)
    assert caller.create(key="other").status_code == 200
    assert len(caller.zuora.jobs) == 1


def test_unsaved_failure_is_over_with_the_next_request(caller: Caller) -> None:
    """It looks the same, but leaves the key free."""
    caller.zuora.plan(Fault.UNSAVED_FAILURE, on=CREATE, code="58730050")
    assert codes(caller.create(key="k")) == [(409, "50")]
    assert caller.create(key="k").status_code == 200


def test_failure_of_any_operation(caller: Caller) -> None:
    """A failure can meet operations that have no key."""
    caller.zuora.plan(Fault.SAVED_FAILURE, on=Operation.LIST, status=503)
    assert codes(caller.list()) == [(503, "60")]
    assert caller.list().status_code == 200


def test_success_false(caller: Caller) -> None:
    """HTTP 200 is no proof of success; saved or not."""
    caller.zuora.plan(Fault.SUCCESS_FALSE, on=CREATE, code="50000061")
    caller.zuora.plan(Fault.SUCCESS_FALSE, on=CREATE, code="50000061", saved=False)
    assert [codes(caller.create(key="saved")) for _ in range(2)][1] == [(200, "61")]
    caller.zuora.clear_plans()
    caller.zuora.plan(Fault.SUCCESS_FALSE, on=CREATE, code="50000061", saved=False)
    assert codes(caller.create(key="unsaved")) == [(200, "61")]
    assert caller.zuora.jobs == []
    assert caller.create(key="unsaved").json()["success"] is True


def test_html_502(caller: Caller) -> None:
    """A gateway's page, without any of Zuora's headers."""
    caller.zuora.plan(Fault.HTML_502, on=CREATE)
    answer = caller.create(key="k")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert "Zuora-Request-Id" not in answer.headers
    assert caller.zuora.jobs == []
    assert caller.create(key="k").status_code == 200


def test_gateway_timeout_with_a_job(caller: Caller) -> None:
    """The gateway gives up, the job is made, and the key knows it."""
    caller.zuora.plan(Fault.GATEWAY_504, on=CREATE)
    assert caller.create(key="k").status_code == 504
    [job] = caller.zuora.jobs
    assert caller.create(key="k").json()["jobId"] == job.id
    assert caller.zuora.jobs == [job]


def test_gateway_timeout_without_a_job(caller: Caller) -> None:
    """The gateway gives up and nothing was done; whether the 504 is saved is a guess."""
    caller.zuora.behaviours.saves_5xx = True
    caller.zuora.plan(Fault.GATEWAY_504, on=CREATE, job_is_made=False)
    assert [caller.create(key="k").status_code for _ in range(2)] == [504, 504]
    caller.zuora.behaviours.saves_5xx = False
    caller.zuora.plan(Fault.GATEWAY_504, on=CREATE, job_is_made=False)
    assert [caller.create(key="other").status_code for _ in range(2)] == [504, 200]


def test_truncated_json(caller: Caller) -> None:
    """A well-formed answer with half a body; the job is made."""
    caller.zuora.plan(Fault.TRUNCATED_JSON, on=CREATE)
    answer = caller.create(key="k")
    whole = caller.create(key="k")
    assert answer.status_code == 200
    assert answer.content == whole.content[: len(whole.content) // 2]
    assert len(caller.zuora.jobs) == 1


def test_body_cut_off(caller: Caller) -> None:
    """The connection ends within the body; the job is made."""
    caller.zuora.plan(Fault.BODY_CUT_OFF, on=CREATE)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        caller.create(key="k")
    assert caller.create(key="k").json()["jobId"] == caller.zuora.jobs[0].id
    assert len(caller.zuora.jobs) == 1


def test_wrong_id(caller: Caller) -> None:
    """Create and get name another job than they should; the saved answer is the true one."""
    caller.zuora.plan(Fault.WRONG_ID, on=CREATE, job_id="short")
    assert caller.create(key="k").json() == {"success": True, "jobId": "short"}
    job_id = caller.create(key="k").json()["jobId"]
    assert job_id == caller.zuora.jobs[0].id
    caller.zuora.plan(Fault.WRONG_ID, on=Operation.GET)
    wrong = caller.get(job_id).json()["job"]["id"]
    assert len(wrong) == 32
    assert caller.get(wrong).status_code == 404


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault.TOKEN_REVOKED, "Authentication error"),
        (Fault.USER_INFO_401, "Failed to get user info"),
    ],
)
def test_unauthorized(caller: Caller, fault: Fault, message: str) -> None:
    """One request is 401; the token is as good as before."""
    caller.zuora.plan(fault, on=CREATE)
    answer = caller.create(key="k")
    assert (answer.status_code, answer.json()) == (401, {"message": message})
    assert caller.create(key="k").status_code == 200


def test_redirect(caller: Caller) -> None:
    """A redirect to another host; nothing is done."""
    caller.zuora.plan(Fault.REDIRECT, on=CREATE, location="http://evil.invalid/jobs")
    answer = caller.create()
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://evil.invalid/jobs")
    assert caller.zuora.jobs == []


def test_gateway_404_is_not_job_not_found(caller: Caller) -> None:
    """A route that the tenant does not have looks different from a job that it does not know."""
    job = caller.zuora.add_job()
    caller.zuora.plan(Fault.GATEWAY_404, on=Operation.GET)
    answer = caller.get(job.id)
    assert (answer.status_code, answer.json()) == (
        404,
        {"message": "no Route matched with those values"},
    )


def test_slow_answers_normally_in_the_end(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work takes its time, its key in progress meanwhile, and the answer is the true one."""
    meanwhile: list[tuple[float, int, int]] = []

    def sleep(seconds: float) -> None:
        jobs = len(caller.zuora.jobs)
        meanwhile.append((seconds, jobs, Caller(caller.zuora).create(key="k").status_code))

    monkeypatch.setattr(
        "pulumi_zuora_backfill.testing.sandbox.faults.fault_injection.time.sleep", sleep
    )
    caller.zuora.plan(Fault.SLOW, on=CREATE, seconds=5)
    assert caller.create(key="k").json()["jobId"] == caller.zuora.jobs[0].id
    assert meanwhile == [(5, 0, 409)]
