"""The submission's states, one after the other: what is sent in each, what comes next, and what a user reads where it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from pulumi_zuora_backfill.contract.guard import Guard
from pulumi_zuora_backfill.contract.intent import Intent, key_for
from pulumi_zuora_backfill.contract.order import Order, Submitted
from pulumi_zuora_backfill.contract.submission import Submission
from pulumi_zuora_backfill.errors import (
    AmbiguousJobError,
    ApiError,
    AuthenticationError,
    GuardError,
    JobRefusedError,
    JobStillRunningError,
    OutcomeUnknownError,
    TransportError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.testing.sandbox import SandboxJob
from pulumi_zuora_backfill.zuora.models import Job, Scope

from .contract.process import still_sandbox
from .parts import NOWHERE, REQUEST, TOKEN, Connection, connect, http, in_threads, raw_server

CREATE, GET, LIST = Operation.CREATE, Operation.GET, Operation.LIST
HOUR_S = 3600
A, B = "a" * 32, "b" * 32
INTENT = Intent(
    organization="acme",
    urn="urn:pulumi:dev::shop::pulumi-python:dynamic/zuora:BackfillJob::charges",
    base_url="https://rest.zuora.com",
    entity_id=None,
    org_ids=(),
    type="RatePlanCharge",
    dry_run=False,
)
ORDER = Order(intent=INTENT, request=REQUEST, scope=NOWHERE, guard="none")
KEY = key_for(INTENT)
ONE_TIME_KEY = key_for(INTENT, nonce="nonce-0")
LOST = "Zuora could not start the backfill job (HTTP 504: 504 Gateway Time-out) [track id {}]."
SAME_KEY = (
    "Nothing is lost: run `pulumi up` again before {} ({} hours after the first such attempt; count from that one if an earlier run ended like this). "
    "It continues with the same idempotency key: it takes over the job that was started, or starts the one that was not. Later than that, look into "
    "Revenue → Data Backfill → Backfill Logs first, then set existing_job_id or change triggers."
)
PERMISSION = (
    "The API user usually lacks the Billing permission 'Manage OTR Settings' or the Platform permission 'API Write Access'; "
    "grant it and run `pulumi up` again."
)


class Run:
    """A process that has been up for a while, wired as the provider wires it; time only moves when somebody sleeps or says so."""

    def __init__(
        self,
        zuora: Sandbox | None = None,
        base_url: str | None = None,
        *,
        call_timeout_s: float = 300.0,
    ) -> None:
        """Start it at a local Zuora, or at another address."""
        self.zuora = zuora
        self.connection: Connection = connect(
            zuora, base_url=base_url, call_timeout_s=call_timeout_s
        )
        self.connection.time.time_s = 5000.0
        client = self.connection.client
        self.submission = Submission(client, Guard(client), self.connection.time.clock)
        if zuora:
            zuora.forget_requests()

    def submit(self, order: Order = ORDER, **changes: Any) -> Submitted:
        """Submit an order, or one that differs."""
        return self.submission.submit(replace(order, **changes))

    def failure(self, order: Order = ORDER, **changes: Any) -> ZuoraBackfillError:
        """Submit an order that fails, and return the error."""
        with pytest.raises(ZuoraBackfillError) as error:
            self.submit(order, **changes)
        return error.value

    @property
    def sent(self) -> list[str]:
        """What reached Zuora since the process started, tokens aside: ``LIST``, ``GET`` and a job, ``POST`` and a key."""
        assert self.zuora
        return [
            "LIST"
            if request.operation is LIST
            else f"POST {request.headers['Idempotency-Key']}"
            if request.operation is CREATE
            else f"{request.method} {request.path.rpartition('/')[2]}"
            for request in self.zuora.requests
            if request.operation is not Operation.TOKEN
        ]


@pytest.fixture
def zuora() -> Iterator[Sandbox]:
    """Serve a local Zuora whose clock stands still at 2027-01-15T08:00:00Z."""
    with still_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def run(zuora: Sandbox) -> Run:
    """Start a process at it."""
    return Run(zuora)


def replacing(job_id: str, status: str | None = None) -> dict[str, Any]:
    """Return what an order says of a job that it replaces, for the same intent."""
    return {
        "predecessor": job_id,
        "predecessor_status": status,
        "spent": frozenset({job_id}),
        "after": job_id,
    }


def started(job: SandboxJob, submitted: Submitted, /, **changes: Any) -> Submitted:
    """Return what is handed out for a job that Zuora started just now; the request id is a chance one, and Zuora's `Date` cut to the second."""
    key = job.idempotency_key or ""
    seen_at = datetime.fromtimestamp(int(job.clock.now()), timezone.utc)
    expected = Submitted(
        job=Job.from_wire(job.as_json(), seen_at=seen_at),
        idempotency_key=key,
        track_id=key[:37],
        request_id=submitted.request_id,
        recovered=False,
    )
    return replace(expected, **changes)


def refused(error: ZuoraBackfillError, said: str, key: str = KEY) -> str:
    """Return how a refusal reads, with the request id that Zuora gave it and the track id of the key."""
    cause = error.__cause__ if not isinstance(error, ApiError) else error
    assert isinstance(cause, ApiError)
    return f"Zuora {said} [request id {cause.request_ids[0]}, track id {key[:37]}]."


