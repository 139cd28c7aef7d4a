"""The submission's states one by one: what is sent in each, what comes next, what a user reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for_futures
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pulumi_zuora_backfill.contract.attempt import Attempt, Window
from pulumi_zuora_backfill.contract.guard import Guard, open_attempt_of
from pulumi_zuora_backfill.contract.history import History
from pulumi_zuora_backfill.contract.intent import key_for
from pulumi_zuora_backfill.contract.outcomes import refuses_the_job, unknown
from pulumi_zuora_backfill.contract.start_request import StartedJob, StartRequest
from pulumi_zuora_backfill.contract.submission import Submission
from pulumi_zuora_backfill.errors import (
    AmbiguousJobError,
    ApiError,
    AuthenticationError,
    GuardError,
    InterruptedWaitError,
    JobRefusedError,
    JobStillRunningError,
    OutcomeUnknownError,
    TransportError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.testing.sandbox import SandboxJob
from pulumi_zuora_backfill.zuora.models import Job, Scope

from .parts import (
    INTENT,
    REQUEST,
    STANDS_AT,
    START,
    TOKEN,
    Connection,
    ManualClock,
    connect,
    http,
    in_threads,
    raw_server,
    still_sandbox,
)

CREATE, GET, LIST = Operation.CREATE, Operation.GET, Operation.LIST
HOUR_S = 3600
A, B = "a" * 32, "b" * 32
KEY = key_for(INTENT)
OTHER_URN = INTENT.urn.replace("charges", "more-charges")
DRY_RUN = replace(
    START,
    intent=replace(INTENT, urn=f"{INTENT.urn}-dry-run", dry_run=True),
    request=replace(REQUEST, dry_run=True),
    guard="none",
)
LOST = "Zuora could not start the backfill job (HTTP 504: 504 Gateway Time-out) [track id {}]."
UNKNOWN = "It is not known whether the RatePlanCharge backfill was started.\n"
CONTINUE = (
    "Run `pulumi up` again before {}: it continues this attempt. It finds the job, or starts the "
    "one that is missing. Until then change neither the resource's name, type, triggers, tenant "
    "nor entity. Later, "
)
GUARD_LOOKS = "the guard looks first: if the job is there, it prints the line that takes it over."
NOBODY_LOOKS = (
    'look into Revenue → Data Backfill → Backfill Logs first, as guard="none" looks for no job.'
)
PERMISSION = (
    "The API user usually lacks the Billing permission 'Manage OTR Settings' or the Platform "
    "permission 'API Write Access'; grant it and run `pulumi up` again."
)
REFUSED = "refused to start the backfill job (HTTP 403, code 58730010: Not now.)"
ONCE = (
    "Zuora asks for one backfill before go-live: a second run makes Zuora Billing and Zuora "
    "Revenue disagree. Zuora's list does not tell dry runs from live runs."
)


class Run:
    """A process that has been up for a while, wired as the provider wires it."""

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
        self.time = self.connection.time
        self.time.time_s = 5000.0
        self.submission = Submission(self.connection.client, self.time.clock)
        if zuora:
            zuora.forget_requests()

    def submit(self, start: StartRequest = START, **changes: Any) -> StartedJob:
        """Submit a request, or one that differs."""
        return self.submission.submit(replace(start, **changes))

    def failure(self, start: StartRequest = START, **changes: Any) -> ZuoraBackfillError:
        """Submit a request that fails, and return the error."""
        with pytest.raises(ZuoraBackfillError) as error:
            self.submit(start, **changes)
        return error.value

    def unknown(self, **changes: Any) -> OutcomeUnknownError:
        """Submit a request whose outcome stays open."""
        error = self.failure(**changes)
        assert type(error) is OutcomeUnknownError
        return error

    @property
    def sent(self) -> list[str]:
        """What reached Zuora, tokens aside: ``LIST``, ``GET`` and a job, ``POST`` and a key."""
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
    """Return what a start says of a job that it replaces, for the same intent."""
    return {
        "predecessor": job_id,
        "predecessor_status": status,
        "history": History().with_job(KEY, job_id),
    }


def started(job: SandboxJob, submitted: StartedJob, /, **changes: Any) -> StartedJob:
    """Return what is handed out for a job that Zuora started just now, with a chance request id."""
    key = job.idempotency_key or ""
    seen_at = datetime.fromtimestamp(int(job.clock.now()), timezone.utc)
    expected = StartedJob(
        job=Job.from_wire(job.as_json(), seen_at=seen_at),
        idempotency_key=key,
        track_id=key[:37],
        request_id=submitted.request_id,
        recovered=False,
    )
    return replace(expected, **changes)


def refused(error: ZuoraBackfillError, said: str = REFUSED, key: str = KEY) -> str:
    """Return how a refusal reads, with the request id that Zuora gave it and the track id."""
    cause = error.__cause__ if not isinstance(error, ApiError) else error
    assert isinstance(cause, ApiError)
    return f"Zuora {said} [request id {cause.request_ids[0]}, track id {key[:37]}]."


def refuse(
    zuora: Sandbox, *, saved: bool = True, times: int = 1, after: int = 0, code: str = "58730010"
) -> None:
    """Let Zuora refuse to start a job, because of a permission unless a code says otherwise."""
    fault = Fault.SAVED_FAILURE if saved else Fault.UNSAVED_FAILURE
    zuora.plan(fault, on=CREATE, times=times, after=after, code=code, message="Not now.")


def refusal_under(zuora: Sandbox, key: str) -> str:
    """Return the id of the refusal that Zuora has saved under a key, by asking for it."""
    with pytest.raises(ApiError) as error:
        connect(zuora).create(key)
    return str(error.value.answer_id)


def lose(zuora: Sandbox, after: int = 0) -> None:
    """Let a gateway give up on all five attempts of one call; Zuora starts the job nevertheless."""
    zuora.plan(Fault.GATEWAY_504, on=CREATE, times=5, after=after)


def earlier(zuora: Sandbox, start: StartRequest = START) -> SandboxJob:
    """Let an earlier process start a job, and be killed before state is written."""
    job_id = Run(zuora).submit(start).job.id
    return next(job for job in zuora.jobs if job.id == job_id)


def when(zuora: Sandbox, operation: Operation, number: int, then: Callable[[], object]) -> None:
    """Do something when Zuora has done the work of the n-th request of an operation."""
    seen = 0

    def hook(request: Any) -> None:
        nonlocal seen
        seen += request.operation is operation
        if request.operation is operation and seen == number:
            then()

    zuora.on_answer = hook


# The way through


def test_a_job_is_started_with_one_list_one_post_and_one_get(zuora: Sandbox, run: Run) -> None:
    """The guard lists, SEND posts with the intent's key and track id, LOOK reads the job."""
    submitted = run.submit()
    (job,) = zuora.jobs
    (post,) = [request for request in zuora.requests if request.operation is CREATE]

    assert submitted == started(job, submitted)
    assert (job.idempotency_key, post.headers["Zuora-Track-Id"]) == (KEY, KEY[:37])
    assert post.body == {"type": "RatePlanCharge", "batchSize": 500, "dryRun": False}
    assert run.sent == ["LIST", f"POST {KEY}", f"GET {job.id}"]


def test_every_request_speaks_of_the_entity_and_organisations_in_force(
    zuora: Sandbox, run: Run
) -> None:
    """A job of another entity stands against nothing; list, POST and GET carry the headers."""
    zuora.add_job(entity_id="e-2", age_s=30 * HOUR_S)
    run.submit(scope=Scope(entity_id="e-1", org_ids=("o-1", "o-2")))

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
    """Support asks for the POST's request id. A job that tells only its status is ours as well."""
    answers = (
        http(200, f'{{"success": true, "jobId": "{A}"}}', "Zuora-Request-Id: of the POST"),
        http(
            200,
            f'{{"success": true, "job": {{"id": "{A}", "status": "ACCEPTED"}}}}',
            "Zuora-Request-Id: of the GET",
        ),
    )
    with raw_server(TOKEN, *answers) as server:
        submitted = Run(base_url=server.base_url).submit(guard="none")

    assert submitted == StartedJob(
        job=Job(id=A, status="ACCEPTED"),
        idempotency_key=KEY,
        track_id=KEY[:37],
        request_id="of the POST",
        recovered=False,
    )


# BEFORE


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "STOPPED"])
def test_a_predecessor_that_had_ended_is_not_asked_about(run: Run, status: str) -> None:
    """State knows its end already; the key is the one that comes after it."""
    submitted = run.submit(**replacing(A, status))

    assert run.sent == ["LIST", f"POST {key_for(INTENT, A)}", f"GET {submitted.job.id}"]


def test_another_intent_s_first_key_follows_no_job(run: Run) -> None:
    """The predecessor was for something else: the key is that of the intent alone."""
    history = History().with_job("another key", A)
    submitted = run.submit(predecessor=A, predecessor_status="COMPLETED", history=history)

    assert run.sent == ["LIST", f"POST {KEY}", f"GET {submitted.job.id}"]


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
        "LIST",
        f"POST {key_for(INTENT, old.id)}",
        f"GET {submitted.job.id}",
    ]


