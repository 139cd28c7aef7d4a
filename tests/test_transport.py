"""The patience: what is tried again, how often, and after how long.

And what is known of the outcome in the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_zuora_backfill.errors import (
    ApiError,
    AskedToWaitError,
    AuthenticationError,
    ConfigurationError,
    InterruptedWaitError,
    TransportError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.settings.loading import DEFAULT_VERSION
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.testing.sandbox import RecordedRequest
from pulumi_zuora_backfill.zuora.http import ATTEMPT_TIMEOUT_S, Answer, Exchange
from pulumi_zuora_backfill.zuora.patience import Patience
from pulumi_zuora_backfill.zuora.retries import Call, Transport

from .parts import KEY, NOWHERE, REQUEST, TOKEN, Connection, connect, http, raw_server

CREATE, LIST = Operation.CREATE, Operation.LIST
LIST_CALL = Call(operation="list", method="GET", path="/v1/uno/data-backfill/propagation/jobs")

Happening = tuple[Fault, Operation, dict[str, Any]]

LOST: Happening = (Fault.CONNECTION_DROPPED_BEFORE, CREATE, {})
DONE_BUT_LOST: Happening = (Fault.CONNECTION_DROPPED_AFTER, CREATE, {})
GATEWAY: Happening = (Fault.HTML_502, CREATE, {})
BUSY: Happening = (Fault.RATE_LIMITED_429, CREATE, {"retry_after_s": 1})
LOCKED: Happening = (Fault.IN_FLIGHT_409, CREATE, {})
FORBIDDEN: Happening = (Fault.UNSAVED_FAILURE, CREATE, {"code": "58730010"})
BROKEN: Happening = (Fault.SAVED_FAILURE, CREATE, {"code": "58730060"})
REVOKED: Happening = (Fault.TOKEN_REVOKED, CREATE, {})
NO_TOKEN: Happening = (Fault.TOKEN_REVOKED, Operation.TOKEN, {})
NO_TOKEN_ROUTE: Happening = (Fault.GATEWAY_404, Operation.TOKEN, {})
NO_TOKEN_LATER: Happening = (Fault.TOKEN_REVOKED, Operation.TOKEN, {"after": 1})
NO_TOKEN_ROUTE_LATER: Happening = (Fault.GATEWAY_404, Operation.TOKEN, {"after": 1})
TOKEN_BUSY: Happening = (Fault.RATE_LIMITED_429, Operation.TOKEN, {"retry_after_s": 50})

# What happens, one after the other → the error, whether the outcome is open, whether it is a saved
# answer, how many POSTs.
FINAL: Happening = (Fault.SAVED_FAILURE, CREATE, {"code": "58730030"})


def done_but(status: int) -> Happening:
    """Let a gateway answer with a status although the job is made."""
    return (Fault.GATEWAY_504, CREATE, {"status": status})


def page(**parameters: Any) -> Happening:
    """Let a gateway's page answer, which looks like a refusal of Zuora's."""
    return (Fault.MAINTENANCE_PAGE, CREATE, parameters)


# What happens, one after the other → the error, whether the outcome is open, whether it is a saved
# answer, how many POSTs.
ENDINGS: dict[str, tuple[list[Happening], type[ZuoraBackfillError], bool, bool, int]] = {
    "forbidden": ([FORBIDDEN] * 2, ApiError, False, False, 2),
    "saved refusal": ([FINAL], ApiError, False, True, 2),
    "saved final 200": (
        [(Fault.SUCCESS_FALSE, CREATE, {"code": "58730030"})],
        ApiError,
        False,
        True,
        2,
    ),
    "key that does not fit": (
        [(Fault.UNSAVED_FAILURE, CREATE, {"code": "58730030", "status": 422})],
        ApiError,
        False,
        False,
        1,
    ),
    "redirect": ([(Fault.REDIRECT, CREATE, {})], ApiError, True, False, 1),
    "gateway knows no route": ([(Fault.GATEWAY_404, CREATE, {})], ApiError, True, False, 1),
    "page that refuses": ([page(status=403)] * 9, ApiError, True, False, 1),
    "page that is busy": ([page(status=503)] * 9, ApiError, True, False, 5),
    "done, then pages": ([done_but(504), *[page(status=503)] * 9], ApiError, True, False, 5),
    "lost": ([LOST] * 5, TransportError, True, False, 5),
    "done but lost": ([DONE_BUT_LOST] * 5, TransportError, True, False, 5),
    "truncated": ([(Fault.TRUNCATED_JSON, CREATE, {})] * 5, TransportError, True, False, 5),
    "cut off": ([(Fault.BODY_CUT_OFF, CREATE, {})] * 5, TransportError, True, False, 5),
    "wrong id": (
        [(Fault.WRONG_ID, CREATE, {"job_id": "short"})] * 5,
        TransportError,
        True,
        False,
        5,
    ),
    "gateway": ([GATEWAY] * 5, ApiError, True, False, 5),
    **{
        f"gateway gives up with {status}": ([done_but(status)] * 5, ApiError, True, False, 5)
        for status in (408, 500, 501, 503, 504, 507, 520, 521, 522, 523, 524)
    },
    "unsaved failures": (
        [(Fault.UNSAVED_FAILURE, CREATE, {"code": "58730061"})] * 5,
        ApiError,
        True,
        False,
        5,
    ),
    "refusal that passes": (
        [(Fault.UNSAVED_FAILURE, CREATE, {"code": "58730061", "status": 400})] * 5,
        ApiError,
        True,
        False,
        5,
    ),
    "busy for ever": ([BUSY] * 99, ApiError, False, False, 15),
    "saved failure": ([BROKEN], ApiError, False, True, 2),
    "saved transient refusal": (
        [(Fault.SUCCESS_FALSE, CREATE, {"code": "58730061"})],
        ApiError,
        False,
        True,
        2,
    ),
    "lost, then forbidden": ([LOST, FORBIDDEN, FORBIDDEN], ApiError, True, False, 3),
    "lost, then a saved failure": ([LOST, BROKEN], ApiError, True, True, 3),
    "broken, then a saved failure": (
        [(Fault.UNSAVED_FAILURE, CREATE, {"code": "58730060"}), BROKEN],
        ApiError,
        True,
        True,
        3,
    ),
    "saved failure, lost between": ([BROKEN, LOST], ApiError, True, True, 4),
    "saved refusal, lost between": ([FINAL, LOST], ApiError, True, False, 3),
    "refused, then lost": ([FORBIDDEN, *[LOST] * 5], TransportError, True, False, 6),
    "refused, then never a token": (
        [FORBIDDEN, REVOKED, NO_TOKEN_LATER],
        AuthenticationError,
        False,
        False,
        2,
    ),
    "refused, then told to wait too long": (
        [FORBIDDEN, (Fault.RATE_LIMITED_429, CREATE, {"retry_after_s": 3600})],
        ApiError,
        False,
        False,
        2,
    ),
    "refused, then a saved failure": ([FORBIDDEN, BROKEN], ApiError, False, True, 3),
    "lost, then the token refused": (
        [LOST, REVOKED, NO_TOKEN_LATER],
        AuthenticationError,
        True,
        False,
        2,
    ),
    "lost, then the new token refused": (
        [LOST, REVOKED, REVOKED],
        AuthenticationError,
        True,
        False,
        3,
    ),
    "lost, then no route to a token": (
        [LOST, REVOKED, NO_TOKEN_ROUTE_LATER],
        ApiError,
        True,
        False,
        2,
    ),
    "busy, then the token refused": (
        [BUSY, REVOKED, NO_TOKEN_LATER],
        AuthenticationError,
        False,
        False,
        2,
    ),
    "no user info, then forbidden": (
        [(Fault.USER_INFO_401, CREATE, {}), FORBIDDEN, FORBIDDEN],
        ApiError,
        False,
        False,
        3,
    ),
    "busy, then forbidden": ([BUSY, FORBIDDEN, FORBIDDEN], ApiError, False, False, 3),
    "lost, busy, then forbidden": (
        [LOST, BUSY, FORBIDDEN, FORBIDDEN],
        ApiError,
        True,
        False,
        4,
    ),
    "token refused": ([NO_TOKEN], AuthenticationError, False, False, 0),
    "no route to a token": ([NO_TOKEN_ROUTE], ApiError, False, False, 0),
    "token busy for ever": ([TOKEN_BUSY] * 9, ApiError, False, False, 0),
    "locked and busy count for nothing": (
        [LOCKED, BUSY] * 4 + [GATEWAY] * 5,
        ApiError,
        True,
        False,
        13,
    ),
}


def planned(zuora: Sandbox, faults: list[Happening]) -> None:
    """Let these faults happen, one after the other."""
    for fault, operation, parameters in faults:
        zuora.plan(fault, on=operation, **parameters)


def failure(call: Callable[[], object]) -> ZuoraBackfillError:
    """Return the error of a call that fails."""
    with pytest.raises(ZuoraBackfillError) as error:
        call()
    return error.value


@pytest.mark.parametrize(
    ("faults", "kind", "is_open", "saved", "posts"), ENDINGS.values(), ids=ENDINGS.keys()
)
def test_how_a_post_that_fails_ends(
    zuora: Sandbox,
    faults: list[Happening],
    kind: type[ZuoraBackfillError],
    is_open: bool,
    saved: bool,
    posts: int,
) -> None:
    """The error says whether a job may have been started all the same.

    Every attempt carried the same key, headers and body.
    """
    planned(zuora, faults)
    error = failure(connect(zuora).create)
    sent = [request for request in zuora.requests if request.operation is CREATE]

    assert (type(error), error.outcome_open, error.saved, len(sent)) == (
        kind,
        is_open,
        saved,
        posts,
    )
    names = ("Idempotency-Key", "Zuora-Track-Id", "Zuora-Version")
    assert {
        (*(request.headers[name] for name in names), str(request.body)) for request in sent
    } in (
        set(),
        {
            (
                KEY,
                "track-1",
                DEFAULT_VERSION,
                "{'type': 'RatePlanCharge', 'batchSize': 500, 'dryRun': False}",
            )
        },
    )


@pytest.mark.parametrize(
    "faults",
    [
        [LOST] * 4,
        [DONE_BUT_LOST] * 4,
        [GATEWAY] * 4,
        [LOCKED] * 8,
        [BUSY] * 8,
        [(Fault.GATEWAY_504, CREATE, {})] * 4,
        [(Fault.TRUNCATED_JSON, CREATE, {})],
        [(Fault.BODY_CUT_OFF, CREATE, {})],
        [(Fault.USER_INFO_401, CREATE, {})] * 4,
        [(Fault.SUCCESS_FALSE, CREATE, {"code": "58730050", "saved": False})] * 4,
        [LOST, REVOKED, GATEWAY, LOCKED, DONE_BUT_LOST, BUSY],
    ],
    ids=lambda faults: f"{len(faults)} {faults[0][0].value}",
)
def test_a_fault_that_passes_starts_one_job(zuora: Sandbox, faults: list[Happening]) -> None:
    """Whatever was lost on the way, there is one job, and the caller holds its id."""
    planned(zuora, faults)
    assert [connect(zuora).create()] == [job.id for job in zuora.jobs]


def test_a_server_that_is_not_there_was_asked_nothing(zuora: Sandbox) -> None:
    """Refused connections only: nothing arrived, so the outcome is not open."""
    connection = connect(zuora)
    connection.client.list(NOWHERE)
    zuora.stop()
    error = failure(connection.create)
    assert (type(error), error.outcome_open, len(connection.time.sleeps)) == (
        TransportError,
        False,
        4,
    )


def test_a_refusal_that_cannot_be_asked_about_again_is_the_error(zuora: Sandbox) -> None:
    """The server is gone before it could repeat itself: the refusal is what the user can mend."""
    zuora.plan(Fault.SAVED_FAILURE, on=CREATE, code="58730010")
    connection, asked = connect(zuora), list[None]()

    def before_send(_open: bool) -> None:
        asked.append(None)
        if len(asked) == 2:
            zuora.stop()

    error = failure(lambda: create(connection, before_send))
    assert isinstance(error, ApiError)
    assert (error.status, error.outcome_open, error.saved) == (403, False, False)
    assert isinstance(error.__cause__, TransportError)


def test_a_server_that_goes_away_leaves_the_outcome_open(zuora: Sandbox) -> None:
    """Lost once and refused ever after: the first one may have been carried out."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    connection = connect(zuora)
    connection.transport._report = lambda _: zuora.stop()
    error = failure(connection.create)
    assert isinstance(error, TransportError)
    assert (error.arrived, error.outcome_open) == (False, True)