def refuse(
    zuora: Sandbox, *, saved: bool = True, times: int = 1, after: int = 0, code: str = "58730010"
) -> None:
    """Let Zuora refuse to start a job, because of a permission unless a code says otherwise."""
    fault = Fault.SAVED_FAILURE if saved else Fault.UNSAVED_FAILURE
    zuora.plan(fault, on=CREATE, times=times, after=after, code=code, message="Not now.")


def lose(zuora: Sandbox, after: int = 0) -> None:
    """Let a gateway give up on all five attempts of one request to start a job; Zuora starts it nevertheless."""
    zuora.plan(Fault.GATEWAY_504, on=CREATE, times=5, after=after)


def earlier(zuora: Sandbox, order: Order = ORDER) -> SandboxJob:
    """Let an earlier process start the job of an order, and be killed before state is written."""
    job_id = Run(zuora).submit(order).job.id
    return next(job for job in zuora.jobs if job.id == job_id)


# The way through


def test_a_job_is_started_with_one_list_one_post_and_one_get(zuora: Sandbox, run: Run) -> None:
    """The guard lists, SEND posts the request with the intent's key and the track id made of it, LOOK reads the job."""
    submitted = run.submit(guard="once")
    (job,) = zuora.jobs
    (post,) = [request for request in zuora.requests if request.operation is CREATE]

    assert submitted == started(job, submitted)
    assert (job.idempotency_key, post.headers["Zuora-Track-Id"]) == (KEY, KEY[:37])
    assert post.body == {"type": "RatePlanCharge", "batchSize": 500, "dryRun": False}
    assert run.sent == ["LIST", f"POST {KEY}", f"GET {job.id}"]


def test_every_request_speaks_of_the_order_s_entity_and_organisations(
    zuora: Sandbox, run: Run
) -> None:
    """A job of another entity stands against nothing; list, POST and GET carry the order's own headers."""
    zuora.add_job(entity_id="e-2", age_s=30 * HOUR_S)
    run.submit(guard="strict", scope=Scope(entity_id="e-1", org_ids=("o-1", "o-2")))

    scopes = [
        (r.headers["Zuora-Entity-Ids"], r.headers["Zuora-Org-Ids"]) for r in zuora.requests[1:]
    ]
    assert scopes == [("e-1", "o-1,o-2")] * 3


def test_the_user_s_own_track_id_is_sent_and_handed_out(zuora: Sandbox, run: Run) -> None:
    """A track id that the user gives takes the place of the one made of the key."""
    submitted = run.submit(track_id="release 42")
    (post,) = [request for request in zuora.requests if request.operation is CREATE]

    assert (post.headers["Zuora-Track-Id"], submitted.track_id) == ("release 42", "release 42")


def test_the_request_id_is_that_of_the_answer_that_named_the_job() -> None:
    """Support asks for the POST's request id; that of the GET after it is no use. A job that says no more than its status is ours as well."""
    answers = (
        http(200, f'{{"success": true, "jobId": "{A}"}}', "Zuora-Request-Id: of the POST"),
        http(
            200,
            f'{{"success": true, "job": {{"id": "{A}", "status": "ACCEPTED"}}}}',
            "Zuora-Request-Id: of the GET",
        ),
    )
    with raw_server(TOKEN, *answers) as server:
        submitted = Run(base_url=server.base_url).submit()

    assert submitted == Submitted(
        job=Job(id=A, status="ACCEPTED"),
        idempotency_key=KEY,
        track_id=KEY[:37],
        request_id="of the POST",
        recovered=False,
    )


# BEFORE


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "STOPPED"])
def test_a_predecessor_that_had_ended_is_not_asked_about(
    zuora: Sandbox, run: Run, status: str
) -> None:
    """State knows its end already: the first request is the POST, under the key that comes after it."""
    submitted = run.submit(**replacing(A, status))

    assert run.sent == [f"POST {key_for(INTENT, A)}", f"GET {submitted.job.id}"]


def test_another_intent_s_first_key_follows_no_job(run: Run) -> None:
    """The predecessor was for something else: the key is that of the intent alone, so that it is found again when the state is lost."""
    submitted = run.submit(**{**replacing(A, "COMPLETED"), "after": None})

    assert run.sent == [f"POST {KEY}", f"GET {submitted.job.id}"]


@pytest.mark.parametrize("in_state", [None, "ACCEPTED", "PROCESSING", "UNKNOWN", "QUEUED"])
def test_a_predecessor_that_has_ended_meanwhile_is_followed(
    zuora: Sandbox, run: Run, in_state: str | None
) -> None:
    """Whatever else state says, Zuora is asked first."""
    old = zuora.add_job(status="FAILED")
    submitted = run.submit(**replacing(old.id, in_state))

    assert submitted.job.id != old.id
    assert run.sent == [
        f"GET {old.id}",
        f"POST {key_for(INTENT, old.id)}",
        f"GET {submitted.job.id}",
    ]


def test_a_predecessor_that_zuora_does_not_know_is_followed(run: Run) -> None:
    """A purged job cannot run."""
    submitted = run.submit(**replacing(A, "PROCESSING"))

    assert run.sent == [f"GET {A}", f"POST {key_for(INTENT, A)}", f"GET {submitted.job.id}"]