def test_a_predecessor_that_zuora_does_not_know_is_followed(run: Run) -> None:
    """A purged job cannot run."""
    submitted = run.submit(**replacing(A, "PROCESSING"))

    assert run.sent == [
        f"GET {A}",
        "LIST",
        f"POST {key_for(INTENT, A)}",
        f"GET {submitted.job.id}",
    ]


@pytest.mark.parametrize("status", ["PROCESSING", "QUEUED"])
def test_a_predecessor_that_runs_stands_against_its_successor(
    zuora: Sandbox, run: Run, status: str
) -> None:
    """Nothing is started beside it; a status that nobody documented is not taken for an end."""
    old = zuora.add_job(status=status)
    error = run.failure(predecessor=old.id, predecessor_status="PROCESSING")

    assert (type(error), error.message) == (
        JobStillRunningError,
        f"Job {old.id} still runs ({status} 0.00%), so the new job was not started.",
    )
    assert "Then run `pulumi up` again." in error.hint
    assert run.sent == [f"GET {old.id}"]


def test_a_predecessor_without_progress_is_named_by_its_status() -> None:
    """Zuora may leave the progress out; then nothing stands in its place."""
    job = http(200, f'{{"success": true, "job": {{"id": "{A}", "status": "ACCEPTED"}}}}')
    with raw_server(TOKEN, job) as server:
        error = Run(base_url=server.base_url).failure(predecessor=A)

    assert error.message == (f"Job {A} still runs (ACCEPTED), so the new job was not started.")


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
    """That is its own entity, or the start's if state names none."""
    old = zuora.add_job(status="PROCESSING", entity_id=entity)
    error = run.failure(
        predecessor=old.id, predecessor_scope=old_scope, scope=Scope(entity_id="e-1")
    )

    assert isinstance(error, JobStillRunningError)
    assert zuora.requests[-1].headers["Zuora-Entity-Ids"] == entity


# GUARD: what counts


@pytest.mark.parametrize(
    ("age_s", "created", "young"),
    [
        (0, "2027-01-15T08:00:00Z", True),
        (24 * HOUR_S, "2027-01-14T08:00:00Z", True),
        (24 * HOUR_S + 1, "2027-01-14T07:59:59Z", False),
        (400 * 24 * HOUR_S, "2025-12-11T08:00:00Z", False),
    ],
)
def test_a_job_of_any_age_stops_the_submission(
    zuora: Sandbox, run: Run, age_s: int, created: str, young: bool
) -> None:
    """It is named, taking it over comes first, and nothing is started."""
    theirs = zuora.add_job(status="COMPLETED", age_s=age_s)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        GuardError,
        "Nothing was started: tenant 10042 holds a RatePlanCharge backfill job that state does not "
        "hold as this resource's:\n"
        f"  {theirs.id} (COMPLETED, created {created} by api.user@example.com)\n{ONCE}",
        "To take it over instead, if it was no dry run, add\n"
        f'  existing_job_id="{theirs.id}"\n'
        f'To start one more all the same, add\n  known_job_ids=["{theirs.id}"]'
        + (
            "\nand change triggers, in case a lost attempt of this resource started it"
            if young
            else ""
        ),
    )
    assert (run.sent, zuora.jobs) == (["LIST"], [theirs])


def test_a_job_that_a_resource_of_the_stack_holds_comes_with_its_alias(
    zuora: Sandbox, run: Run
) -> None:
    """Take over first, the alias second, one more job last; what was accepted stays accepted."""
    accepted = zuora.add_job(age_s=60 * HOUR_S)
    known = zuora.add_job(age_s=50 * HOUR_S)
    held = zuora.add_job(age_s=40 * HOUR_S)
    error = run.failure(
        held_by={held.id: OTHER_URN, accepted.id: OTHER_URN}, known_job_ids=frozenset({accepted.id})
    )

    assert error.message == (
        "Nothing was started: tenant 10042 holds 2 RatePlanCharge backfill jobs that state does "
        "not hold as this resource's:\n"
        f"  {known.id} (PROCESSING, created 2027-01-13T06:00:00Z by api.user@example.com)\n"
        f"  {held.id} (PROCESSING, created 2027-01-13T16:00:00Z by api.user@example.com), held by "
        f"'more-charges' of this stack\n{ONCE}"
    )
    assert error.hint == (
        "To take the last one over instead, if it was no dry run, add\n"
        f'  existing_job_id="{held.id}"\n'
        "If it is the same backfill under a new name, add\n"
        f'  opts=pulumi.ResourceOptions(aliases=["{OTHER_URN}"])\n'
        "To start one more all the same, add\n"
        f'  known_job_ids=["{accepted.id}", "{known.id}", "{held.id}"]'
    )


def test_the_lines_that_the_guard_prints_let_the_next_run_go_on(zuora: Sandbox, run: Run) -> None:
    """The known_job_ids line as it stands is all it takes."""
    jobs = [zuora.add_job(age_s=hours * HOUR_S) for hours in (90, 80, 70)]
    error = run.failure(known_job_ids=frozenset({jobs[0].id}))
    line = error.hint.rpartition("known_job_ids=")[2]
    submitted = Run(zuora).submit(known_job_ids=frozenset(eval(line)))

    assert submitted == started(zuora.jobs[-1], submitted)


@pytest.mark.parametrize("older", [0, 1, 3])
def test_at_most_twenty_jobs_are_listed_and_all_are_in_the_line(
    zuora: Sandbox, run: Run, older: int
) -> None:
    """The newest stand last; the line accepts them all."""
    jobs = [zuora.add_job(age_s=(100 - n) * HOUR_S) for n in range(20 + older)]
    error = run.failure()
    first, *lines, last = error.message.splitlines()

    assert first == (
        f"Nothing was started: tenant 10042 holds {20 + older} RatePlanCharge backfill jobs that "
        "state does not hold as this resource's:"
    )
    assert lines[:-20] == ([f"  (and {older} older)"] if older else [])
    assert [line.split()[0] for line in lines[-20:]] == [job.id for job in jobs[older:]]
    assert last == ONCE
    assert [error.hint.count(job.id) for job in jobs] == [1] * (19 + older) + [2]


@pytest.mark.parametrize("status", ["ACCEPTED", "PROCESSING", "COMPLETED", "REVERTING"])
def test_a_job_counts_whatever_it_does_unless_it_did_nothing_more(
    zuora: Sandbox, run: Run, status: str
) -> None:
    """A status that nobody documented counts as well."""
    zuora.add_job(status=status, age_s=HOUR_S)

    assert isinstance(run.failure(), GuardError)
    assert run.sent == ["LIST"]


def test_a_job_of_unknown_type_and_age_counts() -> None:
    """What Zuora does not tell is no reason to go on; it is named first, as its age is unknown."""
    jobs = (
        f'{{"success": true, "jobs": [{{"id": "{A}", "status": "COMPLETED", "createdOn": 1000}},'
        f'{{"id": "{B}", "status": "COMPLETED"}}]}}'
    )
    with raw_server(TOKEN, http(200, jobs)) as server:
        error = Run(base_url=server.base_url).failure()

    assert isinstance(error, GuardError)
    assert error.message.splitlines()[1:3] == [
        f"  {B} (COMPLETED)",
        f"  {A} (COMPLETED, created 1970-01-01T00:00:01Z)",
    ]
    assert error.hint.endswith(
        "and change triggers, in case a lost attempt of this resource started it"
    )


def test_without_a_guard_nothing_is_listed(zuora: Sandbox, run: Run) -> None:
    """`guard="none"` asks for no look at the tenant's jobs."""
    zuora.add_job(age_s=30 * HOUR_S)
    submitted = run.submit(guard="none")

    assert run.sent == [f"POST {KEY}", f"GET {submitted.job.id}"]


# GUARD: what does not count


def test_what_is_accounted_for_does_not_stop_the_submission(zuora: Sandbox, run: Run) -> None:
    """FAILED, STOPPED, other types, what was accepted, the stack's dry runs, the own history."""
    for status in ("FAILED", "STOPPED"):
        zuora.add_job(status=status)
    for other_type in ("OrderLineItem", "BookingDate"):
        zuora.add_job(type=other_type)
    zuora.add_job(entity_id="e-2")
    known, of_stack, first, last = (zuora.add_job(status="COMPLETED") for _ in range(4))
    submitted = run.submit(
        known_job_ids=frozenset({known.id}),
        not_counted=frozenset({of_stack.id}),
        predecessor=last.id,
        predecessor_status="COMPLETED",
        history=History().with_job("another", first.id),
    )

    assert submitted == started(zuora.jobs[-1], submitted)
    assert run.sent == ["LIST", f"POST {KEY}", f"GET {submitted.job.id}"]


def test_a_dry_run_of_this_process_does_not_count(zuora: Sandbox, run: Run) -> None:
    """State does not hold it yet when the live job of the same program starts."""
    ids = [run.submit(start).job.id for start in (DRY_RUN, START)]

    assert ids == [job.id for job in zuora.jobs]
    assert [job.dry_run for job in zuora.jobs] == [True, False]


def test_a_job_of_this_process_for_another_entity_does_not_count(zuora: Sandbox, run: Run) -> None:
    """Organisations may share a list; one live job of a type in each of them is right."""
    first = replace(START, scope=Scope(org_ids=("o-1",)))
    other = replace(START, intent=replace(INTENT, urn=OTHER_URN), scope=Scope(org_ids=("o-2",)))
    ids = [run.submit(start).job.id for start in (first, other)]

    assert ids == [job.id for job in zuora.jobs]