@pytest.mark.parametrize(
    ("fault", "is_open"), [(Fault.CONNECTION_DROPPED_AFTER, True), (Fault.TOKEN_REVOKED, False)]
)
def test_a_pause_that_is_cancelled_says_what_became_of_the_call(
    zuora: Sandbox, fault: Fault, is_open: bool
) -> None:
    """Ctrl-C between two attempts.

    A request that may have been carried out stays open, one that was refused a token does not.
    """
    zuora.plan(fault, on=CREATE)
    zuora.plan(Fault.HTML_502, on=Operation.TOKEN, after=1)
    connection = connect(zuora)

    def cancelled(seconds: float) -> None:
        if seconds:
            raise InterruptedWaitError("The run was cancelled.")

    connection.time.on_sleep = cancelled
    error = failure(connection.create)
    assert (type(error), error.message, error.outcome_open) == (
        InterruptedWaitError,
        "The run was cancelled.",
        is_open,
    )


def test_a_failure_of_the_token_endpoint_is_no_answer_to_the_call() -> None:
    """Even with the same request id it is no saved answer, nor is the one after it."""
    connection = connect(base_url="http://127.0.0.1:1")
    token, token_again = (
        ApiError(name, status=500, transient=True, arrived=False) for name in ("token", "again")
    )
    broken, final = (
        ApiError(name, status=500, answer_id="R", transient=name != "final")
        for name in ("broken", "final")
    )
    attempts = iter([token, broken, token_again, final])

    def attempt(_: Patience) -> None:
        raise next(attempts)

    assert failure(lambda: connection.transport.patiently("do it", attempt)) is final
    assert [(error.saved, error.outcome_open) for error in (token, broken, token_again, final)] == [
        (False, False),
        (False, True),
        (False, True),
        (False, True),
    ]