@pytest.mark.parametrize("status", ["PROCESSING", "QUEUED"])
def test_a_predecessor_that_runs_stands_against_its_successor(
    zuora: Sandbox, run: Run, status: str
) -> None:
    """Nothing is started beside it; a status that nobody documented is not taken for an end. The text says how far it is."""
    old = zuora.add_job(status=status)
    error = run.failure(guard="strict", predecessor=old.id, predecessor_status="PROCESSING")

    assert (type(error), error.message, error.hint) == (
        JobStillRunningError,
        f"Job {old.id}, which is to be replaced, still runs ({status} 0.00%); nothing was started.",
        'A live job is stopped halfway only if on_delete="stop" was in force before, and a job that retain_on_delete keeps is never stopped. '
        "Wait until it has ended, or cancel it in Revenue → Data Backfill → Backfill Logs, then run `pulumi up` again.",
    )
    assert run.sent == [f"GET {old.id}"]


def test_a_predecessor_without_progress_is_named_by_its_status() -> None:
    """Zuora may leave the progress out; then nothing stands in its place."""
    with raw_server(
        TOKEN, http(200, f'{{"success": true, "job": {{"id": "{A}", "status": "ACCEPTED"}}}}')
    ) as server:
        error = Run(base_url=server.base_url).failure(predecessor=A)

    assert (
        error.message
        == f"Job {A}, which is to be replaced, still runs (ACCEPTED); nothing was started."
    )


def test_a_predecessor_that_cannot_be_read_stops_the_submission(zuora: Sandbox, run: Run) -> None:
    """As long as it may run, nothing is started; the error is the request's own."""
    zuora.plan(Fault.HTML_502, on=GET, times=5)
    error = run.failure(predecessor=A)

    assert (type(error), error.message) == (
        ApiError,
        f"Zuora could not read job {A} (HTTP 502: 502 Bad Gateway 502 Bad Gateway).",
    )
    assert (run.sent, zuora.jobs) == ([f"GET {A}"] * 5, [])


@pytest.mark.parametrize(("old_scope", "entity"), [(Scope(entity_id="e-0"), "e-0"), (None, "e-1")])
def test_a_predecessor_is_looked_up_where_it_runs(
    zuora: Sandbox, run: Run, old_scope: Scope | None, entity: str
) -> None:
    """That is its own entity, or the order's where state names none."""
    old = zuora.add_job(status="PROCESSING", entity_id=entity)
    error = run.failure(
        predecessor=old.id, predecessor_scope=old_scope, scope=Scope(entity_id="e-1")
    )

    assert isinstance(error, JobStillRunningError)
    assert zuora.requests[-1].headers["Zuora-Entity-Ids"] == entity


# GUARD


OWN = "\nand another value of  triggers  too, as a job that this very resource started within 24 hours is taken over."


@pytest.mark.parametrize(
    ("guard", "age_h", "own"), [("once", 30, ""), ("once", 23.5, OWN), ("strict", 1, OWN)]
)
def test_a_job_that_nothing_accounts_for_stops_the_submission(
    zuora: Sandbox, run: Run, guard: str, age_h: float, own: str
) -> None:
    """It is named, with the lines to paste, and nothing is started."""
    theirs = zuora.add_job(status="COMPLETED", age_s=age_h * HOUR_S)
    error = run.failure(guard=guard)

    assert isinstance(error, GuardError)
    assert error.hint == (
        f'If you know of it and want another run, add\n  known_job_ids=["{theirs.id}"]{own}\n'
        f'To take over the last one instead of starting a job, if it is no dry run, add\n  existing_job_id="{theirs.id}"'
    )
    assert run.sent == ["LIST"]


def test_without_a_guard_nothing_is_listed(zuora: Sandbox, run: Run) -> None:
    """`guard="none"` asks for no look at the tenant's jobs."""
    zuora.add_job(age_s=30 * HOUR_S)
    submitted = run.submit(guard="none")

    assert run.sent == [f"POST {KEY}", f"GET {submitted.job.id}"]


def test_what_is_accounted_for_does_not_stop_the_submission(zuora: Sandbox, run: Run) -> None:
    """Those are the explained jobs, those that the resource has had, and those of another type."""
    explained, old = zuora.add_job(status="COMPLETED"), zuora.add_job(status="COMPLETED")
    zuora.add_job(type="OrderLineItem")
    submitted = run.submit(
        guard="strict", explained=frozenset({explained.id}), **replacing(old.id, "COMPLETED")
    )

    assert submitted.job.id == zuora.jobs[-1].id


def test_what_this_process_started_does_not_stop_the_next_submission(
    zuora: Sandbox, run: Run
) -> None:
    """Two resources of one stack start two jobs, under the strictest guard too."""
    other = replace(ORDER, intent=replace(INTENT, urn="another one"))
    ids = [run.submit(order, guard="strict").job.id for order in (ORDER, other)]

    assert ids == [job.id for job in zuora.jobs]


# SEND


def test_an_outcome_that_stays_open_says_how_to_go_on_and_until_when(
    zuora: Sandbox, run: Run
) -> None:
    """Five attempts with one key; 24 hours count from the first of them, by the clock and not by what the pauses took."""
    lose(zuora)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        OutcomeUnknownError,
        "It is not known whether the backfill job was started. " + LOST.format(KEY[:37]),
        SAME_KEY.format("2027-01-16T08:00:00Z", 24),
    )
    assert isinstance(error.__cause__, ApiError)
    assert run.sent == [f"POST {KEY}"] * 5