def test_an_entity_that_nobody_names_may_be_the_one_that_is_named(zuora: Sandbox, run: Run) -> None:
    """The tenant's default entity has an id too, so its job counts wherever Zuora lists it."""
    zuora.behaviours.entities_share_jobs = True
    job = run.submit().job.id
    other = replace(START, intent=replace(INTENT, urn=OTHER_URN), scope=Scope(entity_id="main"))
    error = Run(zuora).failure(other)

    assert isinstance(error, GuardError)
    assert f'existing_job_id="{job}"' in error.hint
    assert [each.id for each in zuora.jobs] == [job]


def test_a_live_job_of_this_process_without_a_guard_counts_for_another_type_of_resource(
    zuora: Sandbox, run: Run
) -> None:
    """Only dry runs and jobs of other entities are looked past."""
    first = run.submit(guard="none").job.id
    dry_run = replace(DRY_RUN, guard="once")
    error = run.failure(dry_run)

    assert isinstance(error, GuardError)
    assert f'existing_job_id="{first}"' in error.hint


@pytest.mark.parametrize(
    ("created_after_s", "counts"),
    [(-1.5, True), (-1, False), (0, False), (420, False), (421, True)],
)
def test_a_job_in_a_window_of_the_attempt_does_not_count(
    zuora: Sandbox, run: Run, created_after_s: float, counts: bool
) -> None:
    """By Zuora's clock, from a second before the first POST; what lies outside is somebody's."""
    began = STANDS_AT - timedelta(hours=1)
    zuora.add_job(age_s=HOUR_S - created_after_s)
    attempt = Attempt(
        intent_key=KEY,
        after=None,
        refusals=(),
        began=began,
        windows=(Window(since=began, until=began + timedelta(seconds=420)),),
    )
    if counts:
        assert isinstance(run.failure(attempt=attempt), GuardError)
        assert run.sent == ["LIST"]
    else:
        assert run.submit(attempt=attempt).job.id == zuora.jobs[-1].id


def test_a_dry_run_whose_answer_is_under_way_is_waited_for(zuora: Sandbox, run: Run) -> None:
    """The list shows the job before this process knows that it is its own dry run's."""
    zuora.plan(Fault.HANG, on=CREATE)
    listed = threading.Event()
    when(zuora, LIST, 1, listed.set)
    with ThreadPoolExecutor(2) as pool:
        dry_run = pool.submit(run.submit, DRY_RUN)
        zuora.wait_until_held()
        live = pool.submit(run.submit)
        assert listed.wait(30)
        assert not wait_for_futures([live], timeout=0.2).done
        zuora.release()
        ids = [dry_run.result(30).job.id, live.result(30).job.id]

    assert ids == [job.id for job in zuora.jobs]


@pytest.mark.parametrize(("within_s", "asks"), [(None, 3), (200, 2)])
def test_an_answer_is_waited_for_five_minutes_or_as_long_as_there_is_time(
    zuora: Sandbox, run: Run, within_s: float | None, asks: int
) -> None:
    """Then the jobs count; meanwhile it is asked again and again whether the run was cancelled."""
    job, asked, time = zuora.add_job(), list[float](), ManualClock()

    def ask(seconds: float) -> None:
        asked.append(seconds)
        time.advance(100)

    time.on_sleep = ask
    guard = Guard(run.connection.client, time.clock)
    with guard.awaiting_an_answer(DRY_RUN):
        found = guard.jobs_against(START, within_s=within_s)

    assert ([other.id for other in found], asked) == ([job.id], [0] * asks)


# GUARD: two of one program


def test_a_second_live_start_of_one_type_and_place_is_refused(zuora: Sandbox, run: Run) -> None:
    """However the first one ends: the text says which of the two to change; nothing is sent."""
    zuora.plan(Fault.GATEWAY_404, on=LIST)
    first = run.failure()
    zuora.forget_requests()
    error = run.failure(intent=replace(INTENT, urn=OTHER_URN))

    assert isinstance(first, ApiError)
    assert (type(error), error.message, error.hint) == (
        GuardError,
        "Nothing was started: 'charges' of this stack is a live RatePlanCharge backfill that may "
        "reach the same entity and organisations. Zuora asks for one backfill before go-live: a "
        "second run makes Zuora Billing and Zuora Revenue disagree.",
        "Remove one of the two. If they are for different entities or organisations, name "
        "entity_id or org_ids in both, before either has started. If both must run: deploy the "
        "other one first, then name its job in known_job_ids here.",
    )
    assert run.sent == []


def test_of_two_live_starts_at_once_one_is_refused(zuora: Sandbox, run: Run) -> None:
    """Threads of one process: the list that both see is empty, and still there is one job."""
    urns = iter((INTENT.urn, OTHER_URN))
    results = in_threads(2, lambda: run.submit(intent=replace(INTENT, urn=next(urns))))

    assert sorted(type(result).__name__ for result in results) == ["GuardError", "StartedJob"]
    assert len(zuora.jobs) == 1


def test_other_places_other_types_dry_runs_and_no_guard_are_no_second_live_start(
    zuora: Sandbox, run: Run
) -> None:
    """And a resource is not its own rival when it is started once more in the same run."""
    order_line_item = {
        "intent": replace(INTENT, urn="b", type="OrderLineItem"),
        "request": replace(REQUEST, type="OrderLineItem"),
    }
    here = Scope(entity_id="e-0", org_ids=("1", "2"))
    job_ids = [
        run.submit(**{"scope": here, **changes}).job.id
        for changes in (
            {},
            order_line_item,
            {"intent": replace(INTENT, urn="c"), "scope": Scope(entity_id="e-1")},
            {"intent": replace(INTENT, urn="d"), "guard": "none"},
            {"intent": replace(INTENT, urn="e"), "scope": replace(here, org_ids=("3",))},
        )
    ]
    again = run.submit(
        **replacing(job_ids[0], "COMPLETED"), scope=here, known_job_ids=frozenset({job_ids[3]})
    )

    assert [*job_ids, again.job.id] == [job.id for job in zuora.jobs]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Scope(), Scope(entity_id="e-1")),
        (Scope(entity_id="e-1"), Scope()),
        (Scope(), Scope(org_ids=("1",))),
        (Scope(org_ids=("1",)), Scope()),
        (Scope(org_ids=("1", "2")), Scope(org_ids=("2", "3"))),
    ],
)
def test_a_place_that_may_be_the_same_is_the_same(
    zuora: Sandbox, run: Run, first: Scope, second: Scope
) -> None:
    """What nobody names may be what is named, and one organisation in common is enough."""
    run.submit(scope=first)
    error = run.failure(intent=replace(INTENT, urn=OTHER_URN), scope=second)

    assert isinstance(error, GuardError)
    assert "'charges' of this stack is a live RatePlanCharge backfill" in error.message
    assert len(zuora.jobs) == 1


def test_a_live_start_without_a_guard_still_stands_against_one_with_a_guard(
    zuora: Sandbox, run: Run
) -> None:
    """The first asked for no protection; the second did."""
    run.submit(guard="none", intent=replace(INTENT, urn=OTHER_URN))
    error = run.failure()

    assert isinstance(error, GuardError)
    assert "'more-charges' of this stack is a live RatePlanCharge backfill" in error.message


# GUARD: the list is fresh


@pytest.mark.parametrize(("waited_s", "lists"), [(60, 2), (61, 3)])
def test_a_post_that_leaves_long_after_its_list_asks_for_a_new_one(
    zuora: Sandbox, run: Run, waited_s: int, lists: int
) -> None:
    """60 s after the list was begun, somebody else may have started a job."""
    zuora.plan(Fault.RATE_LIMITED_429, on=LIST, retry_after_s=waited_s)
    submitted = run.submit()

    assert run.sent == ["LIST"] * lists + [f"POST {KEY}", f"GET {submitted.job.id}"]


def test_a_job_that_only_the_new_list_shows_stops_the_submission(zuora: Sandbox, run: Run) -> None:
    """The first list was empty; that is what the second one is for."""
    zuora.plan(Fault.RATE_LIMITED_429, on=LIST, retry_after_s=61)
    when(zuora, LIST, 2, lambda: zuora.add_job())
    error = run.failure()

    assert isinstance(error, GuardError)
    assert (run.sent, len(zuora.jobs)) == (["LIST"] * 3, 1)


def test_a_list_that_is_always_old_when_it_arrives_ends_the_start(zuora: Sandbox, run: Run) -> None:
    """Zuora takes longer than a minute for each: nothing is posted, and it comes to an end."""
    zuora.on_answer = lambda request: run.time.advance(61) if request.operation is LIST else None
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        TransportError,
        "Could not start the backfill job: Zuora took more than 60 s for each of 5 lists of the "
        "tenant's jobs, so none was fresh enough to go by.",
        "Run `pulumi up` again later.",
    )
    assert (run.sent, zuora.jobs, error.arrived) == (["LIST"] * 5, [], False)


def test_later_attempts_of_a_start_need_no_new_list(zuora: Sandbox, run: Run) -> None:
    """After a POST that may have been carried out the job may be there: the key counts then."""
    zuora.plan(Fault.IN_FLIGHT_409, on=CREATE, then_done_after_s=200)
    submitted = run.submit()

    assert set(run.sent[1:-1]) == {f"POST {KEY}"}
    assert (run.sent[0], run.sent[-1]) == ("LIST", f"GET {submitted.job.id}")
    assert zuora.clock.now() > STANDS_AT.timestamp() + 200