def test_a_token_endpoint_that_repeats_itself_says_nothing_about_the_post() -> None:
    """One request id on two failures of the token endpoint is no saved answer.

    It tells nothing of the request that was lost.
    """
    broken = http(500, '{"success": false}', "Zuora-Request-Id: R")
    with raw_server(TOKEN, b"", *[http(401), broken] * 4) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert (type(error), error.saved, error.outcome_open) == (ApiError, False, True)
    assert len(server.requests) == 10


def test_a_refused_token_is_no_refusal_of_the_request() -> None:
    """Zuora did not look at it, whatever the answer's shape: it is not asked for once more."""
    refused = http(401, '{"success": false}', "Zuora-Request-Id: R")
    with raw_server(TOKEN, refused, TOKEN, refused) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert (type(error), error.saved, error.outcome_open) == (AuthenticationError, False, False)
    assert len(server.requests) == 4


@pytest.mark.timeout(30)
def test_a_new_token_instead_of_a_refused_one_gets_no_more_time_than_the_call(
    zuora: Sandbox,
) -> None:
    """The token endpoint answers a byte at a time; alone it may take two minutes."""
    zuora.plan(Fault.TOKEN_REVOKED, on=LIST, times=9)
    zuora.plan(Fault.TRICKLE, on=Operation.TOKEN, after=1, times=9)
    error = failure(lambda: connect(zuora).client.list(NOWHERE, within_s=1))
    assert isinstance(error, TransportError)
    assert "in time" in error.message