@pytest.mark.parametrize("lost", [Fault.GATEWAY_504, Fault.CONNECTION_DROPPED_AFTER])
@pytest.mark.parametrize(
    ("refusal", "parameters"),
    [
        (Fault.UNSAVED_FAILURE, {"code": "58730010"}),
        (Fault.UNSAVED_FAILURE, {"code": "58730020", "status": 422}),
        (Fault.REDIRECT, {}),
        (Fault.SUCCESS_FALSE, {"code": "58730020", "saved": False}),
    ],
)
def test_a_refusal_says_nothing_about_the_attempt_before_it(
    zuora: Sandbox, run: Run, lost: Fault, refusal: Fault, parameters: dict[str, Any]
) -> None:
    """Whatever refuses the repetition: the lost request may have started a job, and here it has. The next run finds it; no other place is advised."""
    zuora.plan(lost, on=CREATE)
    zuora.plan(refusal, on=CREATE, times=2, **parameters)
    error = run.failure()

    assert isinstance(error.__cause__, ApiError)
    assert (type(error), error.message, error.hint) == (
        OutcomeUnknownError,
        "It is not known whether the backfill job was started. An attempt was left without a clear answer, and the one after it was refused: "
        + error.__cause__.message,
        SAME_KEY.format("2027-01-16T08:00:00Z", 24),
    )
    assert run.sent == [f"POST {KEY}"] * (2 if error.__cause__.status == 422 else 3)
    (job,) = zuora.jobs
    zuora.clear_plans()
    assert Run(zuora).submit().job.id == job.id


def test_an_attempt_that_was_lost_is_not_forgotten_over_one_that_could_not_be_sent(
    zuora: Sandbox, run: Run
) -> None:
    """Lost, refused, and then no token for asking again: what became of the first attempt is still open."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    zuora.plan(Fault.REDIRECT, on=CREATE)
    zuora.plan(Fault.TOKEN_REVOKED, on=CREATE)
    zuora.plan(Fault.TOKEN_REVOKED, on=Operation.TOKEN, after=1)
    error = run.failure()

    assert type(error) is OutcomeUnknownError
    assert error.message.startswith("It is not known whether the backfill job was started. ")
    assert error.hint == SAME_KEY.format("2027-01-16T08:00:00Z", 24)
    assert isinstance(error.__cause__, AuthenticationError)
    assert len(zuora.jobs) == 1


def test_what_was_turned_away_at_the_door_leaves_nothing_open(zuora: Sandbox, run: Run) -> None:
    """A rate limit has started no job: the permission that is missing is told as what it is."""
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE)
    refuse(zuora, saved=False, times=2)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        refused(error, "refused to start the backfill job (HTTP 403, code 58730010: Not now.)"),
        PERMISSION,
    )


def test_a_refusal_is_told_where_it_cannot_be_asked_for_again(zuora: Sandbox, run: Run) -> None:
    """Zuora asks to wait longer than a call may take: the permission that is missing is what has to be mended, not the wait."""
    body = '{"success": false, "reasons": [{"code": 58730010, "message": "Not now."}]}'
    with raw_server(TOKEN, http(403, body, "Zuora-Request-Id: r-1", "Retry-After: 1000")) as server:
        error = Run(base_url=server.base_url).failure()

    assert (type(error), error.hint) == (JobRefusedError, PERMISSION)
    assert "HTTP 403, to be tried again after 1000 s" in error.message


def test_an_open_outcome_names_the_setting_that_waits_longer(zuora: Sandbox, run: Run) -> None:
    """Another thread has learned meanwhile that Zuora asks for more time than the call has."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    silence = run.connection.transport._silence
    slept = run.connection.time.clock.sleep

    def sleep(seconds: float) -> None:
        """Sleep, and learn of a longer wait."""
        slept(seconds)
        silence.keep(1000)

    object.__setattr__(run.connection.transport._clock, "sleep", sleep)
    error = run.failure()

    assert type(error) is OutcomeUnknownError
    assert error.message == (
        "It is not known whether the backfill job was started. Could not start the backfill job: Zuora asked to wait 17 min, longer than one call may take "
        "(5 min). Run `pulumi up` again then, or raise ZUORA_CALL_TIMEOUT / zuora:callTimeout."
    )


def test_a_saved_refusal_is_got_past_after_a_lost_attempt_too(zuora: Sandbox, run: Run) -> None:
    """What the key holds is a refusal, and so no job: the lost attempt started none."""
    zuora.plan(Fault.CONNECTION_DROPPED_BEFORE, on=CREATE)
    refuse(zuora)
    submitted = run.submit()

    assert submitted == started(zuora.jobs[0], submitted)
    assert run.sent == [f"POST {KEY}"] * 3 + [
        "LIST",
        f"POST {ONE_TIME_KEY}",
        f"GET {zuora.jobs[0].id}",
    ]


def test_a_refusal_says_nothing_about_a_one_time_key_that_was_lost(
    zuora: Sandbox, run: Run
) -> None:
    """The job under a one-time key is found in the list alone, so the user is told to wait for it."""
    refuse(zuora)
    zuora.plan(Fault.GATEWAY_504, on=CREATE, after=1)
    refuse(zuora, saved=False, after=1)
    error = run.failure()

    assert type(error) is OutcomeUnknownError
    assert error.message.startswith(
        "It is not known whether the backfill job was started. An attempt was left without"
    )
    assert error.hint.startswith(
        "Wait two minutes, then run `pulumi up` again before 2027-01-16T08:00:00Z"
    )
    assert run.sent == [f"POST {KEY}"] * 2 + ["LIST"] + [f"POST {ONE_TIME_KEY}"] * 2
    assert len(zuora.jobs) == 1