def test_a_post_that_started_nothing_is_repeated_by_a_fresh_list_only(
    zuora: Sandbox, run: Run
) -> None:
    """Zuora may ask to wait for minutes, and another stack may start its job meanwhile."""
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=59)
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=100)
    run.submit()
    assert [sent.split()[0] for sent in run.sent] == ["LIST", "POST", "POST", "LIST", "POST", "GET"]


def test_a_job_of_another_stack_during_a_pause_is_seen(zuora: Sandbox, run: Run) -> None:
    """It is in the list that the repeated POST needs, so nothing is started beside it."""
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=100)
    zuora.on_answer = lambda request: (
        zuora.add_job(age_s=0) if request.operation is CREATE and not zuora.jobs else None
    )
    error = run.failure()

    (theirs,) = zuora.jobs
    assert isinstance(error, GuardError)
    assert f'existing_job_id="{theirs.id}"' in error.hint
    assert run.sent == ["LIST", f"POST {KEY}", "LIST"]


# Cancellation and custom_timeouts.create


def test_after_a_cancellation_nothing_is_posted(zuora: Sandbox, run: Run) -> None:
    """Not even the list is asked for, and the error is the cancellation's own."""

    def cancelled(seconds: float) -> None:
        if not seconds:
            raise InterruptedWaitError("The run was cancelled.")

    run.time.on_sleep = cancelled
    error = run.failure()

    assert (type(error), str(error)) == (InterruptedWaitError, "The run was cancelled.")
    assert (run.sent, zuora.jobs) == ([], [])


def test_a_cancellation_after_a_lost_attempt_leaves_the_outcome_open(
    zuora: Sandbox, run: Run
) -> None:
    """The attempt is recorded, so that the next run finds the job."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)

    def cancelled(seconds: float) -> None:
        if seconds:
            raise InterruptedWaitError("The run was cancelled.")

    run.time.on_sleep = cancelled
    error = run.unknown()

    assert error.message == UNKNOWN + "The run was cancelled."
    assert run.sent == ["LIST", f"POST {KEY}"]
    (job,) = zuora.jobs
    assert Run(zuora).submit(attempt=error.attempt).job.id == job.id


def test_custom_timeouts_bound_the_whole_start(zuora: Sandbox, run: Run) -> None:
    """The list used up two thirds of it; the POST, which Zuora is busy with, gets the rest."""
    zuora.plan(Fault.RATE_LIMITED_429, on=LIST, retry_after_s=20)
    zuora.plan(Fault.IN_FLIGHT_409, on=CREATE, times=1000)
    run.time.jitter = 0.1
    error = run.unknown(timeout_s=30)

    assert 5020 < run.time.time_s <= 5030
    assert error.attempt.windows == (
        Window(
            since=STANDS_AT + timedelta(seconds=20),
            until=STANDS_AT + timedelta(seconds=run.time.time_s - 5000 + 120),
        ),
    )


def test_when_custom_timeouts_are_over_nothing_is_posted(zuora: Sandbox, run: Run) -> None:
    """A POST that could not be waited for would only leave its outcome open."""
    when(zuora, LIST, 1, lambda: run.time.advance(30))
    error = run.failure(timeout_s=30)

    assert (type(error), error.message, error.hint) == (
        TransportError,
        "Could not start the backfill job: the 30 s of custom_timeouts.create were over before the "
        "request could be sent.",
        "Run `pulumi up` again, or give it more time.",
    )
    assert (run.sent, zuora.jobs, error.arrived) == (["LIST"], [], False)


@pytest.mark.parametrize("lists", [0, 1])
def test_custom_timeouts_bound_every_list(zuora: Sandbox, run: Run, lists: int) -> None:
    """The guard's, and the one after a saved refusal: no longer wait is begun, no POST follows."""
    refuse(zuora)
    zuora.plan(Fault.RATE_LIMITED_429, on=LIST, after=lists, retry_after_s=100)
    error = run.failure(timeout_s=30)

    assert isinstance(error, ApiError if lists == 0 else JobRefusedError)
    assert run.time.time_s == 5000.0
    assert run.sent == ["LIST", f"POST {KEY}", f"POST {KEY}", "LIST"][: 1 + 3 * lists]
    assert zuora.jobs == []


def test_custom_timeouts_bound_the_look_at_the_job_too(zuora: Sandbox, run: Run) -> None:
    """The job was started: it is handed out, read or not."""
    zuora.plan(Fault.HTML_502, on=GET, times=5)
    run.time.jitter = 1.0
    submitted = run.submit(timeout_s=4)

    assert submitted.job == Job(id=zuora.jobs[0].id, status="UNKNOWN", type="RatePlanCharge")
    assert run.time.time_s < 5004


# SEND: the outcome is open


@pytest.mark.parametrize(("guard", "later"), [("once", GUARD_LOOKS), ("none", NOBODY_LOOKS)])
def test_an_outcome_that_stays_open_says_how_to_go_on_and_carries_the_attempt(
    zuora: Sandbox, run: Run, guard: str, later: str
) -> None:
    """Five attempts with one key; the record has the window, by Zuora's clock, plus two minutes."""
    lose(zuora)
    error = run.unknown(guard=guard)

    assert error.message == UNKNOWN + LOST.format(KEY[:37])
    assert error.hint == CONTINUE.format("2027-01-16T07:00:00Z") + later
    assert error.unrecorded_hint == (
        f"This attempt could not be written to the state. Run `pulumi up` again: {later}"
    )
    assert error.attempt == Attempt(
        intent_key=KEY,
        after=None,
        refusals=(),
        began=STANDS_AT,
        windows=(Window(since=STANDS_AT, until=STANDS_AT + timedelta(seconds=7.5 + 120)),),
    )
    assert isinstance(error.__cause__, ApiError)
    assert run.sent == ["LIST"] * (guard == "once") + [f"POST {KEY}"] * 5


def test_the_next_run_continues_under_the_very_same_key(zuora: Sandbox, run: Run) -> None:
    """The guard looks past the job, as it lies in the window; it is taken over."""
    lose(zuora)
    error = run.unknown()
    zuora.clock.advance(22 * HOUR_S)
    later = Run(zuora)
    submitted = later.submit(attempt=error.attempt)
    (job,) = zuora.jobs

    assert submitted == started(
        job,
        submitted,
        recovered=True,
        remark=f"Job {job.id}, which an earlier attempt started 22.0 h ago, was taken over; no "
        "second one was started.",
    )
    assert later.sent == ["LIST", f"POST {KEY}", f"GET {job.id}"]


def test_the_job_of_a_lost_attempt_that_was_never_started_is_started(
    zuora: Sandbox, run: Run
) -> None:
    """The request got lost on its way there: the same key starts the one that is missing."""
    zuora.plan(Fault.CONNECTION_DROPPED_BEFORE, on=CREATE, times=5)
    error = run.unknown()
    submitted = Run(zuora).submit(attempt=error.attempt)

    assert submitted == started(zuora.jobs[0], submitted)
    assert submitted.idempotency_key == KEY


def test_an_attempt_that_stays_open_again_keeps_its_beginning_and_adds_a_window(
    zuora: Sandbox, run: Run
) -> None:
    """After, refusals and the first POST are those of the first attempt."""
    attempt = Attempt(
        intent_key=KEY,
        after=A,
        refusals=("r-1",),
        began=STANDS_AT - timedelta(hours=2),
        windows=(
            Window(since=STANDS_AT - timedelta(hours=2), until=STANDS_AT - timedelta(minutes=110)),
        ),
    )
    lose(zuora)
    error = run.unknown(attempt=attempt, history=History().with_job(KEY, B))

    assert error.attempt == replace(
        attempt,
        windows=(
            *attempt.windows,
            Window(since=STANDS_AT, until=STANDS_AT + timedelta(seconds=127.5)),
        ),
    )
    assert "before 2027-01-16T05:00:00Z" in error.hint
    assert run.sent == ["LIST"] + [f"POST {key_for(INTENT, A, ('r-1',))}"] * 5


def test_a_window_ends_two_minutes_after_its_attempt_whatever_the_pauses(
    zuora: Sandbox, run: Run
) -> None:
    """A job may be started until then, and the next run must not take it for somebody else's."""
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=200)
    zuora.plan(Fault.GATEWAY_504, on=CREATE, times=5, then_done_after_s=119)
    error = run.unknown()
    zuora.clock.advance(600)
    submitted = Run(zuora).submit(attempt=error.attempt)

    (job,) = zuora.jobs
    assert (submitted.job.id, submitted.recovered) == (job.id, True)
    assert error.attempt.windows[0].since == STANDS_AT + timedelta(seconds=200)