def test_answers_without_a_request_id_are_never_the_same() -> None:
    """A gateway's answers have none; that makes them no saved ones."""
    with raw_server(TOKEN, http(500, "{}")) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert (error.saved, error.outcome_open, len(server.requests)) == (False, True, 6)


@pytest.mark.parametrize(
    "answer",
    [
        http(500, '{"success": false, "requestId": "R", "processId": "R"}'),
        http(500, '{"message": "down"}', "Zuora-Request-Id: R"),
        http(500, "<html>down</html>", "Zuora-Request-Id: R"),
        http(500, '{"reasons": [{"message": "down"}]}', "Zuora-Request-Id: R"),
    ],
)
def test_only_zuora_s_own_answers_can_be_saved_ones(answer: bytes) -> None:
    """A page that gives everybody the same id, in its body or in its header, is no saved answer."""
    with raw_server(TOKEN, answer) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert (error.saved, error.outcome_open, len(server.requests)) == (False, True, 6)


@pytest.mark.parametrize(
    "body", ['{"success": false}', '{"reasons": [{"code": 1}, {"code": "SystemError"}]}']
)
def test_a_saved_answer_has_zuora_s_shape_and_an_old_id(body: str) -> None:
    """Either mark of a refusal will do, with the header that each answer of Zuora has."""
    with raw_server(TOKEN, http(500, body, "Zuora-Request-Id: R")) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert isinstance(error, ApiError)
    assert (error.saved, error.outcome_open, error.answer_id) == (True, False, "R")
    assert len(server.requests) == 3


