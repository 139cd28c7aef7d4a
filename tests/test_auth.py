"""The bearer token: asked for as seldom as possible, and never with more than Zuora should see."""

from __future__ import annotations

import json
import socket
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.errors import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    InterruptedWaitError,
    TransportError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .parts import NOWHERE, Connection, connect, http, in_threads, raw_server

TOKEN, LIST = Operation.TOKEN, Operation.LIST
SECRET = "wrong-s3cret/+="


def token_body(**changes: Any) -> str:
    """Return the body of a token answer."""
    return json.dumps(
        {
            "access_token": "the-token",
            "expires_in": 3600,
            "scope": "entity.1 tenant.10042 user.3",
            **changes,
        }
    )


def failure(call: Callable[[], object]) -> ZuoraBackfillError:
    """Return the error of a call that fails."""
    with pytest.raises(ZuoraBackfillError) as error:
        call()
    return error.value


def asked(zuora: Sandbox) -> list[str]:
    """Return what was asked for, in order, with the answers' statuses."""
    return [
        f"{request.operation and request.operation.value} {request.status}"
        for request in zuora.requests
    ]


def test_the_token_request_is_a_form_without_authorization(
    zuora: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the three fields and nothing that a .netrc says.

    The request it is for holds the token.
    """
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    connect(zuora).client.list(NOWHERE)

    token, listing = zuora.requests
    assert token.body == {
        "client_id": zuora.client_id,
        "client_secret": zuora.client_secret,
        "grant_type": "client_credentials",
    }
    assert token.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Authorization" not in token.headers
    assert listing.headers["Authorization"].startswith("Bearer ")


def test_twenty_threads_share_one_token(zuora: Sandbox) -> None:
    """One thread asks, the others wait for what it brings."""
    client = connect(zuora).client
    assert in_threads(20, lambda: client.list(NOWHERE)) == [()] * 20
    assert (zuora.count(TOKEN), zuora.count(LIST)) == (1, 20)


@pytest.mark.timeout(60)  # the server never answers: without a limit the test would hang
def test_a_token_is_waited_for_no_longer_than_a_call_may_take() -> None:
    """A server that never answers costs one call's time.

    Every thread that waited learns of it at once: nobody asks again on their own.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        credentials = connect(base_url=address).credentials
        errors = in_threads(4, lambda: credentials.tenant_id(within_s=1.0))
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):  # there was no second request
            silent.accept()
    assert [str(error) for error in errors] == [
        f"Could not get a token: no answer came from {address} in time (TimeoutError).\n"
        "Check the base URL (ZUORA_BASE_URL or zuora:baseUrl) and the network, then run the same "
        "command again."
    ] * 4
    assert len({id(error) for error in errors}) == 4


def test_a_token_that_did_not_come_leaves_no_outcome_open() -> None:
    """Whatever became of the token request, the request that it was for was never sent."""
    with raw_server(b"") as server:
        error = failure(lambda: connect(base_url=server.base_url).create())
    assert (type(error), error.outcome_open) == (TransportError, False)


def test_twenty_threads_renew_one_revoked_token(zuora: Sandbox) -> None:
    """Everyone's token is refused at once, and one new one serves all."""
    client = connect(zuora).client
    client.list(NOWHERE)
    zuora.revoke_tokens()
    zuora.forget_requests()
    assert in_threads(20, lambda: client.list(NOWHERE)) == [()] * 20
    assert zuora.count(TOKEN) == 1


@pytest.mark.parametrize(
    ("expires_in", "kept_s"),
    [
        (3599, 3359),
        ("3599", 3359),
        (400, 200),
        ("soon", 3360),
        (None, 3360),
        (0, 3360),
        (-1, 3360),
        (float("inf"), 3360),
    ],
)
def test_a_token_is_renewed_early(expires_in: Any, kept_s: float) -> None:
    """Four minutes before its end, or halfway through a short life.

    An end that makes no sense is taken for Zuora's hour.
    """
    with raw_server(http(200, token_body(expires_in=expires_in))) as server:
        connection = connect(base_url=server.base_url)
        seen = []
        for moment_s in (0.0, kept_s - 1, 2.0):
            connection.time.advance(moment_s)
            connection.credentials.tenant_id()
            seen.append(len(server.requests))
    assert seen == [1, 1, 2]