@pytest.mark.parametrize("guard", ["once", "none"])
@pytest.mark.parametrize("lost", [Fault.CONNECTION_DROPPED_AFTER, Fault.CONNECTION_DROPPED_BEFORE])
def test_without_a_date_there_is_no_window_and_the_advice_stays_true(
    zuora: Sandbox, run: Run, guard: str, lost: Fault
) -> None:
    """Nothing tells a job of our own then, so the guard names it; no second one is started."""
    zuora.behaviours.sends_date = False
    zuora.plan(lost, on=CREATE, times=5)
    error = run.unknown(guard=guard)
    look = (
        "Zuora's answers tell no time, so its job cannot be told from somebody else's. Run "
        f"`pulumi up` again: {GUARD_LOOKS} If there is none, it starts the job."
    )

    assert (error.attempt.windows, error.attempt.began) == ((), STANDS_AT)
    assert error.hint == (
        look if guard == "once" else CONTINUE.format("2027-01-16T07:00:00Z") + NOBODY_LOOKS
    )
    later = Run(zuora)
    if guard == "once" and zuora.jobs:
        refusal = later.failure(attempt=error.attempt)
        assert isinstance(refusal, GuardError)
        assert f'existing_job_id="{zuora.jobs[0].id}"' in refusal.hint
    else:
        assert later.submit(attempt=error.attempt, guard=guard).job.id == zuora.jobs[0].id
    assert len(zuora.jobs) == 1


@pytest.mark.parametrize("lost", [Fault.GATEWAY_504, Fault.CONNECTION_DROPPED_AFTER])
@pytest.mark.parametrize(
    ("refusal", "parameters", "posts"),
    [
        (Fault.UNSAVED_FAILURE, {"code": "58730010"}, 3),
        (Fault.UNSAVED_FAILURE, {"code": "58730020", "status": 422}, 2),
        (Fault.REDIRECT, {}, 2),
        (Fault.SUCCESS_FALSE, {"code": "58730020", "saved": False}, 3),
    ],
)
def test_a_refusal_says_nothing_about_the_attempt_before_it(
    zuora: Sandbox,
    run: Run,
    lost: Fault,
    refusal: Fault,
    parameters: dict[str, Any],
    posts: int,
) -> None:
    """The lost request may have started a job, and here it has; the next run finds it."""
    zuora.plan(lost, on=CREATE)
    zuora.plan(refusal, on=CREATE, times=2, **parameters)
    error = run.unknown()
    cause = error.__cause__

    assert isinstance(cause, ApiError)
    between = "One attempt got no clear answer, and the one after it was refused: "
    assert error.message == UNKNOWN + between * (refusal is not Fault.REDIRECT) + cause.message
    assert error.hint == CONTINUE.format("2027-01-16T07:00:00Z") + GUARD_LOOKS
    assert run.sent == ["LIST"] + [f"POST {KEY}"] * posts
    (job,) = zuora.jobs
    zuora.clear_plans()
    assert Run(zuora).submit(attempt=error.attempt).job.id == job.id


def test_a_lost_attempt_is_not_forgotten_over_one_that_could_not_be_sent(
    zuora: Sandbox, run: Run
) -> None:
    """Lost, and then no token for asking again: what became of the first attempt is open."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    zuora.plan(Fault.TOKEN_REVOKED, on=CREATE)
    zuora.plan(Fault.TOKEN_REVOKED, on=Operation.TOKEN, after=1)
    error = run.unknown()

    assert error.hint == CONTINUE.format("2027-01-16T07:00:00Z") + GUARD_LOOKS
    assert isinstance(error.__cause__, AuthenticationError)
    assert len(zuora.jobs) == 1


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        (Fault.GATEWAY_504, {"status": 502, "job_is_made": False}),
        (Fault.MAINTENANCE_PAGE, {}),
        (Fault.MAINTENANCE_PAGE, {"status": 403, "request_id": None}),
        (Fault.TRUNCATED_JSON, {}),
        (Fault.BODY_CUT_OFF, {}),
        (Fault.REDIRECT, {}),
        (Fault.GATEWAY_404, {}),
        (Fault.IN_FLIGHT_409, {}),
    ],
)
def test_what_zuora_did_not_say_itself_leaves_the_outcome_open(
    zuora: Sandbox, run: Run, fault: Fault, parameters: dict[str, Any]
) -> None:
    """Pages of gateways, broken answers, redirects: none of them proves that nothing started."""
    zuora.plan(fault, on=CREATE, times=1000, **parameters)
    error = run.unknown()

    assert error.attempt.windows[0].since == STANDS_AT
    assert set(run.sent) == {"LIST", f"POST {KEY}"}


def test_an_open_outcome_names_the_setting_that_waits_longer(zuora: Sandbox, run: Run) -> None:
    """Lost, and then Zuora asks to wait for longer than the call may take."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=1000)
    error = run.unknown()

    assert "or raise ZUORA_CALL_TIMEOUT / zuora:callTimeout" in error.message
    assert run.sent == ["LIST", f"POST {KEY}", f"POST {KEY}"]


# SEND: nothing was started


def test_a_rate_limit_leaves_nothing_open(zuora: Sandbox, run: Run) -> None:
    """It has started no job: the permission that is missing is told as what it is."""
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE)
    refuse(zuora, saved=False, times=2)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        f"{refused(error)} No job was started.",
        PERMISSION,
    )


def test_a_refusal_is_told_if_it_cannot_be_asked_for_again() -> None:
    """Zuora asks to wait longer than a call may take: what has to be mended is the permission."""
    body = '{"success": false, "reasons": [{"code": 58730010, "message": "Not now."}]}'
    refusal = http(403, body, "Zuora-Request-Id: r-1", "Retry-After: 1000")
    with raw_server(TOKEN, refusal) as server:
        error = Run(base_url=server.base_url).failure(guard="none")

    assert (type(error), error.hint) == (JobRefusedError, PERMISSION)
    assert "HTTP 403, to be tried again after 1000 s" in error.message


def test_a_request_that_never_arrived_is_told_as_it_is(zuora: Sandbox, run: Run) -> None:
    """Nothing was started for certain, so there is no unknown outcome to speak of."""
    run.connection.client.tenant_id()
    zuora.stop()
    error = run.failure(guard="none")

    assert (type(error), error.message, error.outcome_open) == (
        TransportError,
        f"Could not start the backfill job: {zuora.base_url} cannot be reached "
        "(NewConnectionError).",
        False,
    )


@pytest.mark.parametrize(
    ("code", "said", "hint"),
    [
        ("58730010", "HTTP 403, code 58730010: Not now.", PERMISSION),
        (
            "58730020",
            "HTTP 400, code 58730020: Not now.",
            "Fix the cause and run `pulumi up` again.",
        ),
    ],
)
def test_a_refusal_that_is_not_saved_is_final(
    zuora: Sandbox, run: Run, code: str, said: str, hint: str
) -> None:
    """Refused twice with two answers: Zuora refuses now. The second answer is told."""
    refuse(zuora, saved=False, times=2, code=code)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        refused(error, f"refused to start the backfill job ({said})") + " No job was started.",
        hint,
    )
    assert run.sent == ["LIST"] + [f"POST {KEY}"] * 2


def test_a_refusal_that_does_not_stand_is_got_past_with_the_same_key(
    zuora: Sandbox, run: Run
) -> None:
    """It was not saved, so the second request with the key starts the job."""
    refuse(zuora, saved=False)
    submitted = run.submit()

    assert submitted == started(zuora.jobs[0], submitted)
    assert run.sent == ["LIST", f"POST {KEY}", f"POST {KEY}", f"GET {zuora.jobs[0].id}"]


def test_an_outcome_that_is_open_after_a_refusal_is_an_open_one(zuora: Sandbox, run: Run) -> None:
    """The second request may have started a job, whatever became of the first."""
    refuse(zuora, saved=False)
    lose(zuora)
    error = run.unknown()

    assert error.hint == CONTINUE.format("2027-01-16T07:00:00Z") + GUARD_LOOKS
    assert run.sent == ["LIST"] + [f"POST {KEY}"] * 6


@pytest.mark.parametrize(
    ("status", "answer_id", "refuses"),
    [(400, "r-1", True), (402, "r-1", True), (401, "r-1", False), (400, None, False)],
)
def test_zuora_s_own_no_refuses_a_job(status: int, answer_id: str | None, refuses: bool) -> None:
    """A gateway's page is no such no, and neither is that of a token, whatever it is asked for."""
    error = ApiError("No.", status=status, answer_id=answer_id)

    assert refuses_the_job(error) == refuses


def test_a_refused_token_says_nothing_about_the_job(zuora: Sandbox, run: Run) -> None:
    """A 401 to a fresh token too is told as it is; it is not asked for again."""
    zuora.plan(Fault.TOKEN_REVOKED, on=CREATE, times=2)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        AuthenticationError,
        refused(error, "refused to start the backfill job (HTTP 401: Authentication error)"),
        "Check the client id, the client secret and that they belong to this base URL.",
    )
    assert run.sent == ["LIST"] + [f"POST {KEY}"] * 2


def test_a_missing_token_says_nothing_about_the_job(zuora: Sandbox, run: Run) -> None:
    """The request never reached Zuora: the error is that of the token."""
    zuora.plan(Fault.GATEWAY_404, on=Operation.TOKEN)
    error = run.failure(guard="none")

    assert (type(error), error.message) == (
        ApiError,
        "Zuora refused to get a token (HTTP 404: no Route matched with those values).",
    )
    assert run.sent == []


