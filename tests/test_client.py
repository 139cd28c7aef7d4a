"""The four operations as they go over the wire, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_zuora_backfill.errors import ApiError, InputError, TransportError
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.zuora.models import Job, Scope

from .parts import KEY, NOWHERE, REQUEST, TOKEN, connect, http, raw_server

PATH = "/v1/uno/data-backfill/propagation/jobs"
SCOPE = Scope(entity_id="e-1", org_ids=("a", "b"))
OURS = (
    "Zuora-Version",
    "Zuora-Entity-Ids",
    "Zuora-Org-Ids",
    "Zuora-Track-Id",
    "Idempotency-Key",
    "Content-Type",
)


def sent(zuora: Sandbox) -> tuple[str, str, Any, dict[str, str]]:
    """Return method, path, body and our headers of the last request."""
    request = zuora.requests[-1]
    return (
        request.method,
        request.path,
        request.body,
        {n: request.headers[n] for n in OURS if n in request.headers},
    )


def test_create(zuora: Sandbox) -> None:
    """One POST with the three fields, the key and the track id.

    The answer names job and request.
    """
    started = connect(zuora).client.create(REQUEST, NOWHERE, idempotency_key=KEY, track_id="t")
    assert started.job_id == zuora.jobs[0].id
    assert len(started.request_id or "") == 36
    assert sent(zuora) == (
        "POST",
        PATH,
        {"type": "RatePlanCharge", "batchSize": 500, "dryRun": False},
        {
            "Zuora-Version": "2025-08-12",
            "Zuora-Track-Id": "t",
            "Idempotency-Key": KEY,
            "Content-Type": "application/json",
        },
    )


def test_the_same_key_brings_the_same_job(zuora: Sandbox) -> None:
    """The saved answer comes back with its old request id."""
    client = connect(zuora).client
    first, second = (
        client.create(REQUEST, NOWHERE, idempotency_key=KEY, track_id="t") for _ in range(2)
    )
    assert first == second
    assert len(zuora.jobs) == 1


def test_get(zuora: Sandbox) -> None:
    """A GET without a body or a key; the job comes with Zuora's clock."""
    made = zuora.add_job(status="COMPLETED", age_s=60, error_count=3)
    job = connect(zuora).client.get(made.id, NOWHERE)
    assert (job.id, job.status, job.type, job.error_count) == (
        made.id,
        "COMPLETED",
        "RatePlanCharge",
        3,
    )
    assert job.age_s == pytest.approx(60, abs=5)
    assert sent(zuora) == ("GET", f"{PATH}/{made.id}", None, {"Zuora-Version": "2025-08-12"})


@pytest.mark.parametrize("jobs", [0, 1, 40])
def test_list(zuora: Sandbox, jobs: int) -> None:
    """All jobs of all types in Zuora's order.

    A long list comes compressed and is read all the same.
    """
    made = [
        zuora.add_job(type=("RatePlanCharge", "BookingDate")[number % 2]) for number in range(jobs)
    ]
    found = connect(zuora).client.list(NOWHERE)
    assert [(job.id, job.type) for job in found] == [(job.id, job.type) for job in made]
    assert sent(zuora) == ("GET", PATH, None, {"Zuora-Version": "2025-08-12"})


@pytest.mark.parametrize("compress", [False, True])
def test_stop(zuora: Sandbox, compress: bool) -> None:
    """A PUT with Zuora's one status and no key, which it would refuse."""
    connection = connect(zuora, compress_requests=compress)
    job_id = connection.create()
    connection.client.stop(job_id, NOWHERE)
    assert zuora.jobs[0].status == "STOPPED"
    assert sent(zuora) == (
        "PUT",
        f"{PATH}/{job_id}",
        {"status": "Stopping"},
        {"Zuora-Version": "2025-08-12", "Content-Type": "application/json"},
    )