def test_what_is_raised_before_sending_ends_the_call(zuora: Sandbox) -> None:
    """It is asked before each attempt, with the token there.

    An error of it is never tried again.
    """
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    connection, seen = connect(zuora), list[list[Operation | None]]()

    def before_send(_open: bool) -> None:
        seen.append([request.operation for request in zuora.requests])
        if len(seen) == 2:
            raise TransportError("no", arrived=True)

    error = failure(lambda: create(connection, before_send))
    assert seen == [[Operation.TOKEN], [Operation.TOKEN, CREATE]]
    assert (str(error), error.outcome_open, error.saved) == ("no", True, False)
    assert zuora.count(CREATE) == 1


@pytest.mark.parametrize(
    "raised",
    [
        TransportError("no", arrived=True),
        ApiError("no", status=401),
        ApiError("no", status=503, transient=True),
        KeyboardInterrupt(),
    ],
)
def test_a_call_that_may_not_begin_has_sent_nothing(zuora: Sandbox, raised: BaseException) -> None:
    """Whatever is raised before the first POST, no POST leaves, and no outcome is open."""

    def before_send(_open: bool) -> None:
        raise raised

    with pytest.raises(type(raised)) as error:
        create(connect(zuora), before_send)
    assert error.value is raised
    assert getattr(raised, "outcome_open", False) is False
    assert [request.operation for request in zuora.requests] == [Operation.TOKEN]


def test_a_renewed_token_is_asked_about_again(zuora: Sandbox) -> None:
    """The request that goes out with a new token after a 401 is another one."""
    planned(zuora, [REVOKED])
    asked: list[bool] = []
    create(connect(zuora), asked.append)
    assert (asked, zuora.count(CREATE)) == ([False, False], 2)


def test_whoever_is_asked_before_a_request_hears_whether_one_may_have_been_carried_out(
    zuora: Sandbox,
) -> None:
    """What was turned away has started nothing; a lost answer may have started the job."""
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=1)
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    asked: list[bool] = []
    create(connect(zuora), asked.append)
    assert asked == [False, False, True]


@pytest.mark.parametrize("slow", [Operation.TOKEN, LIST])
def test_a_cancelled_run_sends_nothing_that_changes_data(zuora: Sandbox, slow: Operation) -> None:
    """Cancelled while the token or the list is on its way: no POST and no PUT leaves after it."""
    job, connection = zuora.add_job(), connect(zuora)
    cancelled = cancel_when(connection, zuora, slow)

    def check_first(_open: bool) -> None:
        connection.client.list(NOWHERE)

    error = failure(lambda: create(connection, check_first))
    assert (type(error), error.outcome_open, cancelled.is_set()) == (
        InterruptedWaitError,
        False,
        True,
    )
    stopping = failure(lambda: connection.client.stop(job.id, NOWHERE))
    assert (type(stopping), stopping.outcome_open) == (InterruptedWaitError, False)
    assert (zuora.count(CREATE), zuora.count(Operation.STOP)) == (0, 0)


@pytest.mark.timeout(60)  # the answer never comes
@pytest.mark.parametrize(
    ("operation", "is_open"), [(Operation.TOKEN, False), (LIST, False), (CREATE, True)]
)
def test_a_cancelled_run_waits_for_no_answer(
    zuora: Sandbox, operation: Operation, is_open: bool
) -> None:
    """Cancelled while Zuora is silent, a call ends; only a POST that is on its way stays open."""
    zuora.plan(Fault.HANG, on=operation)
    connection = connect(zuora)
    cancel_when(connection, zuora, operation)
    call = connection.create if operation is CREATE else lambda: connection.client.list(NOWHERE)
    error = failure(call)
    assert (type(error), error.outcome_open) == (InterruptedWaitError, is_open)
    zuora.release()


def cancel_when(connection: Connection, zuora: Sandbox, operation: Operation) -> threading.Event:
    """Cancel the run as soon as Zuora reads a request."""
    cancelled = threading.Event()

    def hook(request: RecordedRequest) -> None:
        if request.operation is operation:
            cancelled.set()

    def sleep(_: float) -> None:
        if cancelled.is_set():
            raise InterruptedWaitError("The run was cancelled.")

    zuora.on_request = hook
    connection.time.on_sleep = sleep
    return cancelled


def create(connection: Connection, before_send: Callable[[bool], None]) -> object:
    """Start a job, asking before each request."""
    return connection.client.create(
        REQUEST, NOWHERE, idempotency_key=KEY, track_id="track-1", before_send=before_send
    )


