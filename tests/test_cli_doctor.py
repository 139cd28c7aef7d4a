"""`doctor`: every setting and every step on the way to Zuora, wrong one after the other."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.cli.doctor import clock_check
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .proxies import tunnel_to
from .test_cli import Done, Run, run

__all__ = ["run"]  # pytest finds fixtures by name

SETTINGS = [
    "baseUrl",
    "clientId",
    "clientSecret",
    "entityId",
    "orgIds",
    "tenantId",
    "apiVersion",
    "callTimeout",
    "waitTimeout",
    "compressRequests",
]
WAY = ["address", "TLS", "token", "tenant", "clock", "permission"]


def examined(done: Done) -> dict[str, Any]:
    """Read `doctor --json`, by the name of each check."""
    return {check["name"]: check for check in json.loads(done.out)["checks"]}


def test_all_is_well(run: Run, zuora: Sandbox) -> None:
    """Every check has a line, in an order that does not change; the credentials are not shown."""
    done = run("doctor", ZUORA_TENANT_ID="10042", **zuora.environment())

    assert done == Done(
        0,
        f"ok    baseUrl           {zuora.base_url}  (ZUORA_BASE_URL)\n"
        "ok    clientId          set, not shown  (ZUORA_CLIENT_ID)\n"
        "ok    clientSecret      set, not shown  (ZUORA_CLIENT_SECRET)\n"
        "ok    entityId          not set  (default)\n"
        "ok    orgIds            not set  (default)\n"
        "ok    tenantId          10042  (ZUORA_TENANT_ID)\n"
        "ok    apiVersion        2025-08-12  (default)\n"
        "ok    callTimeout       5 min  (default)\n"
        "ok    waitTimeout       not set  (default)\n"
        "ok    compressRequests  false  (default)\n"
        f"ok    address           {zuora.base_url}\n"
        "-     TLS               not used: http on this machine\n"
        "ok    token             Zuora accepts the client id and secret\n"
        "ok    tenant            10042\n"
        "ok    clock             agrees with Zuora's\n"
        "ok    permission        may list the backfill jobs (0).\n"
        "                        Only a start shows whether it may start one: Zuora has no way "
        "to ask.\n",
        "Without --stack, only the environment is read. `--stack NAME` reads the configuration of "
        "a stack too.\nFailed checks: 0.\n",
    )
    assert {request.operation for request in zuora.requests} == {Operation.TOKEN, Operation.LIST}


def test_as_json(run: Run, zuora: Sandbox) -> None:
    """`--json` prints one object, in which nothing secret stands."""
    done = run("doctor", "--json", ZUORA_ORG_IDS="b,a", **zuora.environment())

    assert (done.code, done.err, json.loads(done.out)["ok"]) == (0, "", True)
    assert list(examined(done)) == SETTINGS + WAY
    assert examined(done)["orgIds"] == {
        "name": "orgIds",
        "ok": True,
        "found": "a, b",
        "source": "ZUORA_ORG_IDS",
        "nextStep": "",
    }
    assert zuora.client_id not in done.out
    assert zuora.client_secret not in done.out


@pytest.mark.parametrize(
    ("wrong", "name", "found", "next_step"),
    [
        ({"ZUORA_BASE_URL": ""}, "baseUrl", "is missing", "export ZUORA_BASE_URL=…"),
        ({"ZUORA_CLIENT_ID": ""}, "clientId", "is missing", "export ZUORA_CLIENT_ID=…"),
        ({"ZUORA_CLIENT_SECRET": ""}, "clientSecret", "is missing", "export ZUORA_CLIENT_SECRET=…"),
        ({"ZUORA_BASE_URL": "rest.zuora.com"}, "baseUrl", "not a URL like", "export"),
        ({"ZUORA_BASE_URL": "http://rest.zuora.com"}, "baseUrl", "plain http is refused", ""),
        ({"ZUORA_CLIENT_SECRET": "a b"}, "clientSecret", "copy it again", ""),
        ({"ZUORA_ENTITY_IDS": "a,b"}, "entityId", "exactly one entity", ""),
        ({"ZUORA_ORG_IDS": '["a"]'}, "orgIds", "write the ids without quotes", ""),
        ({"ZUORA_TENANT_ID": "acme"}, "tenantId", "not a tenant number", "export ZUORA_TENANT_ID"),
        ({"ZUORA_API_VERSION": "a b"}, "apiVersion", "only visible ASCII", ""),
        ({"ZUORA_CALL_TIMEOUT": "soon"}, "callTimeout", "not a duration", "export"),
        ({"ZUORA_WAIT_TIMEOUT": "0"}, "waitTimeout", "not a duration", "export"),
        ({"ZUORA_COMPRESS_REQUESTS": "yes"}, "compressRequests", "not true or false", "export"),
        ({"ZUORA_ENTITY_ID": "a"}, "ZUORA_ENTITY_ID", "set ZUORA_ENTITY_IDS instead", ""),
        ({"ZUORA_VERSION": "1"}, "ZUORA_VERSION", "set ZUORA_API_VERSION instead", ""),
    ],
)
def test_a_setting_that_is_wrong(
    run: Run, zuora: Sandbox, wrong: dict[str, str], name: str, found: str, next_step: str
) -> None:
    """It is red with what to do, all else is said as well, nothing is sent, and the code is 2."""
    done = run("doctor", "--json", **zuora.environment() | wrong)
    checks = examined(done)

    assert [check["name"] for check in checks.values() if check["ok"] is False] == [name]
    assert found in checks[name]["found"]
    assert checks[name]["nextStep"].startswith(next_step)
    assert bool(checks[name]["nextStep"]) == bool(next_step)
    assert {checks[step]["found"] for step in WAY} == {"not checked"}
    assert (done.code, zuora.requests) == (2, [])


def red(done: Done) -> list[str]:
    """Return the names of the checks that failed."""
    return [name for name, check in examined(done).items() if check["ok"] is False]


def unchecked(done: Done) -> list[str]:
    """Return the names of the checks that could not be made."""
    return [n for n, check in examined(done).items() if check["found"] == "not checked"]


@pytest.mark.parametrize(
    ("base_url", "found"),
    [
        ("https://rest.zuora.invalid", "the host name of https://rest.zuora.invalid is not known"),
        ("https://127.0.0.1:1", "https://127.0.0.1:1 cannot be reached"),
    ],
)
def test_an_address_that_is_wrong(run: Run, zuora: Sandbox, base_url: str, found: str) -> None:
    """A name that is not known, and a machine that does not answer."""
    more = {"ZUORA_BASE_URL": base_url, "ZUORA_CALL_TIMEOUT": "1s"}
    done = run("doctor", "--json", **zuora.environment() | more)

    assert (done.code, red(done)) == (1, ["address"])
    assert found in examined(done)["address"]["found"]
    assert examined(done)["address"]["nextStep"].startswith("Check the base URL")
    assert unchecked(done) == ["TLS", "token", "tenant", "clock", "permission"]


def test_tls_that_is_wrong(run: Run, zuora: Sandbox, tmp_path: Path) -> None:
    """A certificate that is not trusted, a CA bundle that is not there; trusted, all is well."""
    with tunnel_to(zuora, tmp_path, lambda _: False) as there:
        trusted = run("doctor", "--json", **there)
        missing = run("doctor", "--json", **there | {"REQUESTS_CA_BUNDLE": "/nowhere.pem"})
        strange = run("doctor", "--json", REQUESTS_CA_BUNDLE="", ZUORA_CALL_TIMEOUT="1s")

    assert (trusted.code, red(trusted)) == (0, [])
    assert examined(trusted)["TLS"]["found"] == "the certificate is accepted"
    assert (missing.code, red(missing)) == (1, ["TLS"])
    assert "the CA bundle" in examined(missing)["TLS"]["found"]
    assert (strange.code, red(strange)) == (1, ["TLS"])
    assert (
        "the TLS certificate of https://rest.zuora.invalid was not accepted"
        in (examined(strange)["TLS"]["found"])
    )
    assert examined(strange)["address"]["ok"] is True
    assert unchecked(strange) == ["token", "tenant", "clock", "permission"]


@pytest.mark.parametrize("name", ["ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET"])
def test_credentials_that_are_wrong(run: Run, zuora: Sandbox, name: str) -> None:
    """The token is red, and the code is that of a failed authentication."""
    done = run("doctor", "--json", **zuora.environment() | {name: "wrong-one"})

    assert (done.code, red(done)) == (3, ["token"])
    assert "Zuora refused the client credentials" in examined(done)["token"]["found"]
    assert "Check client id and secret" in examined(done)["token"]["nextStep"]
    assert "wrong-one" not in done.out
    assert unchecked(done) == ["tenant", "permission"]


def test_something_else_than_zuora(run: Run, zuora: Sandbox) -> None:
    """A web server that knows no tokens is there, and is not Zuora."""
    zuora.plan(Fault.GATEWAY_404, on=Operation.TOKEN)
    done = run("doctor", "--json", **zuora.environment())

    assert (done.code, red(done)) == (1, ["token"])
    assert examined(done)["token"]["nextStep"]


def test_a_refusal_without_a_date(run: Run, zuora: Sandbox) -> None:
    """Whoever refuses is there, whether or not it tells the time."""
    zuora.behaviours.sends_date = False
    refused = run("doctor", "--json", **zuora.environment() | {"ZUORA_CLIENT_ID": "wrong-one"})
    accepted = run("doctor", "--json", **zuora.environment())

    assert (red(refused), red(accepted)) == (["token"], [])
    assert examined(accepted)["clock"]["found"] == "Zuora's answers have no date"


def test_a_tenant_that_is_wrong(run: Run, zuora: Sandbox) -> None:
    """The credentials are good, and lead elsewhere."""
    done = run("doctor", "--json", ZUORA_TENANT_ID="7", **zuora.environment())

    assert (done.code, red(done)) == (2, ["tenant"])
    assert "tenant 10042, but tenant 7 is configured" in examined(done)["tenant"]["found"]
    assert unchecked(done) == ["permission"]


def test_a_clock_that_is_wrong(run: Run, zuora: Sandbox) -> None:
    """More than a minute is red, in both directions; what Zuora does not tell is not guessed."""
    zuora.clock.advance(7200)
    done = run("doctor", "--json", **zuora.environment())
    here = datetime(2027, 1, 15, tzinfo=timezone.utc)

    assert (done.code, red(done)) == (1, ["clock"])
    assert examined(done)["clock"]["found"] == "2.0 h behind Zuora's"
    assert clock_check(here, here - timedelta(seconds=90)).found == "2 min ahead of Zuora's"
    assert clock_check(here, here - timedelta(seconds=60)).ok is True
    assert clock_check(here, None).ok is None


def test_a_permission_that_is_missing(run: Run, zuora: Sandbox) -> None:
    """A refusal of the list is red, with Zuora's words and what usually lacks."""
    zuora.plan(Fault.UNSAVED_FAILURE, on=Operation.LIST, code="58730010", message="No.")
    done = run("doctor", "--json", **zuora.environment())

    assert (done.code, red(done)) == (1, ["permission"])
    assert "Manage OTR Settings" in examined(done)["permission"]["nextStep"]
    assert unchecked(done) == []


def test_an_entity_that_is_not_the_users(run: Run) -> None:
    """A tenant with entities needs one, and one that the user may see."""
    with Sandbox(entity_ids=["a", "b"]) as zuora:
        without = run("doctor", "--json", **zuora.environment())
        right = run("doctor", "--json", ZUORA_ENTITY_IDS="b")

    assert (without.code, red(without)) == (1, ["permission"])
    assert (right.code, red(right)) == (0, [])


def test_red_on_paper(run: Run, zuora: Sandbox) -> None:
    """In a pipe, a failed check starts with FAIL, and what to do stands below it."""
    done = run("doctor", **zuora.environment() | {"ZUORA_BASE_URL": ""})

    assert done.out.startswith(
        "FAIL  baseUrl           is missing\n"
        f"{'':24}export ZUORA_BASE_URL=… or run `pulumi config set zuora:baseUrl …`\n"
    )
    assert done.err.endswith("Failed checks: 1.\n")