def test_a_job_of_another_type_is_not_taken_for_the_one_that_was_asked_for(
    zuora: Sandbox, run: Run
) -> None:
    """Were it kept, destroying the resource could stop it. Nothing more is sent."""
    other = zuora.add_job(type="OrderLineItem")
    zuora.plan(Fault.WRONG_ID, on=CREATE, job_id=other.id)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        AmbiguousJobError,
        f"Zuora answered with job {other.id}, which is of type OrderLineItem and not the RatePlanCharge backfill that was asked for.",
        "Nothing more was sent, and that job is left alone. Look into Revenue → Data Backfill → Backfill Logs, then add  "
        'existing_job_id="…"  with the right one, or another value of  triggers  to start one more.',
    )
    assert run.sent == [f"POST {KEY}", f"GET {other.id}"]


@pytest.mark.timeout(60)  # Zuora never answers: without a limit the test would hang
def test_threads_that_waited_for_the_list_share_its_failure(zuora: Sandbox) -> None:
    """One call's patience is spent, not one for each; whoever comes later asks anew."""
    run = Run(zuora, call_timeout_s=1.0)
    run.connection.client.tenant_id()
    zuora.plan(Fault.HANG, on=LIST, times=99, job_is_made=False)
    errors = in_threads(4, lambda: run.submit(guard="once"))

    assert [type(error) for error in errors] == [TransportError] * 4
    assert (len({str(error) for error in errors}), len({id(error) for error in errors})) == (1, 4)
    zuora.clear_plans()
    zuora.wait_until_held(2)
    zuora.release()
    assert run.sent == ["LIST"] * 2
    assert run.submit(guard="once").job.id == zuora.jobs[0].id


@pytest.mark.parametrize(
    ("guard", "hint"),
    [
        ("once", SAME_KEY.format("2027-01-16T07:00:00Z", 23)),
        (
            "strict",
            "Nothing is lost: run `pulumi up` again. If the job was started, guard='strict' names it, with the line that takes it over; "
            "if not, it is started then.",
        ),
    ],
)
def test_an_open_outcome_promises_no_more_than_the_guard_lets_through(
    zuora: Sandbox, run: Run, guard: str, hint: str
) -> None:
    """The next run asks the guard before it sends the key: `once` stands against the job after 23 hours, `strict` at once."""
    lose(zuora)
    error = run.failure(guard=guard)

    assert (type(error), error.hint) == (OutcomeUnknownError, hint)
    zuora.clock.advance(22.9 * HOUR_S)
    later = Run(zuora)
    (job,) = zuora.jobs
    if guard == "once":
        assert later.submit(guard=guard).job.id == job.id
        zuora.clock.advance(0.2 * HOUR_S)
    refused_by = Run(zuora).failure(guard=guard)
    assert isinstance(refused_by, GuardError)
    assert f'existing_job_id="{job.id}"' in refused_by.hint
    assert zuora.jobs == [job]


def test_a_request_that_never_arrived_is_told_as_it_is(zuora: Sandbox, run: Run) -> None:
    """Nothing was started for certain, so there is no unknown outcome to speak of."""
    run.connection.client.tenant_id()
    zuora.stop()
    error = run.failure()

    assert (type(error), error.message, error.outcome_open) == (
        TransportError,
        f"Could not start the backfill job: {zuora.base_url} cannot be reached (NewConnectionError).",
        False,
    )


@pytest.mark.parametrize(
    ("code", "said", "hint"),
    [
        ("58730010", "HTTP 403, code 58730010: Not now.", PERMISSION),
        (
            "58730020",
            "HTTP 400, code 58730020: Not now.",
            "Mend the cause and run `pulumi up` again.",
        ),
    ],
)
def test_a_refusal_that_stands_is_final(
    zuora: Sandbox, run: Run, code: str, said: str, hint: str
) -> None:
    """Refused twice, not with one saved answer: Zuora refuses now. The second answer is told, with what it usually means or a plain word."""
    refuse(zuora, saved=False, times=2, code=code)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        refused(error, f"refused to start the backfill job ({said})"),
        hint,
    )
    assert run.sent == [f"POST {KEY}"] * 2


def test_a_refusal_that_does_not_stand_is_got_past_with_the_same_key(
    zuora: Sandbox, run: Run
) -> None:
    """It was not saved, so the second request with the key starts the job."""
    refuse(zuora, saved=False)
    submitted = run.submit()

    assert submitted == started(zuora.jobs[0], submitted)
    assert run.sent == [f"POST {KEY}"] * 2 + [f"GET {zuora.jobs[0].id}"]


def test_an_outcome_that_is_open_after_a_refusal_is_an_open_one(zuora: Sandbox, run: Run) -> None:
    """The second request may have started a job, whatever became of the first."""
    refuse(zuora, saved=False)
    lose(zuora)
    error = run.failure()

    assert (type(error), error.hint) == (
        OutcomeUnknownError,
        SAME_KEY.format("2027-01-16T08:00:00Z", 24),
    )
    assert run.sent == [f"POST {KEY}"] * 6