def test_a_401_brings_a_new_token_once(zuora: Sandbox) -> None:
    """The same request goes out again with the new token, and with everything else as it was."""
    connection = connect(zuora)
    connection.client.list(NOWHERE)
    zuora.revoke_tokens()
    zuora.forget_requests()
    job_id = connection.create()

    first, token, second = zuora.requests
    assert asked(zuora) == ["create 401", "token 200", "create 200"]
    assert first.headers["Authorization"] != second.headers["Authorization"]
    assert [
        second.headers.get(name) == first.headers.get(name)
        for name, _ in first.headers
        if name != "Authorization"
    ] == [True] * (len(first.headers) - 1)
    assert (first.body, token.job_id, second.job_id) == (second.body, None, job_id)
    assert connection.time.sleeps == []


def test_two_401_are_an_answer(zuora: Sandbox) -> None:
    """A token fresh from the credentials that is refused too is not tried a third time."""
    zuora.plan(Fault.TOKEN_REVOKED, on=LIST, times=9)
    error = failure(lambda: connect(zuora).client.list(NOWHERE))
    assert (type(error), error.outcome_open) == (AuthenticationError, False)
    assert asked(zuora) == ["token 200", "list 401", "token 200", "list 401"]


def test_user_info_is_tried_again_with_the_same_token(zuora: Sandbox) -> None:
    """This 401 says nothing about the token."""
    connection = connect(zuora)
    zuora.plan(Fault.USER_INFO_401, on=LIST)
    assert connection.client.list(NOWHERE) == ()
    assert asked(zuora) == ["token 200", "list 401", "list 200"]
    assert connection.time.sleeps == [0.5]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_never_tried_again(zuora: Sandbox, status: int) -> None:
    """Asking again could lock the account.

    All threads and all later calls get the same answer, each as an error of its own.
    """
    zuora.behaviours.bad_credentials_status = status
    client = connect(zuora, client_secret=SECRET).client
    errors = [*in_threads(8, lambda: client.list(NOWHERE)), failure(client.tenant_id)]

    assert [
        (type(error), error.status, error.arrived, error.outcome_open)
        for error in errors
        if isinstance(error, ApiError)
    ] == [(AuthenticationError, status, False, False)] * 9
    assert len({str(error) for error in errors}) == 1
    assert len({id(error) for error in errors}) == 9
    assert asked(zuora) == [f"token {status}"]
    assert f"they belong to {zuora.base_url}: a wrong base URL is a common cause" in str(errors[0])


@pytest.mark.parametrize(
    ("scope", "belongs"),
    [
        ("tenant.10042", "tenant 10042"),
        ("entity.x user.7", "a tenant that it does not name"),
        (None, "a tenant that it does not name"),
    ],
)
def test_another_tenant_gets_nothing(scope: str | None, belongs: str) -> None:
    """The token names its tenant.

    Where that is not the configured one, no other request is ever sent.
    """
    with raw_server(http(200, token_body(scope=scope))) as server:
        connection = connect(base_url=server.base_url, tenant_id="1004")
        errors = [failure(connection.create), failure(connection.client.tenant_id)]
        assert len(server.requests) == 1
    assert {type(error) for error in errors} == {ConfigurationError}
    assert (
        errors[0].message == f"The credentials belong to {belongs}, but tenant 1004 is configured."
    )


@pytest.mark.parametrize("scope", ["entity.x user.7", "tenant.", "xtenant.7", None])
def test_a_token_that_names_no_tenant_is_refused_where_the_tenant_counts(scope: str | None) -> None:
    """What is missing is a reason to refuse; nothing was sent but the request for the token."""
    with raw_server(http(200, token_body(scope=scope))) as server:
        error = failure(connect(base_url=server.base_url).client.tenant_id)
        assert len(server.requests) == 1
    assert (type(error), error.message) == (
        ConfigurationError,
        "The token does not say which tenant the credentials belong to.",
    )


def test_a_cancelled_run_asks_for_no_token(zuora: Sandbox) -> None:
    """A thread whose turn comes after the cancellation does not begin."""
    connection = connect(zuora)

    def cancelled(_: float) -> None:
        raise InterruptedWaitError("The run was cancelled.")

    connection.time.on_sleep = cancelled
    error = failure(connection.client.tenant_id)
    assert (type(error), error.outcome_open, zuora.requests) == (InterruptedWaitError, False, [])


@pytest.mark.timeout(60)  # the token never comes
def test_who_waits_for_another_s_token_hears_a_cancellation(zuora: Sandbox) -> None:
    """One thread asks for the token, the others wait for it: all of them end, none asks again."""
    zuora.plan(Fault.HANG, on=TOKEN)
    connection, cancelled = connect(zuora), threading.Event()

    def sleep(_: float) -> None:
        if cancelled.is_set():
            raise InterruptedWaitError("The run was cancelled.")

    connection.time.on_sleep = sleep
    zuora.on_request = lambda request: cancelled.set()
    errors = in_threads(4, lambda: connection.client.list(NOWHERE))
    zuora.release()

    assert [type(error) for error in errors] == [InterruptedWaitError] * 4
    assert zuora.count(LIST) == 0