def test_the_pauses_grow_with_full_jitter(zuora: Sandbox) -> None:
    """A random part of 1, 2, 4, … up to 60 s; each is said."""
    connection = connect(zuora, call_timeout_s=600)
    zuora.plan(Fault.IN_FLIGHT_409, on=CREATE, times=9)
    connection.create()
    assert connection.time.sleeps == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert connection.said[-1].startswith(
        "Zuora could not start the backfill job (HTTP 409, code IdempotencyKey"
    )
    assert connection.said[-1].endswith("Trying again in 30 s.")


def test_very_many_pauses_do_not_overflow(zuora: Sandbox) -> None:
    """Two to the power of the attempts is no number for ever; the pause is."""
    connection = connect(jitter=1e-9, base_url="http://127.0.0.1:1")
    attempts = iter(range(1100))

    def attempt(_: Patience) -> str:
        if next(attempts, None) is not None:
            raise ApiError("busy", status=409, transient=True)
        return "done"

    assert connection.transport.patiently("do it", attempt) == "done"
    assert max(connection.time.sleeps) <= 61e-9


@pytest.mark.parametrize(
    ("parameters", "waited_s"),
    [
        ({"retry_after_s": 7}, 7),
        ({"retry_after_s": 0}, 0.5),
        ({"ratelimit_reset_s": 12}, 12),
        ({"retry_after_s": 7, "ratelimit_reset_s": 12}, 7),
        ({}, 0.5),
        ({"retry_after_s": "soon"}, 0.5),
    ],
)
def test_zuora_s_own_wish_comes_first(
    zuora: Sandbox, parameters: dict[str, Any], waited_s: float
) -> None:
    """`Retry-After`, else `RateLimit-Reset`, else chance; never less than was asked for."""
    zuora.plan(Fault.RATE_LIMITED_429, on=LIST, **parameters)
    connection = connect(zuora)
    connection.client.list(NOWHERE)
    assert connection.time.sleeps == [waited_s]


@pytest.mark.parametrize(
    ("headers", "waited_s"),
    [
        (("RateLimit-Remaining: 0", "RateLimit-Reset: 42"), [42]),
        (("RateLimit-Remaining: 1", "RateLimit-Reset: 42"), []),
        (("RateLimit-Remaining: 0",), []),
        (("RateLimit-Remaining: 0", "RateLimit-Reset: soon"), []),
        (("RateLimit-Reset: 42",), []),
    ],
)
def test_nothing_is_sent_after_the_last_request_of_a_rate_limit(
    headers: tuple[str, ...], waited_s: list[float]
) -> None:
    """After an answer that says that nothing is left, a call waits until the limit starts anew.

    So no other request is refused and counted.
    """
    with raw_server(
        TOKEN, http(200, '{"jobs": []}', *headers), http(200, '{"jobs": []}')
    ) as server:
        connection = connect(base_url=server.base_url)
        assert [connection.client.list(NOWHERE) for _ in range(2)] == [(), ()]
    assert (connection.time.sleeps, len(server.requests)) == (waited_s, 3)


def test_the_version_is_sent_under_zuora_s_own_spelling() -> None:
    """An old text of Zuora's says that the name of this header is case-sensitive."""
    with raw_server(TOKEN, http(200, '{"jobs": []}')) as server:
        connect(base_url=server.base_url).client.list(NOWHERE)
    assert b"\r\nZuora-Version: 2025-08-12\r\n" in server.requests[1]


def test_a_date_to_wait_for_is_by_the_server_s_clock() -> None:
    """How far the date is from the answer's own `Date` counts, not our clock."""
    headers = (
        f"Date: {formatdate(1000, usegmt=True)}",
        f"Retry-After: {formatdate(1090, usegmt=True)}",
    )
    with raw_server(TOKEN, http(503, "", *headers), http(200, '{"jobs": []}')) as server:
        connection = connect(base_url=server.base_url)
        connection.client.list(NOWHERE)
    assert connection.time.sleeps == [90]


def test_nobody_sends_while_zuora_asked_to_wait(zuora: Sandbox) -> None:
    """What one thread hears holds for all.

    None of nineteen others sends anything before the time.
    """
    connection = connect(zuora)
    connection.client.tenant_id()
    zuora.plan(Fault.RATE_LIMITED_429, on=LIST, retry_after_s=60)
    with ThreadPoolExecutor(19) as pool:
        connection.transport._report = lambda _: [
            *pool.map(lambda _: connection.client.list(NOWHERE), range(19))
        ].clear()
        connection.client.list(NOWHERE)
    first, *later = [request.at for request in zuora.requests if request.operation is LIST]
    assert len(later) == 20
    assert min(later) - first >= 60