@pytest.mark.parametrize("refusals", [0, 1])
def test_a_refused_token_says_nothing_about_the_job(
    zuora: Sandbox, run: Run, refusals: int
) -> None:
    """A 401 to a fresh token too is told as it is, whether it comes first or after a refusal of the job; it is not asked for again."""
    if refusals:
        refuse(zuora, saved=False)
    zuora.plan(Fault.TOKEN_REVOKED, on=CREATE, times=2)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        AuthenticationError,
        refused(error, "refused to start the backfill job (HTTP 401: Authentication error)"),
        "Check the client id, the client secret and that they belong to this base URL.",
    )
    assert run.sent == [f"POST {KEY}"] * (refusals + 2)


@pytest.mark.parametrize("refusals", [0, 1])
def test_a_missing_token_says_nothing_about_the_job(
    zuora: Sandbox, run: Run, refusals: int
) -> None:
    """Where no token is to be had the request never reached Zuora: the error is that of the token, and no refusal of the job."""
    if refusals:
        refuse(zuora, saved=False)
        zuora.plan(Fault.TOKEN_REVOKED, on=CREATE)
    zuora.plan(Fault.GATEWAY_404, on=Operation.TOKEN, after=refusals)
    error = run.failure()

    assert (type(error), error.message) == (
        ApiError,
        "Zuora refused to get a token (HTTP 404: no Route matched with those values).",
    )
    assert run.sent == [f"POST {KEY}"] * (2 * refusals)


def test_a_key_that_was_used_with_another_batch_size_is_explained(zuora: Sandbox, run: Run) -> None:
    """Where Zuora minds, the user is told what to put back; the request is not repeated."""
    earlier(zuora)
    zuora.behaviours.same_key_other_body_status = 422
    zuora.forget_requests()
    error = run.failure(request=replace(REQUEST, batch_size=10))
    cause = error.__cause__
    assert isinstance(cause, ApiError)

    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        cause.message,
        "This idempotency key was used before with another tenant, URL or method, or with another batch size: put the old batch_size back, "
        "take the job over with existing_job_id, or change triggers.",
    )
    assert (cause.status, run.sent) == (422, [f"POST {KEY}"])


# RECALL


@pytest.mark.parametrize("code", ["58730010", "58730060"])
def test_a_saved_refusal_is_got_past_with_a_one_time_key(
    zuora: Sandbox, run: Run, code: str
) -> None:
    """The same answer twice is a saved one, of a refusal or of a failure; its cause may be mended, so a key is sent that Zuora has not seen."""
    refuse(zuora, code=code)
    submitted = run.submit()

    assert submitted == started(zuora.jobs[0], submitted)
    assert submitted.idempotency_key == ONE_TIME_KEY
    assert run.sent == [f"POST {KEY}"] * 2 + [
        "LIST",
        f"POST {ONE_TIME_KEY}",
        f"GET {zuora.jobs[0].id}",
    ]


def test_a_saved_failure_after_a_refusal_is_a_saved_one_too(zuora: Sandbox, run: Run) -> None:
    """A refusal that was not saved, then a failure that was: what the key holds is the failure."""
    refuse(zuora, saved=False)
    refuse(zuora, code="58730060")
    submitted = run.submit()

    assert submitted == started(zuora.jobs[0], submitted)
    assert run.sent == [f"POST {KEY}"] * 3 + [
        "LIST",
        f"POST {ONE_TIME_KEY}",
        f"GET {zuora.jobs[0].id}",
    ]


def test_the_one_time_key_of_a_replacement_comes_after_its_predecessor(
    zuora: Sandbox, run: Run
) -> None:
    """It is derived from the same intent and predecessor as the key it takes the place of; the predecessor is accounted for."""
    old = zuora.add_job(status="COMPLETED")
    refuse(zuora)
    submitted = run.submit(**replacing(old.id, "COMPLETED"))

    assert submitted.idempotency_key == key_for(INTENT, old.id, "nonce-0")


def test_young_jobs_beside_a_saved_refusal_stop_the_submission(zuora: Sandbox, run: Run) -> None:
    """Any of them may be this one: all are named, oldest first, with the ways on for the youngest, and nothing more is sent."""
    names = [zuora.add_job(status="PROCESSING", age_s=hours * HOUR_S).id for hours in (3, 2, 1)]
    refuse(zuora)
    error = run.failure()

    refusal = refused(
        error, "refused to start the backfill job (HTTP 403, code 58730010: Not now.)"
    )
    assert (type(error), error.message, error.hint) == (
        AmbiguousJobError,
        f"{refusal} The tenant holds RatePlanCharge jobs of the last 24 hours that nothing here accounts for, and an earlier attempt "
        "may have started one of them: "
        f"{names[0]} (PROCESSING, created 2027-01-15T05:00:00Z by api.user@example.com), "
        f"{names[1]} (PROCESSING, created 2027-01-15T06:00:00Z by api.user@example.com), "
        f"{names[2]} (PROCESSING, created 2027-01-15T07:00:00Z by api.user@example.com). Nothing more was sent.",
        f'Add  existing_job_id="{names[2]}"  to take it over, or another value of  triggers  to start one more.',
    )
    assert run.sent == [f"POST {KEY}"] * 2 + ["LIST"]