def test_the_right_tenant_is_told(zuora: Sandbox) -> None:
    """The tenant is the one in the token's scope, with or without a configured one."""
    assert connect(zuora, tenant_id="10042").client.tenant_id() == "10042"
    assert connect(zuora).client.tenant_id() == "10042"


@pytest.mark.parametrize(
    "token", [None, "", 1, ["t"], "two words", "a\r\nX-Evil: 1", "tökén", "\ud800"]
)
def test_a_token_that_fits_no_header_is_none(token: Any) -> None:
    """It reaches neither a header nor an error."""
    with raw_server(http(200, token_body(access_token=token))) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert (type(error), error.outcome_open) == (TransportError, False)
    assert error.message == f"{server.base_url}/oauth/token answered without a token."
    assert all(request.startswith(b"POST /oauth/token ") for request in server.requests)


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        (Fault.HTML_502, {}),
        (Fault.GATEWAY_504, {}),
        (Fault.CONNECTION_DROPPED_AFTER, {}),
        (Fault.TRUNCATED_JSON, {}),
        (Fault.BODY_CUT_OFF, {}),
        (Fault.USER_INFO_401, {}),
        (Fault.RATE_LIMITED_429, {"retry_after_s": 20}),
        (Fault.SUCCESS_FALSE, {"code": "90000061"}),
    ],
)
@pytest.mark.parametrize(
    "call",
    [lambda c: c.client.tenant_id(), lambda c: c.client.list(NOWHERE)],
    ids=["tenant", "list"],
)
def test_a_token_is_asked_for_with_patience(
    zuora: Sandbox, fault: Fault, parameters: dict[str, Any], call: Callable[[Connection], object]
) -> None:
    """A fault of the token endpoint that passes fails nothing, not even the first question."""
    zuora.plan(fault, on=TOKEN, **parameters)
    connection = connect(zuora)
    assert call(connection) in ("10042", ())
    assert zuora.count(TOKEN) == 2
    assert connection.time.sleeps == [20.0 if fault is Fault.RATE_LIMITED_429 else 0.5]


def test_no_token_is_asked_for_while_zuora_asked_to_wait(zuora: Sandbox) -> None:
    """Who waited for the thread that heard 429 does not ask before the time is over."""
    zuora.plan(Fault.RATE_LIMITED_429, on=TOKEN, retry_after_s=60)
    connection = connect(zuora)
    heard = []
    for moment_s in (0, 20, 39):
        connection.time.advance(moment_s)
        error = failure(connection.credentials.tenant_id)
        assert isinstance(error, ApiError)
        heard.append((error.status, error.retry_after_s, error.arrived))
    assert heard == [(429, 60, False), (429, 40, False), (429, 1, False)]
    assert asked(zuora) == ["token 429"]
    connection.time.advance(1)
    assert connection.credentials.tenant_id() == "10042"


@pytest.mark.parametrize(
    "answer", [http(404, '{"message": "no Route matched"}'), http(302, "", "Location: https://x")]
)
def test_a_token_endpoint_that_is_none(answer: bytes) -> None:
    """It is said at once, and the request that the token is for did not arrive anywhere."""
    with raw_server(answer) as server:
        error = failure(connect(base_url=server.base_url).create)
        assert len(server.requests) == 1
    assert isinstance(error, ApiError)
    assert (error.arrived, error.transient, error.outcome_open) == (False, False, False)


@pytest.mark.parametrize(
    "fault",
    [
        None,
        Fault.CONNECTION_DROPPED_BEFORE,
        Fault.HTML_502,
        Fault.REDIRECT,
        Fault.GATEWAY_404,
        Fault.BODY_CUT_OFF,
    ],
)
def test_no_error_holds_a_secret(zuora: Sandbox, fault: Fault | None) -> None:
    """Its text, its attributes and its traceback show neither the secret nor the token."""
    connection = connect(zuora, client_secret=None if fault else SECRET)
    secrets = [SECRET, zuora.client_secret]
    if fault:
        connection.client.list(NOWHERE)
        secrets += [zuora.requests[-1].headers["Authorization"].split()[1]]
        zuora.plan(fault, on=Operation.CREATE, times=9)
    error = failure(connection.create)
    shown = "".join(
        [
            *traceback.format_exception(error),
            repr(error),
            repr(vars(error)),
            repr(vars(connection.credentials)["_token"]),
            *connection.said,
        ]
    )
    assert [secret for secret in secrets if secret in shown] == []
