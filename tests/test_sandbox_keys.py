"""The sandbox remembers idempotency keys as Zuora documents it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pulumi_zuora_backfill.testing.sandbox import Fault, Operation, Sandbox
from tests.test_sandbox_caller import NEW, Caller, caller, codes, zuora

__all__ = ["caller", "zuora"]  # pytest finds fixtures by name

DAY_S = 24 * 3600


def test_same_key_same_answer(caller: Caller) -> None:
    """A key's first answer comes again with status, headers and body, and makes no second job."""
    first = caller.create(key="k", Zuora_Track_Id="one")
    caller.zuora.clock.advance(100)
    second = caller.create(key="k", Zuora_Track_Id="two")
    assert (second.status_code, second.content, second.headers) == (
        200,
        first.content,
        first.headers,
    )
    assert len(caller.zuora.jobs) == 1
    assert [request.job_id for request in caller.zuora.requests] == [caller.zuora.jobs[0].id, None]


def test_date_of_a_replay_is_a_switch(caller: Caller) -> None:
    """A replay may come with today's date; everything else is still the first answer's."""
    caller.zuora.behaviours.replay_keeps_date = False
    first = caller.create(key="k")
    caller.zuora.clock.advance(100)
    second = caller.create(key="k")
    changed = {name for name in first.headers if first.headers[name] != second.headers[name]}
    assert changed == {"Date"}


def test_other_key_other_job(caller: Caller) -> None:
    """Another key, or none, makes another job."""
    for key in ("a", "b", None, None):
        caller.create(key=key)
    assert len(caller.zuora.jobs) == 4


def test_keys_are_forgotten_after_a_day(caller: Caller) -> None:
    """A key holds for 24 hours from when it was set, however often it is used."""
    first = caller.create(key="k").json()
    caller.zuora.clock.advance(DAY_S - 10)
    fresh = Caller(caller.zuora)
    assert fresh.create(key="k").json() == first
    caller.zuora.clock.advance(10)
    assert fresh.create(key="k").json() != first
    assert len(caller.zuora.jobs) == 2


def test_failures_are_saved(caller: Caller) -> None:
    """A refusal whose cause is gone is still the key's answer."""
    caller.zuora.permit(False)
    refused = caller.create(key="k")
    caller.zuora.permit()
    again = caller.create(key="k")
    assert codes(again) == [(403, "10")]
    assert (again.content, again.headers) == (refused.content, refused.headers)
    assert caller.create(key="other").status_code == 200


def test_missing_token_is_not_saved(caller: Caller) -> None:
    """A 401 comes from before the keys' memory."""
    caller.zuora.revoke_tokens()
    assert caller.create(key="k").status_code == 401
    assert Caller(caller.zuora).create(key="k").status_code == 200


def test_key_of_another_tenant_or_url_is_refused(caller: Caller) -> None:
    """A key belongs to a tenant and a URL."""
    caller.create(key="k")
    with Sandbox(tenant_id="2", neighbour=caller.zuora) as other:
        assert Caller(other).create(key="k").status_code == 422
        assert Caller(other).create(key="mine").status_code == 200
        assert other.jobs[0].id != caller.zuora.jobs[0].id
    assert caller.call("POST", "?x=1", NEW, Idempotency_Key="k").status_code == 422


@pytest.mark.parametrize("status", [422, 409])
def test_another_body_is_replayed_or_refused(caller: Caller, status: int) -> None:
    """What another body under the same key gets is a guess: the old answer by default."""
    first = caller.create(key="k").json()
    assert caller.create({**NEW, "batchSize": 5}, "k").json() == first
    caller.zuora.behaviours.same_key_other_body_status = status
    assert caller.create({**NEW, "batchSize": 5}, "k").status_code == status
    assert caller.create(key="k").json() == first


def test_long_keys_are_refused(caller: Caller) -> None:
    """A key has at most 255 characters."""
    assert caller.create(key="k" * 255).status_code == 200
    assert codes(caller.create(key="k" * 256)) == [(400, "20")]


def test_key_in_progress_is_409(caller: Caller) -> None:
    """While a request works, its key answers 409 to others, and then what the first one got."""
    caller.zuora.plan(Fault.HANG, on=Operation.CREATE, job_is_made=False)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(Caller(caller.zuora).create, key="k")
        caller.zuora.wait_until_held()
        second = caller.create(key="k")
        assert (second.status_code, second.json()["reasons"][0]["code"]) == (409, "IdempotencyKey")
        assert caller.zuora.jobs == []
        caller.zuora.release()
        answer = first.result()
    assert caller.create(key="k").content == answer.content
    assert len(caller.zuora.jobs) == 1
