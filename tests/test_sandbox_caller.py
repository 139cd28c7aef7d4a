"""A plain caller of the sandbox, for the sandbox's own tests; and how it gets its token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from pulumi_zuora_backfill.testing.sandbox import Fault, Operation, Sandbox

JOBS = "/v1/uno/data-backfill/propagation/jobs"
NEW = {"type": "RatePlanCharge"}
STOPPING = {"status": "Stopping"}


class Caller:
    """Calls the API with `requests` alone: these tests do not lean on the package's client."""

    def __init__(self, zuora: Sandbox, version: str | None = "2025-08-12") -> None:
        """Get a token."""
        self.zuora = zuora
        self.session = requests.Session()
        token = self.token().json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        if version:
            self.session.headers["Zuora-Version"] = version

    def token(self, **changed: str) -> requests.Response:
        """Ask for a token."""
        form = {"client_id": self.zuora.client_id, "client_secret": self.zuora.client_secret}
        return requests.post(
            f"{self.zuora.base_url}/oauth/token",
            data={**form, "grant_type": "client_credentials", **changed},
            timeout=10,
        )

    def create(self, body: Any = NEW, key: str | None = None, **headers: str) -> requests.Response:
        """Ask for a job."""
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.call("POST", "", body, **headers)

    def get(self, job_id: str, **headers: str) -> requests.Response:
        """Ask for one job."""
        return self.call("GET", f"/{job_id}", None, **headers)

    def list(self, **headers: str) -> requests.Response:
        """Ask for all jobs."""
        return self.call("GET", "", None, **headers)

    def stop(self, job_id: str, body: Any = STOPPING, **headers: str) -> requests.Response:
        """Ask a job to stop."""
        return self.call("PUT", f"/{job_id}", body, **headers)

    def call(self, method: str, path: str, body: Any, **headers: str) -> requests.Response:
        """Send a request to the jobs; underscores in the names of headers are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.zuora.base_url + JOBS + path
        return self.session.request(
            method, url, json=body, headers=named, allow_redirects=False, timeout=10
        )


def codes(answer: requests.Response) -> list[tuple[int, str]]:
    """Return status and category of each reason of a failure, after checking that it is one."""
    body = answer.json()
    assert body["success"] is False
    assert body["requestId"] == answer.headers["Zuora-Request-Id"]
    return [(answer.status_code, reason["code"][-2:]) for reason in body["reasons"]]


@pytest.fixture
def zuora() -> Iterator[Sandbox]:
    """Run a sandbox."""
    with Sandbox(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def caller(zuora: Sandbox) -> Iterator[Caller]:
    """Call it, with a token and today's version."""
    caller = Caller(zuora)
    zuora.forget_requests()
    yield caller
    caller.session.close()


def test_token_names_tenant_entity_and_user(zuora: Sandbox) -> None:
    """A token is 32 characters, lives for an hour, and its scope says whose it is."""
    answer = Caller(zuora).token()
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "jti"}
    assert (len(body["access_token"]), body["token_type"], body["expires_in"]) == (
        32,
        "bearer",
        3599,
    )
    assert [part.partition(".")[0] for part in body["scope"].split()] == [
        "entity",
        "tenant",
        "user",
    ]
    assert f"tenant.{zuora.tenant_id}" in body["scope"].split()


def test_credentials_have_the_documented_lengths(zuora: Sandbox) -> None:
    """The id has 36 characters; the secret at most 42, some of which a form must encode."""
    assert len(zuora.client_id) == 36
    assert len(zuora.client_secret) <= 42
    assert set("+/=") <= set(zuora.client_secret)


@pytest.mark.parametrize("wrong", [{"client_secret": "no"}, {"client_id": "0" * 36}])
def test_wrong_credentials_are_refused(caller: Caller, wrong: dict[str, str]) -> None:
    """Wrong credentials are 401, with a body that can be changed."""
    caller.zuora.behaviours.bad_credentials_body = {"error": "invalid_client"}
    answer = caller.token(**wrong)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize("wrong", [{"client_secret": ""}, {"grant_type": "password"}])
def test_malformed_form_is_refused(caller: Caller, wrong: dict[str, str]) -> None:
    """A missing field or another grant is 400."""
    assert caller.token(**wrong).status_code == 400


def test_token_request_must_be_a_form_without_authorization(zuora: Sandbox) -> None:
    """JSON is refused, and so is an Authorization header, which Zuora asks not to send."""
    form = {
        "client_id": zuora.client_id,
        "client_secret": zuora.client_secret,
        "grant_type": "client_credentials",
    }
    url = f"{zuora.base_url}/oauth/token"
    assert requests.post(url, json=form, timeout=10).status_code == 400
    assert (
        requests.post(url, data=form, headers={"Authorization": "Bearer x"}, timeout=10).status_code
        == 400
    )


def test_token_expires_by_the_sandboxs_clock(caller: Caller) -> None:
    """A token is good for 3599 seconds and not for longer."""
    caller.zuora.clock.advance(3590)
    assert caller.list().status_code == 200
    caller.zuora.clock.advance(10)
    answer = caller.list()
    assert (answer.status_code, answer.json()) == (401, {"message": "Authentication error"})
    assert answer.headers["WWW-Authenticate"].endswith("Bearer realm=Zuora API")


def test_revoked_tokens_are_refused_and_new_ones_accepted(caller: Caller) -> None:
    """`revoke_tokens()` ends the tokens issued so far, and only those."""
    caller.zuora.revoke_tokens()
    assert caller.create().status_code == 401
    assert caller.zuora.jobs == []
    assert Caller(caller.zuora).create().status_code == 200


def test_too_many_token_requests_are_429() -> None:
    """The token endpoint has a limit of its own for each minute of the sandbox's clock."""
    with Sandbox(token_requests_per_minute=2) as zuora:
        zuora.clock.advance(60 - zuora.clock.now() % 60)
        caller = Caller(zuora)
        assert caller.token().status_code == 200
        refused = caller.token()
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
        zuora.clock.advance(60)
        assert caller.token().status_code == 200


def test_secrets_stay_out_of_the_records_repr(zuora: Sandbox) -> None:
    """A recorded token request holds the form for a test to look at, but does not print it."""
    Caller(zuora)
    [request] = zuora.requests
    assert request.body["client_secret"] == zuora.client_secret
    assert repr(request) == "<POST /oauth/token (secret body) -> 200>"


def test_faults_reach_the_token_endpoint(caller: Caller) -> None:
    """A fault can be planned for token requests alone."""
    caller.zuora.plan(Fault.RATE_LIMITED_429, on=Operation.TOKEN, retry_after_s=7)
    assert caller.list().status_code == 200
    answer = caller.token()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