def test_a_wait_that_grows_while_it_lasts_is_kept_too() -> None:
    """Another thread hears of a longer wait while this one sleeps; this one then sleeps on."""
    connection = connect(base_url="http://127.0.0.1:1")
    silence = connection.transport._silence
    silence.keep(10)
    longer = iter([50.0])
    slept = connection.time.clock.sleep

    def sleep(seconds: float) -> None:
        slept(seconds)
        for wait_s in longer:
            silence.keep(wait_s)

    object.__setattr__(connection.transport._clock, "sleep", sleep)
    assert (
        connection.transport.patiently("do it", lambda patience: patience.left_s()) == 300 - 10 - 50
    )
    assert connection.time.sleeps == [10, 50]


@pytest.mark.parametrize("wait_s", [0.25, 1, 299, 300])
def test_a_wait_that_a_call_has_time_for_is_kept_to_the_end(wait_s: float) -> None:
    """However short or long it is, nothing is sent before it is over."""
    connection = connect(base_url="http://127.0.0.1:1")
    connection.transport._silence.keep(wait_s)
    assert (
        connection.transport.patiently("do it", lambda patience: patience.left_s()) == 300 - wait_s
    )
    assert connection.time.sleeps == [wait_s]


def test_a_wait_longer_than_the_call_may_take_ends_it(zuora: Sandbox) -> None:
    """It is said at once; and until then no call sends anything, as that could only be refused."""
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=3600)
    connection = connect(zuora)
    first = failure(connection.create)
    zuora.forget_requests()
    second = failure(connection.create)

    assert (type(first), first.outcome_open) == (ApiError, False)
    assert isinstance(second, AskedToWaitError)
    assert (second.arrived, second.transient, second.outcome_open, zuora.requests) == (
        False,
        False,
        False,
        [],
    )
    assert (second.message, second.hint) == (
        "Could not start the backfill job: Zuora asked to wait 60 min, longer than one call may "
        "take (5 min).",
        "Run `pulumi up` again then, or raise ZUORA_CALL_TIMEOUT / zuora:callTimeout.",
    )
    connection.time.advance(3600)
    assert connection.create() == zuora.jobs[0].id


def test_the_deadline_ends_the_patience(zuora: Sandbox) -> None:
    """No attempt starts after it, whatever would still be allowed."""
    zuora.plan(Fault.IN_FLIGHT_409, on=CREATE, times=99)
    connection = connect(zuora, call_timeout_s=10)
    error = failure(connection.create)
    assert (type(error), error.outcome_open) == (ApiError, True)
    assert connection.time.sleeps == [0.5, 1, 2, 4]


@pytest.mark.parametrize(("call_timeout_s", "pauses"), [(7.5, [0.5, 1, 2]), (7.6, [0.5, 1, 2, 4])])
def test_no_attempt_starts_when_the_deadline_has_come(
    zuora: Sandbox, call_timeout_s: float, pauses: list[float]
) -> None:
    """A pause that would last until the deadline is not made; one that ends before it is."""
    zuora.plan(Fault.IN_FLIGHT_409, on=CREATE, times=99)
    connection = connect(zuora, call_timeout_s=call_timeout_s)
    failure(connection.create)
    assert connection.time.sleeps == pauses


class WatchedExchange(Exchange):
    """Sends real requests, and notes how long each would wait for its answer."""

    def __init__(self, base_url: str) -> None:
        """Take the address."""
        super().__init__(base_url)
        self.timeouts_s: list[float] = []

    def send(self, *args: Any, timeout_s: float = ATTEMPT_TIMEOUT_S, **options: Any) -> Answer:
        """Send one request once."""
        self.timeouts_s.append(timeout_s)
        return super().send(*args, timeout_s=timeout_s, **options)