def test_a_key_that_was_used_with_another_batch_size_is_explained(zuora: Sandbox, run: Run) -> None:
    """If Zuora minds, the user is told what to put back; the request is not repeated."""
    earlier(zuora, replace(START, guard="none"))
    zuora.behaviours.same_key_other_body_status = 422
    zuora.forget_requests()
    error = run.failure(guard="none", request=replace(REQUEST, batch_size=10))
    cause = error.__cause__
    assert isinstance(cause, ApiError)

    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        f"{cause.message} No job was started.",
        "This idempotency key was used before with another tenant, URL or method, or with another "
        "batch size: put the old batch_size back, take the job over with existing_job_id, or "
        "change triggers.",
    )
    assert (cause.status, run.sent) == (422, [f"POST {KEY}"])


# RECALL


@pytest.mark.parametrize("code", ["58730010", "58730060"])
def test_a_saved_refusal_is_got_past_under_the_key_after_it(
    zuora: Sandbox, run: Run, code: str
) -> None:
    """The same answer twice is a saved one; its cause may be mended, so the next key is sent."""
    refuse(zuora, code=code)
    submitted = run.submit()

    assert submitted == started(zuora.jobs[0], submitted)
    next_key = key_for(INTENT, refusals=(refusal_under(zuora, KEY),))
    assert submitted.idempotency_key == next_key
    assert run.sent[:6] == [
        "LIST",
        f"POST {KEY}",
        f"POST {KEY}",
        "LIST",
        f"POST {next_key}",
        f"GET {zuora.jobs[0].id}",
    ]


def test_a_saved_failure_after_a_refusal_is_a_saved_one_too(zuora: Sandbox, run: Run) -> None:
    """A refusal that was not saved, then a failure that was: the key holds the failure."""
    refuse(zuora, saved=False)
    refuse(zuora, code="58730060")
    submitted = run.submit()

    assert submitted == started(zuora.jobs[0], submitted)
    assert submitted.idempotency_key == key_for(INTENT, refusals=(refusal_under(zuora, KEY),))


def test_the_key_after_a_refusal_of_a_replacement_comes_after_its_predecessor_too(
    zuora: Sandbox, run: Run
) -> None:
    """Both are part of it; the predecessor is accounted for in the list."""
    old = zuora.add_job(status="COMPLETED")
    refuse(zuora)
    submitted = run.submit(**replacing(old.id, "COMPLETED"))

    first = key_for(INTENT, old.id)
    assert submitted.idempotency_key == key_for(INTENT, old.id, (refusal_under(zuora, first),))


def test_saved_refusals_are_got_past_at_most_twice(zuora: Sandbox, run: Run) -> None:
    """The third one is told, with what to mend. Each key comes after all refusals before it."""
    for number in range(3):
        refuse(zuora, after=number)
    error = run.failure()
    sent = run.sent
    keys, refusals = [], list[str]()
    for _ in range(3):
        keys.append(key_for(INTENT, refusals=refusals))
        refusals.append(refusal_under(zuora, keys[-1]))

    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        f"{refused(error, key=keys[2])} No job was started.",
        PERMISSION,
    )
    assert sent == ["LIST"] + [
        line for key in keys for line in (f"POST {key}", f"POST {key}", "LIST")
    ]
    assert zuora.jobs == []


def test_a_later_run_finds_the_keys_after_refusals_again(zuora: Sandbox, run: Run) -> None:
    """The job under the second key is lost with its answer; the record leads to that key."""
    refuse(zuora)
    lose(zuora, after=1)
    error = run.unknown()
    (job,) = zuora.jobs
    later = Run(zuora)
    submitted = later.submit(attempt=error.attempt)

    key = key_for(INTENT, refusals=error.attempt.refusals)
    assert (submitted.job.id, submitted.idempotency_key, submitted.recovered) == (
        job.id,
        key,
        True,
    )
    assert later.sent == ["LIST", f"POST {key}", f"GET {job.id}"]
    assert error.attempt.refusals == (refusal_under(zuora, KEY),)


def test_a_run_without_a_record_comes_by_way_of_the_same_key(zuora: Sandbox) -> None:
    """The run before got no further than the refusal; the next one goes on where it would have."""
    refuse(zuora)
    zuora.plan(Fault.GATEWAY_404, on=LIST, after=1)
    assert isinstance(Run(zuora).failure(), JobRefusedError)
    submitted = Run(zuora).submit()

    assert submitted == started(zuora.jobs[0], submitted)
    assert submitted.idempotency_key == key_for(INTENT, refusals=(refusal_under(zuora, KEY),))


def test_a_permission_that_was_granted_lets_the_next_run_start_the_job(zuora: Sandbox) -> None:
    """The error says `grant it and run pulumi up again`, however many refusals Zuora has saved."""
    zuora.permit(False)
    first = Run(zuora).failure()
    assert (type(first), first.hint) == (JobRefusedError, PERMISSION)
    second = Run(zuora).failure(attempt=first.attempt)
    zuora.permit()
    submitted = Run(zuora).submit(attempt=second.attempt)

    (job,) = zuora.jobs
    assert submitted.job.id == job.id
    assert (len(first.attempt.refusals), len(second.attempt.refusals)) == (3, 6)
    assert first.attempt.refused and second.attempt.refused
    assert submitted.idempotency_key == key_for(INTENT, refusals=second.attempt.refusals)


def test_two_runs_at_once_send_the_same_key_after_a_refusal(zuora: Sandbox, run: Run) -> None:
    """One is about to send it when the other one does: they get the same job."""
    refuse(zuora)
    others: list[StartedJob] = []
    when(zuora, LIST, 2, lambda: others.append(Run(zuora).submit()))
    submitted = run.submit()

    (job,) = zuora.jobs
    assert [submitted.job.id, others[0].job.id] == [job.id] * 2
    assert submitted.idempotency_key == others[0].idempotency_key == job.idempotency_key


def test_a_saved_refusal_with_an_attempt_left_open_is_not_got_past(
    zuora: Sandbox, run: Run
) -> None:
    """The lost attempt may still be under way: nothing is sent under another key in this run."""
    zuora.plan(Fault.CONNECTION_DROPPED_BEFORE, on=CREATE)
    refuse(zuora)
    error = run.unknown()

    between = "One attempt got no clear answer, and the one after it was refused: "
    assert error.message == UNKNOWN + between + refused(error)
    assert run.sent == ["LIST"] + [f"POST {KEY}"] * 3
    later = Run(zuora)
    submitted = later.submit(attempt=error.attempt)
    assert submitted == started(zuora.jobs[0], submitted)
    assert submitted.idempotency_key != KEY


def test_a_job_that_counts_beside_a_saved_refusal_is_ambiguous(zuora: Sandbox, run: Run) -> None:
    """Any of them may be this one: all are named, oldest first, with the ways on for the last."""
    names: list[str] = []
    when(
        zuora,
        CREATE,
        1,
        lambda: names.extend(zuora.add_job(age_s=age_s).id for age_s in (2 * HOUR_S, HOUR_S)),
    )
    refuse(zuora)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        AmbiguousJobError,
        f"{refused(error)} Zuora had saved this answer. The tenant holds RatePlanCharge jobs that "
        f"an attempt of this resource may have started: {names[0]} (PROCESSING, created "
        f"2027-01-15T06:00:00Z by api.user@example.com), {names[1]} (PROCESSING, created "
        "2027-01-15T07:00:00Z by api.user@example.com). Nothing more was sent.",
        f'Add  existing_job_id="{names[1]}"  to take it over, or another value of  triggers  to '
        "start one.",
    )
    assert run.sent == ["LIST", f"POST {KEY}", f"POST {KEY}", "LIST"]


def test_a_job_in_a_window_of_the_attempt_counts_beside_a_saved_refusal(
    zuora: Sandbox, run: Run
) -> None:
    """The guard looked past it, as it may be our own; that is why no other key may be sent."""
    zuora.add_job(age_s=HOUR_S)
    since = STANDS_AT - timedelta(hours=1)
    attempt = Attempt(
        intent_key=KEY,
        after=None,
        refusals=(),
        began=since,
        windows=(Window(since=since, until=since + timedelta(minutes=3)),),
    )
    refuse(zuora)

    assert isinstance(run.failure(attempt=attempt), AmbiguousJobError)
    assert run.sent == ["LIST", f"POST {KEY}", f"POST {KEY}", "LIST"]


@pytest.mark.parametrize(("age_s", "counts"), [(24 * HOUR_S + 60, True), (24 * HOUR_S + 61, False)])
def test_without_a_guard_only_jobs_that_may_be_an_attempt_s_own_are_in_the_way(
    zuora: Sandbox, run: Run, age_s: int, counts: bool
) -> None:
    """Zuora keeps a key for 24 hours, and its two clocks may differ by a minute."""
    zuora.add_job(age_s=age_s)
    refuse(zuora)
    if counts:
        assert isinstance(run.failure(guard="none"), AmbiguousJobError)
    else:
        assert run.submit(guard="none").idempotency_key != KEY
    assert run.sent[:3] == [f"POST {KEY}", f"POST {KEY}", "LIST"]


def test_what_is_accounted_for_is_not_in_the_way_of_the_next_key(zuora: Sandbox, run: Run) -> None:
    """Not the accepted ones, the stack's dry runs, other types and what did nothing more."""
    known, of_stack = zuora.add_job(), zuora.add_job()
    zuora.add_job(type="OrderLineItem")
    zuora.add_job(status="FAILED")
    refuse(zuora)

    submitted = run.submit(
        known_job_ids=frozenset({known.id}), not_counted=frozenset({of_stack.id})
    )
    assert submitted.idempotency_key == key_for(INTENT, refusals=(refusal_under(zuora, KEY),))