def test_entity_and_organisations_go_with_every_operation() -> None:
    """Each operation speaks of its scope; the token request does not."""
    with Sandbox(entity_ids=["e-1", "e-2"], org_ids=["a", "b"]) as zuora:
        connection = connect(zuora)
        job_id = connection.create(scope=SCOPE)
        connection.client.get(job_id, SCOPE)
        connection.client.list(SCOPE)
        connection.client.stop(job_id, SCOPE)
        scopes = [
            (r.headers.get("Zuora-Entity-Ids"), r.headers.get("Zuora-Org-Ids"))
            for r in zuora.requests
        ]
    assert scopes == [(None, None), *[("e-1", "a,b")] * 4]


@pytest.mark.parametrize(
    "job_id", ["", "..", "../../../oauth/token", "a" * 31, "a" * 31 + "/", "a" * 31 + "?", "a\r\nb"]
)
def test_an_id_that_is_none_is_not_sent(zuora: Sandbox, job_id: str) -> None:
    """It could name another path; nothing is asked, not even for a token."""
    client = connect(zuora).client
    for call in (client.get, client.stop):
        with pytest.raises(InputError, match="is not a job id: a job id has 32 characters"):
            call(job_id, NOWHERE)
    assert zuora.requests == []


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"jobId": null}',
        '{"jobId": 12}',
        '{"jobId": "short"}',
        '{"job": []}',
        '{"job": {"id": "' + "0" * 32 + '"}}',
        '{"jobs": {}}',
        '{"jobs": [1]}',
    ],
)
def test_an_answer_without_what_was_asked_for_makes_no_sense(body: str) -> None:
    """It is asked for again, and is no job in the end; a POST may have been carried out."""
    with raw_server(TOKEN, http(200, body)) as server:
        connection = connect(base_url=server.base_url)
        for call, is_open in (
            (connection.create, True),
            (lambda: connection.client.get("1" * 32, NOWHERE), False),
            (lambda: connection.client.list(NOWHERE), False),
        ):
            with pytest.raises(TransportError, match="makes no sense") as error:
                call()
            assert error.value.outcome_open is is_open


def test_another_job_than_the_one_asked_about_is_not_taken(zuora: Sandbox) -> None:
    """A mixed-up answer is asked for again."""
    made = zuora.add_job()
    zuora.plan(Fault.WRONG_ID, on=Operation.GET)
    job = connect(zuora).client.get(made.id, NOWHERE)
    assert (job.id, zuora.count(Operation.GET)) == (made.id, 2)


def test_an_old_version_s_refusals_are_refusals(zuora: Sandbox) -> None:
    """Where Zuora answers 200 to everything, `success: false` still is a no."""
    zuora.behaviours.honours_zuora_version = False
    zuora.permit(False)
    with pytest.raises(ApiError, match=r"success: false, code 58730010") as error:
        connect(zuora).create()
    assert (error.value.status, error.value.transient, zuora.jobs) == (200, False, [])


def test_numeric_codes_are_codes(zuora: Sandbox) -> None:
    """Zuora writes codes as numbers too."""
    zuora.behaviours.numeric_codes = True
    zuora.permit(False)
    with pytest.raises(ApiError) as error:
        connect(zuora).create()
    assert (error.value.status, error.value.code) == (403, "58730010")


def test_a_hostile_job_does_no_harm() -> None:
    """Texts and numbers beyond all bounds become a job that can be shown.

    A number without an end is cut, not believed.
    """
    job_id = "0" * 32
    wire = (
        '{"id": "%s", "status": "A\\u001b[2J", "updatedByUsername": "\\ud800", "errorCount": 1%s, '
        '"createdOn": NaN}'
    )
    with raw_server(TOKEN, http(200, '{"job": ' + wire % (job_id, "0" * 400) + "}")) as server:
        job = connect(base_url=server.base_url).client.get(job_id, NOWHERE)
    assert job == Job(id=job_id, status="A[2J", unreadable_error_count="1" + "0" * 39)