def test_an_attempt_waits_for_its_answer_no_longer_than_the_call_has_left(zuora: Sandbox) -> None:
    """It waits longer than Zuora's gateway takes to give up, if there is time.

    If hardly any is left, it waits for a second.
    """
    parts, exchange = connect(zuora), WatchedExchange(zuora.base_url)
    transport = Transport(
        exchange,
        parts.credentials,
        version=DEFAULT_VERSION,
        call_timeout_s=300,
        clock=parts.time.clock,
        report=print,
    )
    for wait_s in (200, 99.5):
        zuora.plan(Fault.RATE_LIMITED_429, on=LIST, retry_after_s=wait_s)
    transport.send(LIST_CALL, lambda answer: answer.body)

    assert exchange.timeouts_s == [ATTEMPT_TIMEOUT_S, 100.0, 1.0]


@pytest.mark.parametrize(("within_s", "limit"), [(1000.0, "5 min"), (200.0, "3 min")])
def test_a_call_ends_with_the_shorter_of_two_limits(
    zuora: Sandbox, within_s: float, limit: str
) -> None:
    """More time than one call may take gives it no more, less gives it less."""
    parts = connect(zuora)
    transport = Transport(
        parts.exchange,
        parts.credentials,
        version=DEFAULT_VERSION,
        call_timeout_s=300,
        clock=parts.time.clock,
        report=print,
    )
    zuora.plan(Fault.RATE_LIMITED_429, on=LIST, retry_after_s=400)
    for _ in range(2):
        with pytest.raises(ZuoraBackfillError) as error:
            transport.send(LIST_CALL, lambda answer: answer.body, within_s=within_s)
    assert "longer than one call may take" in str(error.value)
    assert f"({limit})" in str(error.value)


def test_an_answer_that_makes_no_sense_is_asked_for_again(zuora: Sandbox) -> None:
    """A `ValueError` of the one who reads is a fault of the answer."""
    sense = iter([ValueError("upside down")])

    def understand(answer: Answer) -> object:
        for error in sense:
            raise error
        return answer.body["jobs"]

    connection = connect(zuora)
    assert connection.transport.send(LIST_CALL, understand) == []
    assert connection.said == [
        "Zuora's answer to the request to list makes no sense: upside down. Trying again in 0 s."
    ]


def test_answers_that_never_make_sense_are_said_to_be_new(zuora: Sandbox) -> None:
    """After five of them it is no chance any more, and the reader learns what to think of it."""

    def understand(_: Answer) -> object:
        """Understand nothing."""
        raise ValueError("upside down")

    error = failure(lambda: connect(zuora).transport.send(LIST_CALL, understand))
    assert (type(error), error.message, error.hint) == (
        TransportError,
        "Zuora's answer to the request to list makes no sense: upside down.",
        "Run the same command again; if it stays so, Zuora answers in a way that this version does "
        "not know.",
    )
    assert zuora.count(Operation.LIST) == 5


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_what_is_no_fault_of_zuora_s_is_never_tried_again(
    zuora: Sandbox, error: type[BaseException]
) -> None:
    """Ctrl-C during the second attempt ends the call, although the first one was to be repeated."""
    zuora.plan(Fault.HTML_502, on=LIST)

    def understand(_: Answer) -> None:
        raise error

    with pytest.raises(error):
        connect(zuora).transport.send(LIST_CALL, understand)
    assert zuora.count(LIST) == 2


def attempt_of(outcome: str) -> ZuoraBackfillError:
    """Return what one attempt may bring."""
    token = ApiError("token", status=404, arrived=False)
    return {
        "lost": TransportError("lost", arrived=True),
        "unreachable": TransportError("unreachable", arrived=False),
        "broken": ApiError("broken", status=500, transient=True),
        "busy": ApiError("busy", status=429, transient=True, arrived=False),
        "refused": ApiError("refused", status=403, answer_id="R", arrived=False),
        "credentials": AuthenticationError("credentials", status=401, arrived=False),
        "token": token,
        "tenant": ConfigurationError("tenant"),
    }[outcome]


@given(
    st.lists(st.sampled_from(["lost", "unreachable", "broken", "busy"]), max_size=4),
    st.sampled_from(["refused", "credentials", "token", "tenant"]),
)
def test_the_outcome_stays_open_whatever_is_refused_afterwards(
    before: list[str], last: str
) -> None:
    """A refusal, a missing token or another tenant says nothing about what was sent before.

    What was turned away has done nothing.
    """
    connection: Connection = connect(base_url="http://127.0.0.1:1")
    outcomes = iter([*before, last])

    def attempt(_: Patience) -> None:
        raise attempt_of(next(outcomes))

    error = failure(lambda: connection.transport.patiently("do it", attempt))
    assert error.message == last
    assert error.outcome_open is bool({"lost", "broken"} & set(before))