def test_a_saved_refusal_is_told_if_the_tenant_s_jobs_cannot_be_listed(
    zuora: Sandbox, run: Run
) -> None:
    """Without the list no other key is sent: the refusal is what the user has to mend."""
    refuse(zuora)
    zuora.plan(Fault.GATEWAY_404, on=LIST, after=1)
    error = run.failure()

    assert run.sent == ["LIST", f"POST {KEY}", f"POST {KEY}", "LIST"]
    said = f"[request id {refusal_under(zuora, KEY)}, track id {KEY[:37]}]"
    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        f"Zuora {REFUSED} {said}. No job was started.",
        PERMISSION,
    )


def test_the_same_refusal_under_another_key_is_final() -> None:
    """An id that two keys share is no saved answer of one of them; what it says is told."""
    body = '{"success": false, "reasons": [{"code": 58730010, "message": "Not now."}]}'
    refusal = http(403, body, "Zuora-Request-Id: r-1")
    jobs = http(200, '{"success": true, "jobs": []}')
    answers = (TOKEN, *(jobs, refusal, refusal) * 3, jobs)
    with raw_server(*answers) as server:
        error = Run(base_url=server.base_url).failure()

    assert (type(error), error.hint) == (JobRefusedError, PERMISSION)
    keys = [
        line
        for request in server.requests
        for line in request.decode("latin-1").splitlines()
        if line.startswith("Idempotency-Key")
    ]
    assert (
        keys
        == [f"Idempotency-Key: {KEY}"] * 2
        + [f"Idempotency-Key: {key_for(INTENT, refusals=('r-1',))}"] * 2
    )


@pytest.mark.parametrize(
    ("code", "said", "hint"),
    [("58730020", "HTTP 400", "Fix the cause and run `pulumi up` again.")],
)
def test_a_refusal_of_the_next_key_that_is_not_saved_is_final(
    zuora: Sandbox, run: Run, code: str, said: str, hint: str
) -> None:
    """Zuora refuses now, whatever it had saved before."""
    refuse(zuora)
    refuse(zuora, saved=False, after=1, times=2, code=code)
    error = run.failure()
    next_key = key_for(INTENT, refusals=(refusal_under(zuora, KEY),))

    refusal = f"refused to start the backfill job ({said}, code {code}: Not now.)"
    assert (type(error), error.message, error.hint) == (
        JobRefusedError,
        f"{refused(error, refusal, next_key)} No job was started.",
        hint,
    )


# LOOK


@pytest.mark.parametrize(
    ("status", "age_s", "told"),
    [
        ("PROCESSING", 600, "10 min ago, was taken over; no second one was started."),
        (
            "COMPLETED",
            7200,
            "2.0 h ago, was taken over; no second one was started.\nIt has already completed; to "
            "run another one, change `triggers`.",
        ),
        (
            "FAILED",
            2,
            "2 s ago, was taken over; no second one was started.\nIt has already failed; to run "
            "another one, change `triggers`.",
        ),
    ],
)
def test_the_job_of_an_earlier_attempt_is_taken_over(
    zuora: Sandbox, status: str, age_s: int, told: str
) -> None:
    """Whatever has become of it, it is ours; the text says how old it is."""
    job = earlier(zuora)
    zuora.set_status(job.id, status)
    zuora.clock.advance(age_s)
    submitted = Run(zuora).submit(guard="none")

    remark = f"Job {job.id}, which an earlier attempt started {told}"
    assert submitted == started(job, submitted, recovered=True, remark=remark)
    assert zuora.jobs == [job]


def test_a_second_of_age_is_no_earlier_attempt(zuora: Sandbox) -> None:
    """Zuora's `Date` is cut to the second: a job one second older may be the request's own."""
    job = earlier(zuora)
    zuora.clock.advance(1)
    submitted = Run(zuora).submit(guard="none")

    assert submitted == started(job, submitted)


def test_what_a_request_s_own_pauses_took_makes_no_earlier_attempt(
    zuora: Sandbox, run: Run
) -> None:
    """The first answer is lost and the second comes half a minute later: the job is our own."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE)
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=30)
    submitted = run.submit()

    assert submitted == started(zuora.jobs[0], submitted)
    assert run.time.sleeps[-1] == 30


@pytest.mark.parametrize("had", ["the predecessor", "an earlier one"])
def test_an_answer_that_names_a_job_that_the_resource_has_had_leads_to_the_key_after_it(
    zuora: Sandbox, run: Run, had: str
) -> None:
    """A replacement is never handed its predecessor's job, nor that of an earlier round."""
    old, last = zuora.add_job(status="COMPLETED"), zuora.add_job(status="COMPLETED")
    zuora.plan(Fault.WRONG_ID, on=CREATE, job_id=old.id)
    history = History().with_job("another", old.id).with_job(KEY, last.id)
    predecessor = old.id if had == "the predecessor" else last.id
    submitted = run.submit(predecessor=predecessor, predecessor_status="COMPLETED", history=history)

    first, second = key_for(INTENT, last.id), key_for(INTENT, old.id)
    assert run.sent[:4] == ["LIST", f"POST {first}", f"GET {old.id}", f"POST {second}"]
    assert submitted.job.id == zuora.jobs[-1].id
    assert submitted.idempotency_key == second


def test_a_stopped_job_is_followed_by_a_new_one(zuora: Sandbox) -> None:
    """It is what became of an earlier run that was taken back; the next key comes after it."""
    job = earlier(zuora)
    zuora.finish(job.id, "STOPPED")
    run = Run(zuora)
    submitted = run.submit()

    key = key_for(INTENT, job.id)
    assert submitted == started(zuora.jobs[-1], submitted)
    assert run.sent == [
        "LIST",
        f"POST {KEY}",
        f"GET {job.id}",
        f"POST {key}",
        f"GET {submitted.job.id}",
    ]
    assert [j.status for j in zuora.jobs] == ["STOPPED", "ACCEPTED"]


def test_refusals_count_for_the_key_that_they_were_saved_under_only(zuora: Sandbox) -> None:
    """The key after a stopped job starts without them."""
    refuse(zuora)
    job = earlier(zuora)
    zuora.finish(job.id, "STOPPED")
    submitted = Run(zuora).submit()

    assert submitted.idempotency_key == key_for(INTENT, job.id)


def test_an_attempt_that_stays_open_after_a_stopped_job_keeps_where_it_was(
    zuora: Sandbox,
) -> None:
    """The next run continues under the key after the stopped job, not under the first one."""
    job = earlier(zuora)
    zuora.finish(job.id, "STOPPED")
    lose(zuora, after=1)
    error = Run(zuora).unknown()
    later = Run(zuora)
    submitted = later.submit(attempt=error.attempt)

    assert error.attempt.after == job.id
    assert submitted.job.id == zuora.jobs[-1].id
    assert later.sent[1] == f"POST {key_for(INTENT, job.id)}"
    assert len(zuora.jobs) == 2


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
        f"Zuora answered with job {B}, but does not know it ({cause.message})",
        "Nothing more was sent. If the job appears in Revenue → Data Backfill → Backfill Logs, "
        "add  "
        f'existing_job_id="{B}"  to take it over, or another value of  triggers  to start one.',
    )
    assert run.sent == ["LIST", f"POST {KEY}", f"GET {B}"]


def test_a_job_of_another_type_is_not_taken_for_the_one_that_was_asked_for(
    zuora: Sandbox, run: Run
) -> None:
    """Were it taken, destroying the resource could stop it. Nothing more is sent."""
    other = zuora.add_job(type="OrderLineItem")
    zuora.plan(Fault.WRONG_ID, on=CREATE, job_id=other.id)
    error = run.failure()

    assert (type(error), error.message, error.hint) == (
        AmbiguousJobError,
        f"Zuora answered with job {other.id} of type OrderLineItem, but RatePlanCharge was asked "
        "for. That job is left alone.",
        "Look into Revenue → Data Backfill → Backfill Logs, then add  "
        'existing_job_id="…"  with the right job, or another value of  triggers  to start one.',
    )
    assert run.sent == ["LIST", f"POST {KEY}", f"GET {other.id}"]


def test_a_job_that_cannot_be_read_is_handed_out_all_the_same(zuora: Sandbox, run: Run) -> None:
    """It was started and must not be lost: status UNKNOWN, and the text says how to learn more."""
    zuora.plan(Fault.HTML_502, on=GET, times=5)
    submitted = run.submit()

    (job,) = zuora.jobs
    assert submitted == started(
        job,
        submitted,
        job=Job(id=job.id, status="UNKNOWN", type="RatePlanCharge"),
        remark=f"Job {job.id} was started, but its status could not be read: Zuora could not read "
        f"job {job.id} (HTTP 502: 502 Bad Gateway 502 Bad Gateway). `pulumi refresh` reads it "
        "later.",
    )


# LOOK: a history that is not known


def test_a_new_job_needs_no_known_history(zuora: Sandbox, run: Run) -> None:
    """It was started just now, so it is none that the resource has had."""
    submitted = run.submit(history=History(complete=False))

    assert submitted == started(zuora.jobs[0], submitted)