def test_only_a_job_that_may_be_this_one_is_in_the_way_of_a_one_time_key(
    zuora: Sandbox, run: Run
) -> None:
    """Not one that is explained, of another type or entity, or older than a key lives."""
    scope = Scope(entity_id="e-1")
    explained = zuora.add_job(entity_id="e-1")
    zuora.add_job(entity_id="e-1", type="OrderLineItem")
    zuora.add_job(entity_id="e-2")
    zuora.add_job(entity_id="e-1", age_s=25 * HOUR_S)
    refuse(zuora)

    submitted = run.submit(scope=scope, explained=frozenset({explained.id}))
    assert submitted.idempotency_key == ONE_TIME_KEY


def test_a_saved_refusal_is_told_where_the_tenant_s_jobs_cannot_be_listed(
    zuora: Sandbox, run: Run
) -> None:
    """Without the list no one-time key is sent: the refusal itself is what the user has to mend."""
    refuse(zuora)
    zuora.plan(Fault.GATEWAY_404, on=LIST)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        ApiError,
        refused(error, "refused to start the backfill job (HTTP 403, code 58730010: Not now.)"),
        PERMISSION,
    )
    assert str(error.__cause__).startswith("Zuora refused to list the backfill jobs (HTTP 404")
    assert run.sent == [f"POST {KEY}"] * 2 + ["LIST"]


@pytest.mark.parametrize(
    ("saved", "code", "said", "hint", "posts"),
    [
        (
            False,
            "58730020",
            "refused to start the backfill job (HTTP 400, code 58730020: Not now.)",
            "Mend the cause and run `pulumi up` again.",
            1,
        ),
        (
            True,
            "58730060",
            "could not start the backfill job (HTTP 500, code 58730060: Not now.)",
            "That usually passes: run the same command again.",
            2,
        ),
    ],
)
def test_a_refusal_of_the_one_time_key_is_final(
    zuora: Sandbox, run: Run, saved: bool, code: str, said: str, hint: str, posts: int
) -> None:
    """It cannot be one of an earlier run: it is told, and no other key is sent. A failure is known for a saved one by asking once more."""
    refuse(zuora)
    refuse(zuora, saved=saved, after=1, code=code)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        refused(error, said, ONE_TIME_KEY),
        hint,
    )
    assert run.sent == [f"POST {KEY}"] * 2 + ["LIST"] + [f"POST {ONE_TIME_KEY}"] * posts


def test_a_refused_token_says_nothing_about_the_job_under_a_one_time_key_either(
    zuora: Sandbox, run: Run
) -> None:
    """It is told as it is: Zuora has not looked at the request, so it did not refuse the job."""
    refuse(zuora)
    zuora.plan(Fault.TOKEN_REVOKED, on=CREATE, after=1, times=2)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        AuthenticationError,
        refused(
            error,
            "refused to start the backfill job (HTTP 401: Authentication error)",
            ONE_TIME_KEY,
        ),
        "Check the client id, the client secret and that they belong to this base URL.",
    )
    assert run.sent == [f"POST {KEY}"] * 2 + ["LIST"] + [f"POST {ONE_TIME_KEY}"] * 2


def test_an_open_outcome_of_a_one_time_key_asks_for_two_minutes(zuora: Sandbox, run: Run) -> None:
    """No later run sends that key again; the job is found in the list, once Zuora has put it there."""
    refuse(zuora)
    lose(zuora, after=1)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        OutcomeUnknownError,
        "It is not known whether the backfill job was started. " + LOST.format(ONE_TIME_KEY[:37]),
        "Wait two minutes, then run `pulumi up` again before 2027-01-16T08:00:00Z, and within 24 hours after the first attempt that was refused: "
        "it looks at the tenant's jobs first, and names the job if it was started. (Zuora had saved an earlier refusal, so this attempt went out under "
        "a key that is used only once.)",
    )


# LOOK


@pytest.mark.parametrize(
    ("status", "age_s", "told"),
    [
        ("PROCESSING", 600, "10 min ago; it was taken over, no second one was started."),
        (
            "COMPLETED",
            7200,
            "2.0 h ago; it was taken over, no second one was started. It has already completed; to run another one, change `triggers`.",
        ),
        (
            "FAILED",
            2,
            "2 s ago; it was taken over, no second one was started. It has already failed; to run another one, change `triggers`.",
        ),
    ],
)
def test_the_job_of_an_earlier_attempt_is_taken_over(
    zuora: Sandbox, status: str, age_s: int, told: str
) -> None:
    """Whatever has become of it, it is ours; the user is told how old it is, and what to change for another one."""
    job = earlier(zuora)
    zuora.set_status(job.id, status)
    zuora.clock.advance(age_s)
    submitted = Run(zuora).submit()

    remark = f"Zuora answered with job {job.id}, which an earlier attempt started {told}"
    assert submitted == started(job, submitted, recovered=True, remark=remark)
    assert zuora.jobs == [job]


def test_a_second_of_age_is_no_earlier_attempt(zuora: Sandbox) -> None:
    """Zuora's `Date` is cut to the second: a job that is one second older than the request may be its own."""
    job = earlier(zuora)
    zuora.clock.advance(1)
    submitted = Run(zuora).submit()

    assert submitted == started(job, submitted)


