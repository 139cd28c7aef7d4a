"""The sandbox does what Zuora documents: jobs, refusals, statuses, headers, compression."""

from __future__ import annotations

import gzip
import json
from datetime import datetime

import pytest
import requests

from pulumi_zuora_backfill.testing.sandbox import Operation, Sandbox
from tests.test_sandbox_caller import JOBS, NEW, Caller, caller, codes, zuora

__all__ = ["caller", "zuora"]  # pytest finds fixtures by name

FIELDS = {
    "id": str,
    "createdOn": int,
    "createdOnReadable": str,
    "updatedOn": int,
    "updatedOnReadable": str,
    "updatedByUsername": str,
    "status": str,
    "type": str,
    "batchSentCount": int,
    "batchFinishedCount": int,
    "errorCount": int,
    "progress": str,
}


def test_create_makes_a_job(caller: Caller) -> None:
    """A job is made as asked, and its id of 32 characters is the whole answer."""
    answer = caller.create(
        {"type": "OrderLineItem", "batchSize": 7, "dryRun": True},
        "key",
        Zuora_Entity_Ids="e",
        Zuora_Org_Ids="a, b",
    )
    [job] = caller.zuora.jobs
    assert (answer.status_code, answer.json()) == (200, {"success": True, "jobId": job.id})
    assert len(job.id) == 32
    assert (job.type, job.batch_size, job.dry_run, job.status) == (
        "OrderLineItem",
        7,
        True,
        "ACCEPTED",
    )
    assert (job.idempotency_key, job.entity_id, job.org_ids) == ("key", "e", ("a", "b"))
    assert (job.error_count, job.stop_requested) == (0, False)


def test_defaults_of_a_job(caller: Caller) -> None:
    """Batch size 1000, and a live run."""
    caller.create()
    [job] = caller.zuora.jobs
    assert (job.batch_size, job.dry_run, job.entity_id, job.org_ids) == (1000, False, None, ())


def test_job_has_the_documented_fields_and_no_other(caller: Caller) -> None:
    """Get and list report 12 fields; neither the batch size nor the dry run is among them."""
    job_id = caller.create().json()["jobId"]
    job = caller.get(job_id).json()["job"]
    assert {name: type(value) for name, value in job.items()} == FIELDS
    assert caller.list().json() == {"success": True, "jobs": [job]}
    readable = datetime.strptime(job["createdOnReadable"], "%Y-%m-%dT%H:%M:%S%z")
    assert job["createdOnReadable"].endswith("+0800")
    assert int(readable.timestamp()) == job["createdOn"] // 1000
    assert abs(job["createdOn"] / 1000 - caller.zuora.jobs[0].created_on.timestamp()) < 0.002


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ["22"]),
        ({"type": "BookingDate"}, ["20"]),
        ({**NEW, "batchSize": 0}, ["20"]),
        ({**NEW, "batchSize": 1001}, ["20"]),
        ({**NEW, "batchSize": True}, ["20"]),
        ({**NEW, "dryRun": "yes"}, ["20"]),
        ({**NEW, "batch_size": 5}, ["21"]),
        ({"batchSize": "x", "colour": 1}, ["21", "22", "20"]),
        (["type"], ["20"]),
    ],
)
def test_invalid_bodies_are_refused(caller: Caller, body: object, expected: list[str]) -> None:
    """Each fault of a body is a reason of its own; no job is made."""
    assert codes(caller.create(body)) == [(400, category) for category in expected]
    assert caller.zuora.jobs == []


def test_body_that_is_not_json_is_refused(caller: Caller) -> None:
    """Malformed JSON is category 90; another content type is 415."""
    url, headers = caller.zuora.base_url + JOBS, {"Content-Type": "application/json"}
    assert codes(caller.session.post(url, data="{", headers=headers)) == [(400, "90")]
    assert caller.session.post(url, data=NEW).status_code == 415


def test_unknown_fields_can_be_ignored(caller: Caller) -> None:
    """The refusal of unknown fields is a guess that can be switched off."""
    caller.zuora.behaviours.unknown_field_category = None
    assert caller.create({**NEW, "colour": 1}).json()["success"] is True


@pytest.mark.parametrize("version", [None, "186.0", "341.0", "2024-05-19", "nonsense"])
def test_old_versions_have_failures_as_200(zuora: Sandbox, version: str | None) -> None:
    """With no `Zuora-Version`, or one before 2024-05-20, a failure is HTTP 200.

    Its `success` is false.
    """
    assert codes(Caller(zuora, version).create({})) == [(200, "22")]


@pytest.mark.parametrize("version", ["2024-05-20", "2025-08-12"])
def test_new_versions_have_failures_as_statuses(zuora: Sandbox, version: str) -> None:
    """From 2024-05-20 on the category decides."""
    caller = Caller(zuora, version)
    assert codes(caller.create({})) == [(400, "22")]
    zuora.behaviours.honours_zuora_version = False
    assert codes(caller.create({})) == [(200, "22")]


