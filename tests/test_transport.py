"""The patience: what is tried again, how often, after how long, and what is known of the outcome in the end."""

from __future__ import annotations

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
from pulumi_zuora_backfill.zuora.http import READ_TIMEOUT_S, Answer, Exchange
from pulumi_zuora_backfill.zuora.retries import Call, Transport

from .parts import KEY, NOWHERE, TOKEN, Connection, connect, http, raw_server

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

# What happens, one after the other → the error, whether the outcome is open, whether it is a saved answer, how many POSTs.
ENDINGS: dict[str, tuple[list[Happening], type[ZuoraBackfillError], bool, bool, int]] = {
    "forbidden": ([FORBIDDEN], ApiError, False, False, 1),
    "redirect": ([(Fault.REDIRECT, CREATE, {})], ApiError, False, False, 1),
    "gateway knows no route": ([(Fault.GATEWAY_404, CREATE, {})], ApiError, False, False, 1),
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
    "gateway timeout": ([(Fault.GATEWAY_504, CREATE, {})] * 5, ApiError, True, False, 5),
    "unsaved failures": (
        [(Fault.UNSAVED_FAILURE, CREATE, {"code": "58730061"})] * 5,
        ApiError,
        True,
        False,
        5,
    ),
    "busy for ever": ([BUSY] * 99, ApiError, True, False, 15),
    "saved failure": ([BROKEN], ApiError, False, True, 2),
    "saved transient refusal": (
        [(Fault.SUCCESS_FALSE, CREATE, {"code": "58730061"})],
        ApiError,
        False,
        True,
        2,
    ),
    "saved final refusal": (
        [(Fault.SUCCESS_FALSE, CREATE, {"code": "58730030"})],
        ApiError,
        False,
        False,
        1,
    ),
    "lost, then forbidden": ([LOST, FORBIDDEN], ApiError, True, False, 2),
    "lost, then a saved failure": ([LOST, BROKEN], ApiError, False, True, 3),
    "saved failure, lost between": ([BROKEN, LOST], ApiError, False, True, 4),
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
        [(Fault.USER_INFO_401, CREATE, {}), FORBIDDEN],
        ApiError,
        False,
        False,
        2,
    ),
    "busy, then forbidden": ([BUSY, FORBIDDEN], ApiError, False, False, 2),
    "lost, busy, then forbidden": ([LOST, BUSY, FORBIDDEN], ApiError, True, False, 3),
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
    ("faults", "kind", "is_open", "replayed", "posts"), ENDINGS.values(), ids=ENDINGS.keys()
)
def test_how_a_post_that_fails_ends(
    zuora: Sandbox,
    faults: list[Happening],
    kind: type[ZuoraBackfillError],
    is_open: bool,
    replayed: bool,
    posts: int,
) -> None:
    """The error says whether a job may have been started all the same; every attempt carried the same key, headers and body."""
    planned(zuora, faults)
    error = failure(connect(zuora).create)
    sent = [request for request in zuora.requests if request.operation is CREATE]

    assert (type(error), error.outcome_open, error.replayed, len(sent)) == (
        kind,
        is_open,
        replayed,
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
    """Ctrl-C between two attempts: a request that may have been carried out stays open, one that was refused a token does not."""
    zuora.plan(fault, on=CREATE)
    zuora.plan(Fault.HTML_502, on=Operation.TOKEN, after=1)
    connection = connect(zuora)

    def cancelled(_: float) -> None:
        raise InterruptedWaitError("The run was cancelled.")

    object.__setattr__(connection.transport._clock, "sleep", cancelled)
    error = failure(connection.create)
    assert (type(error), error.message, error.outcome_open) == (
        InterruptedWaitError,
        "The run was cancelled.",
        is_open,
    )


def test_a_failure_of_the_token_endpoint_is_no_answer_to_the_call() -> None:
    """Even with the same request id it is no saved answer, and makes none of the one that follows it."""
    connection = connect(base_url="http://127.0.0.1:1")
    token, broken, token_again, final = (
        ApiError(name, status=500, request_ids=("R",), transient=name != "final")
        for name in ("token", "broken", "token again", "final")
    )
    token.arrived = token_again.arrived = False
    attempts = iter([token, broken, token_again, final])

    def attempt(_: float) -> None:
        raise next(attempts)

    assert failure(lambda: connection.transport.patiently("do it", attempt)) is final
    assert [
        (error.replayed, error.outcome_open) for error in (token, broken, token_again, final)
    ] == [
        (False, False),
        (False, True),
        (False, True),
        (False, True),
    ]


def test_a_token_endpoint_that_repeats_itself_says_nothing_about_the_post() -> None:
    """The same request id on two failures of the token endpoint is no saved answer to the request that was lost."""
    broken = http(500, "{}", "Zuora-Request-Id: R")
    with raw_server(TOKEN, b"", *[http(401), broken] * 4) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert (type(error), error.replayed, error.outcome_open) == (ApiError, False, True)
    assert len(server.requests) == 10


def test_answers_without_a_request_id_are_never_the_same() -> None:
    """A gateway's answers have none; that makes them no saved ones."""
    with raw_server(TOKEN, http(500, "{}")) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert (error.replayed, error.outcome_open, len(server.requests)) == (False, True, 6)


@pytest.mark.parametrize("name", ["requestId", "processId"])
def test_the_body_s_ids_tell_a_saved_answer_too(name: str) -> None:
    """Zuora repeats them with the answer, where the header is missing."""
    with raw_server(TOKEN, http(500, f'{{"{name}": "R", "reasons": []}}')) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert (error.replayed, error.outcome_open, len(server.requests)) == (True, False, 3)


def test_a_saved_answer_is_known_by_its_body_where_its_header_is_new() -> None:
    """A gateway may number each answer anew; what Zuora saved is in the body."""
    answers = [
        http(500, '{"processId": "P", "reasons": []}', f"Zuora-Request-Id: {number}")
        for number in range(5)
    ]
    with raw_server(TOKEN, *answers) as server:
        error = failure(connect(base_url=server.base_url).create)
    assert (error.replayed, error.outcome_open, len(server.requests)) == (True, False, 3)


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

    def attempt(_: float) -> str:
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
    """An answer that says that nothing is left is waited for until the limit starts anew, before another request is refused and counted."""
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
    """What one thread hears holds for all: none of nineteen others sends anything before the time."""
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
    assert connection.transport.patiently("do it", lambda left_s: left_s) == 300 - 10 - 50
    assert connection.time.sleeps == [10, 50]


@pytest.mark.parametrize("wait_s", [0.25, 1, 299, 300])
def test_a_wait_that_a_call_has_time_for_is_kept_to_the_end(wait_s: float) -> None:
    """However short it is, and up to all the time that there is, nothing is sent before it is over."""
    connection = connect(base_url="http://127.0.0.1:1")
    connection.transport._silence.keep(wait_s)
    assert connection.transport.patiently("do it", lambda left_s: left_s) == 300 - wait_s
    assert connection.time.sleeps == [wait_s]


def test_a_wait_longer_than_the_call_may_take_ends_it(zuora: Sandbox) -> None:
    """It is said at once; and until then no call sends anything, as that could only be refused."""
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=3600)
    connection = connect(zuora)
    first = failure(connection.create)
    zuora.forget_requests()
    second = failure(connection.create)

    assert (type(first), first.outcome_open) == (ApiError, True)
    assert isinstance(second, AskedToWaitError)
    assert (second.arrived, second.transient, second.outcome_open, zuora.requests) == (
        False,
        False,
        False,
        [],
    )
    assert (second.message, second.hint) == (
        "Could not start the backfill job: Zuora asked to wait 60 min, longer than one call may take (5 min).",
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
        self.read_timeouts_s: list[float] = []

    def send(self, *args: Any, read_timeout_s: float = READ_TIMEOUT_S, **options: Any) -> Answer:
        """Send one request once."""
        self.read_timeouts_s.append(read_timeout_s)
        return super().send(*args, read_timeout_s=read_timeout_s, **options)


def test_an_attempt_waits_for_its_answer_no_longer_than_the_call_has_left(zuora: Sandbox) -> None:
    """It waits longer than Zuora's gateway takes to give up where there is time, and for a second where there is hardly any left."""
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

    assert exchange.read_timeouts_s == [READ_TIMEOUT_S, 100.0, 1.0]


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
        "Run the same command again; if it stays so, Zuora answers in a way that this version does not know.",
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
    token = ApiError("token", status=404)
    token.arrived = False
    return {
        "lost": TransportError("lost", arrived=True),
        "unreachable": TransportError("unreachable", arrived=False),
        "broken": ApiError("broken", status=500, transient=True),
        "busy": ApiError("busy", status=429, transient=True),
        "refused": ApiError("refused", status=403),
        "credentials": AuthenticationError("credentials", status=401),
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
    """A refusal, a missing token or another tenant says nothing about what was sent before; what was turned away has done nothing."""
    connection: Connection = connect(base_url="http://127.0.0.1:1")
    outcomes = iter([*before, last])

    def attempt(_: float) -> None:
        raise attempt_of(next(outcomes))

    error = failure(lambda: connection.transport.patiently("do it", attempt))
    assert error.message == last
    assert error.outcome_open is bool({"lost", "broken"} & set(before))