def test_what_a_request_s_own_pauses_took_makes_no_earlier_attempt(
    zuora: Sandbox, run: Run
) -> None:
    """The first attempt's answer is lost and the second has to wait for half a minute: the job is as old as the request."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=30)
    submitted = run.submit()

    assert submitted == started(zuora.jobs[0], submitted)
    assert run.connection.time.sleeps[-1] == 30


@pytest.mark.parametrize("had", ["the predecessor", "an earlier one"])
def test_an_answer_that_names_a_job_that_the_resource_has_had_is_asked_for_again(
    zuora: Sandbox, run: Run, had: str
) -> None:
    """A replacement is never handed its predecessor's job, nor that of an earlier round."""
    old = zuora.add_job(status="COMPLETED")
    zuora.plan(Fault.WRONG_ID, on=CREATE, job_id=old.id)
    predecessor = replacing(old.id if had == "the predecessor" else A, "COMPLETED")
    submitted = run.submit(**{**predecessor, "spent": frozenset({A, old.id}), "after": old.id})

    key = key_for(INTENT, old.id)
    assert submitted == started(zuora.jobs[-1], submitted)
    assert run.sent == [f"POST {key}", f"GET {old.id}", f"POST {key}", f"GET {submitted.job.id}"]


def test_a_stopped_job_is_followed_by_a_new_one(zuora: Sandbox) -> None:
    """It is what became of an earlier run that was taken back; the next key comes after it."""
    job = earlier(zuora)
    zuora.finish(job.id, "STOPPED")
    run = Run(zuora)
    submitted = run.submit()

    key = key_for(INTENT, job.id)
    assert submitted == started(zuora.jobs[-1], submitted)
    assert run.sent == [f"POST {KEY}", f"GET {job.id}", f"POST {key}", f"GET {submitted.job.id}"]
    assert [j.status for j in zuora.jobs] == ["STOPPED", "ACCEPTED"]


def test_the_day_of_an_open_outcome_counts_from_the_first_stopped_job(zuora: Sandbox) -> None:
    """What starts after stopped jobs is only found by way of the first one's key, which Zuora forgets first."""
    zuora.finish(earlier(zuora).id, "STOPPED")
    zuora.clock.advance(5 * HOUR_S)
    zuora.finish(earlier(zuora).id, "STOPPED")
    zuora.clock.advance(15 * HOUR_S)
    lose(zuora, after=2)
    error = Run(zuora).failure()

    assert (type(error), error.hint) == (
        OutcomeUnknownError,
        SAME_KEY.format("2027-01-16T08:00:00Z", 24),
    )


def test_the_day_counts_from_the_request_where_a_stopped_job_has_no_date() -> None:
    """Zuora may leave the date out; then nothing older than this run is known."""
    answers = (
        http(200, f'{{"success": true, "jobId": "{A}"}}'),
        http(200, f'{{"success": true, "job": {{"id": "{A}", "status": "STOPPED"}}}}'),
        b"",
    )
    with raw_server(TOKEN, *answers) as server:
        error = Run(base_url=server.base_url).failure()

    assert (type(error), error.hint) == (
        OutcomeUnknownError,
        SAME_KEY.format("1970-01-02T01:23:20Z", 24),
    )


def test_a_chain_of_stopped_jobs_ends(zuora: Sandbox, run: Run) -> None:
    """After sixteen of them, each under the key after the one before, nothing more is sent."""
    zuora.on_answer = lambda request: (
        zuora.finish(request.job_id, "STOPPED") if request.job_id else None
    )
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        AmbiguousJobError,
        "16 jobs in a row were started and stopped for this resource.",
        "Change `triggers` to start over.",
    )
    ids = [None, *(job.id for job in zuora.jobs)]
    assert [job.idempotency_key for job in zuora.jobs] == [
        key_for(INTENT, after) for after in ids[:-1]
    ]
    assert len(zuora.jobs) == 16


def test_an_answer_that_names_a_job_nobody_knows_is_ambiguous(zuora: Sandbox, run: Run) -> None:
    """It is neither handed out nor asked for again: the id is named, with the ways on."""
    zuora.plan(Fault.WRONG_ID, on=CREATE, job_id=B)
    error = run.failure()
    cause = error.__cause__
    assert isinstance(cause, ApiError)

    assert (type(error), error.message, error.hint) == (
        AmbiguousJobError,
        f"Zuora answered with job {B}, but does not know it (Zuora refused to read job {B} (HTTP 404, code 50000040: Cannot find the job with id {B}.) "
        f"[request id {cause.request_ids[0]}].)",
        f'Nothing more was sent. If it appears in Zuora\'s backfill logs, add  existing_job_id="{B}"  to take it over, or another value of  triggers  '
        "to start one more.",
    )
    assert run.sent == [f"POST {KEY}", f"GET {B}"]


def test_a_job_that_cannot_be_read_is_handed_out_all_the_same(zuora: Sandbox, run: Run) -> None:
    """It was started and must not be lost: its id and key are kept with status UNKNOWN, and the user is told how to learn more."""
    zuora.plan(Fault.HTML_502, on=GET, times=5)
    submitted = run.submit()

    (job,) = zuora.jobs
    assert submitted == started(
        job,
        submitted,
        job=Job(id=job.id, status="UNKNOWN", type="RatePlanCharge"),
        remark=f"Job {job.id} was started, but its state could not be read: Zuora could not read job {job.id} "
        "(HTTP 502: 502 Bad Gateway 502 Bad Gateway). `pulumi refresh` reads it later.",
    )