def test_unknown_job_is_not_found(caller: Caller) -> None:
    """A failing GET has the resource code of an unknown object; a failing PUT of one, too."""
    for answer in (caller.get("0" * 32), caller.stop("0" * 32)):
        assert (answer.status_code, answer.json()["reasons"][0]["code"]) == (404, "50000040")
    caller.zuora.behaviours.numeric_codes = True
    assert caller.get("0" * 32).json()["reasons"][0]["code"] == 50000040


def test_forgotten_job_is_not_found(caller: Caller) -> None:
    """A purged job is unknown to get and list."""
    job = caller.zuora.add_job(status="COMPLETED", age_s=60)
    caller.zuora.forget_job(job.id)
    assert caller.get(job.id).status_code == 404
    assert caller.list().json()["jobs"] == []


def test_missing_permission_is_refused(caller: Caller) -> None:
    """Without Manage OTR Settings a job cannot be made, and everything else works."""
    caller.zuora.permit(False)
    assert codes(caller.create()) == [(403, "10")]
    assert caller.list().json() == {"success": True, "jobs": []}
    caller.zuora.permit()
    assert caller.create().status_code == 200


def test_unknown_routes_and_methods(caller: Caller) -> None:
    """An unknown route is the gateway's 404; there is no DELETE."""
    unknown = caller.session.get(caller.zuora.base_url + "/v1/nowhere")
    assert (unknown.status_code, unknown.json()) == (
        404,
        {"message": "no Route matched with those values"},
    )
    assert caller.call("DELETE", f"/{'0' * 32}", None).status_code == 405
    assert [request.operation for request in caller.zuora.requests] == [None, None]


def test_headers_of_an_answer(caller: Caller) -> None:
    """Each answer has a request id of 36 characters and the limits.

    It has a track id only when one was sent.
    """
    plain, tracked = caller.list(), caller.list(Zuora_Track_Id="ticket-1")
    for answer in (plain, tracked):
        assert len(answer.headers["Zuora-Request-Id"]) == 36
        assert answer.headers["Concurrency-Limit-Remaining"] == "39"
        assert answer.headers["RateLimit-Limit"].startswith("50000, 50000;w=60")
    assert plain.headers["Zuora-Request-Id"] != tracked.headers["Zuora-Request-Id"]
    assert "Zuora-Track-Id" not in plain.headers
    assert tracked.headers["Zuora-Track-Id"] == "ticket-1"


@pytest.mark.parametrize("track_id", ["x" * 65, "a:b", "a;b", 'a"b', "a'b"])
def test_bad_track_ids_are_refused(caller: Caller, track_id: str) -> None:
    """A track id has at most 64 characters and none of four."""
    assert codes(caller.create(Zuora_Track_Id=track_id)) == [(400, "20")]
    assert caller.zuora.jobs == []


def test_large_answers_are_compressed_when_asked(caller: Caller) -> None:
    """Above 1000 bytes an answer is gzipped, for a client that says so."""
    assert "Content-Encoding" not in caller.list(Accept_Encoding="gzip").headers
    for _ in range(4):
        caller.zuora.add_job()
    plain, packed = caller.list(Accept_Encoding="identity"), caller.list(Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json() == plain.json()


def test_compressed_requests_are_understood(caller: Caller) -> None:
    """A gzipped body counts as what it holds; one that only says so is malformed."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    url, body = caller.zuora.base_url + JOBS, json.dumps(NEW).encode()
    assert (
        caller.session.post(url, data=gzip.compress(body), headers=headers).json()["success"]
        is True
    )
    assert codes(caller.session.post(url, data=body, headers=headers)) == [(400, "90")]
    assert caller.zuora.requests[0].body == NEW


def test_requests_are_recorded(caller: Caller) -> None:
    """Each request is kept with what it asked, what it got, and the job it made."""
    job_id = caller.create(NEW, "key").json()["jobId"]
    caller.get(job_id)
    create, get = caller.zuora.requests
    assert (create.operation, create.method, create.path, create.body) == (
        Operation.CREATE,
        "POST",
        JOBS,
        NEW,
    )
    assert (create.status, create.job_id, create.headers["idempotency-key"]) == (200, job_id, "key")
    assert (get.operation, get.body, get.status, get.job_id) == (Operation.GET, None, 200, None)
    assert [caller.zuora.count(operation) for operation in Operation] == [0, 1, 1, 0, 0]
    caller.zuora.forget_requests()
    assert caller.zuora.requests == []


def test_rate_limit_is_per_minute() -> None:
    """Requests above the limit are 429 until the next minute; the headers count down."""
    with Sandbox(requests_per_minute=2) as zuora:
        zuora.clock.advance(60 - zuora.clock.now() % 60)
        caller = Caller(zuora)
        answers: list[requests.Response] = [caller.list() for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
        zuora.clock.advance(60)
        assert caller.list().status_code == 200