@pytest.mark.parametrize("readable", [True, False])
def test_a_job_of_an_earlier_run_is_ambiguous_if_the_history_is_unknown(
    zuora: Sandbox, readable: bool
) -> None:
    """It may be one that this resource has had and was to replace; so may one of unknown age."""
    job = earlier(zuora)
    zuora.clock.advance(HOUR_S)
    if not readable:
        zuora.plan(Fault.HTML_502, on=GET, times=5)
    run = Run(zuora)
    error = run.failure(guard="none", history=History(complete=False))

    assert (type(error), error.message, error.hint) == (
        AmbiguousJobError,
        f"Zuora answered with job {job.id}, which an earlier run may have started. State does not "
        "hold which jobs this resource has had, so it may be an old one. Nothing more was sent.",
        f'Add  existing_job_id="{job.id}"  to take it over, or another value of  triggers  to '
        "start one.",
    )
    assert zuora.jobs == [job]


def test_without_a_date_a_job_is_ambiguous_if_the_history_is_unknown(
    zuora: Sandbox, run: Run
) -> None:
    """Nothing tells a new job from an old one then."""
    zuora.behaviours.sends_date = False
    error = run.failure(history=History(complete=False))

    assert isinstance(error, AmbiguousJobError)
    assert "which an earlier run may have started" in error.message


# Attempts that are too old, that another start stands beside, and jobs of their time


def attempt_of(began: datetime, lasted_s: float = 120) -> Attempt:
    """Return an attempt of the intent whose job came within some seconds."""
    window = Window(since=began, until=began + timedelta(seconds=lasted_s))
    return Attempt(intent_key=KEY, after=None, refusals=(), began=began, windows=(window,))


@pytest.mark.parametrize(("late_s", "sends"), [(0, True), (1, False)])
def test_no_post_leaves_when_zuora_is_about_to_forget_the_key(
    zuora: Sandbox, run: Run, late_s: float, sends: bool
) -> None:
    """
    Half an hour after the next `up` would not continue any more; the run before had begun in time.
    """
    attempt = attempt_of(STANDS_AT - timedelta(hours=23.5, seconds=late_s))
    if sends:
        assert run.submit(attempt=attempt).job.id == zuora.jobs[0].id
        return
    error = run.failure(attempt=attempt)

    assert str(error) == (
        "Nothing more was sent: Zuora is about to forget the idempotency key of this attempt.\n"
        "Run `pulumi up` again: the guard looks first."
    )
    assert (run.sent, zuora.jobs) == (["LIST"], [])


@pytest.mark.parametrize(("left_s", "sends"), [(0, True), (1, False)])
def test_another_start_waits_until_an_attempt_is_settled(
    zuora: Sandbox, run: Run, left_s: float, sends: bool
) -> None:
    """
    A request may be on its way for so long; the list is asked for first, as it may name the job.
    """
    other = attempt_of(STANDS_AT - timedelta(seconds=120 - left_s))
    if sends:
        assert run.submit(other_attempt=other).job.id == zuora.jobs[0].id
        return
    error = run.failure(other_attempt=other)

    assert str(error) == (
        "Nothing was started: the attempt of 2027-01-15T07:58:01Z may still start its job.\n"
        "Run `pulumi up` again after 2027-01-15T08:00:01Z: the guard looks for that job first."
    )
    assert (run.sent, zuora.jobs) == (["LIST"], [])


def test_the_job_of_an_attempt_elsewhere_is_named_before_another_starts(
    zuora: Sandbox, run: Run
) -> None:
    """The attempt's own entity is listed too; a job that a person accepted is left there."""
    zuora.behaviours.entities_share_jobs = False
    began = STANDS_AT - timedelta(hours=1)
    left = zuora.add_job(age_s=HOUR_S)
    here = replace(START, scope=Scope(entity_id="eu"), intent=replace(INTENT, entity_id="eu"))
    elsewhere = {"other_attempt": attempt_of(began), "predecessor_scope": Scope()}
    error = run.failure(here, **elsewhere)

    assert error.message == (
        f"Nothing was started: an earlier attempt of this resource may have started job {left.id} "
        "(PROCESSING, created 2027-01-15T07:00:00Z by api.user@example.com) in entity (none) and "
        "organisations (none)."
    )
    assert error.hint == (
        "Put type, entity_id and org_ids back, and `pulumi up` finds the job. To leave it there "
        "and "
        f'start elsewhere, add\n  known_job_ids=["{left.id}"]'
    )
    assert run.sent == ["LIST", "LIST"]
    started = run.submit(here, **elsewhere, known_job_ids=frozenset({left.id}))
    assert [job.id for job in zuora.jobs] == [left.id, started.job.id]


def test_custom_timeouts_bound_the_list_of_the_attempt_s_own_entity(
    zuora: Sandbox, run: Run
) -> None:
    """No longer wait is begun for it, and no POST follows."""
    zuora.plan(Fault.RATE_LIMITED_429, on=LIST, after=1, retry_after_s=100)
    here = replace(START, scope=Scope(entity_id="eu"), intent=replace(INTENT, entity_id="eu"))
    error = run.failure(
        here,
        other_attempt=attempt_of(STANDS_AT - timedelta(hours=1)),
        predecessor_scope=Scope(),
        timeout_s=30,
    )

    assert (type(error), run.time.time_s) == (ApiError, 5000.0)
    assert (run.sent, zuora.jobs) == (["LIST", "LIST"], [])


@pytest.mark.parametrize("others", [1, 2])
def test_jobs_of_the_time_of_an_attempt_that_are_somebody_elses_are_named(
    zuora: Sandbox, run: Run, others: int
) -> None:
    """Each with what is known of it, once the attempt's own job is there."""
    theirs = [zuora.add_job(age_s=HOUR_S) for _ in range(others)]
    started = run.submit(attempt=attempt_of(STANDS_AT - timedelta(hours=1)))
    named = ", ".join(
        f"{job.id} (PROCESSING, created 2027-01-15T07:00:00Z by api.user@example.com)"
        for job in theirs
    )

    assert started.remark == (
        f"RatePlanCharge backfill job{'s' if others > 1 else ''} {named}, of the time of the lost "
        "attempt, was not started by this resource. If it is a live run, this is a SECOND one: "
        "look in Revenue → Data Backfill → Backfill Logs."
    )


def test_without_a_guard_no_list_is_asked_for_after_a_pause(zuora: Sandbox, run: Run) -> None:
    """Only the key protects then, as the program says, however often Zuora asks to wait."""
    run = Run(zuora, call_timeout_s=2000)
    zuora.plan(Fault.RATE_LIMITED_429, on=CREATE, retry_after_s=100, times=6)
    submitted = run.submit(guard="none")

    assert run.sent == [f"POST {KEY}"] * 7 + [f"GET {submitted.job.id}"]


def test_a_job_that_is_found_again_is_told_before_the_others(zuora: Sandbox, run: Run) -> None:
    """Both remarks, in one text."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE, times=5)
    error = run.unknown()
    theirs = zuora.add_job(age_s=0)
    zuora.clock.advance(60)
    remark = Run(zuora).submit(attempt=error.attempt).remark

    ours = zuora.jobs[0].id
    assert remark is not None
    assert remark.startswith(f"Job {ours}, which an earlier attempt started")
    assert f"no second one was started. RatePlanCharge backfill job {theirs.id} (" in remark


def test_an_outcome_that_is_open_too_late_promises_no_continuation(
    zuora: Sandbox, run: Run
) -> None:
    """The time until which the next `up` would continue is over when the answers are lost."""
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=CREATE, times=5)
    attempt = attempt_of(STANDS_AT - timedelta(hours=23))
    error = run.unknown(attempt=attempt)

    assert error.hint == (
        f"Run `pulumi up` again: {GUARD_LOOKS} If there is none, it starts the job."
    )


@pytest.mark.parametrize(
    ("before_the_end_s", "says"), [(1, "before 2027-01-15T08:00:00Z"), (0, GUARD_LOOKS)]
)
def test_a_continuation_is_promised_until_the_attempt_ends(
    before_the_end_s: float, says: str
) -> None:
    """From that very second on the guard decides."""
    attempt = attempt_of(STANDS_AT - timedelta(hours=23))
    now = STANDS_AT - timedelta(seconds=before_the_end_s)
    error = unknown(START, TransportError("No answer.", arrived=True), attempt, now)

    assert error.hint.startswith(
        f"Run `pulumi up` again{':' if not before_the_end_s else ''} {says}"
    )


def test_an_open_attempt_of_another_resource_comes_with_its_alias() -> None:
    """The way that needs no line first, then the one for a resource that was renamed."""
    error = open_attempt_of(INTENT.urn, OTHER_URN, "RatePlanCharge")

    assert error.message == (
        "Nothing was started: 'more-charges' of this stack may have started a live RatePlanCharge "
        "backfill that may reach the same entity and organisations; the answer was lost. Zuora "
        "asks for one backfill before go-live: a second run makes Zuora Billing and Zuora Revenue "
        "disagree."
    )
    assert error.hint == (
        "Run `pulumi up` with 'more-charges' in the program first: it finds out.\n"
        "If it is the same backfill under a new name, add\n"
        f'  opts=pulumi.ResourceOptions(aliases=["{OTHER_URN}"])'
    )
