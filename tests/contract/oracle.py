"""What the user asked for, counted without any help of the package, and what must never happen."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi_zuora_backfill.testing import Operation, Sandbox
from pulumi_zuora_backfill.testing.sandbox import RecordedRequest, SandboxJob

DAY_S = 24 * 3600.0
IN_FLIGHT_S = 150.0
FRESH_S = 60.0
# An attempt counts for so long, and a job of it is there so long after it, at the latest.
ATTEMPT_COUNTS_S = 23 * 3600.0
LATEST_JOB_S = 120.0
_SLACK_S = 2.0  # `Date` is cut to the second
_NOTHING_MORE = ("FAILED", "STOPPED")
Resource = tuple[int, str]  # a state, and a name in it


@dataclass(eq=False)
class Wish:
    """
    One job that the user asked for.

    Attributes:
        what: URN, intent, and the job that the resource last had for it: asking again, with another
            state too, and after a destroy, is the same wish.
        first_s: When it was first sent, within the life of the keys.
        keys: What it was sent with.
        jobs: What was started for it.
        accepted: The jobs that a person has accepted: one more was asked for.
        batch_sizes: What it was sent with.
    """

    what: tuple[object, ...]
    first_s: float | None = None
    keys: dict[str, float] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    batch_sizes: set[int] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Start:
    """
    One try to get one job, as the user sees it.

    Attributes:
        resource: Whose.
        wish: What is asked for.
        type: The type.
        intent: Everything that makes one job another one.
        guarded: Whether the guard is in force.
        dry_run: Whether it is one.
        known: The jobs that a person has accepted.
        dry_runs: The dry runs that the stack's state holds, or has held.
        vouched: Jobs that the program takes over as dry runs: once state holds them, they count as
            such; Zuora does not tell.
    """

    resource: Resource
    wish: Wish
    type: str
    intent: tuple[object, ...]
    guarded: bool
    dry_run: bool
    known: frozenset[str] = frozenset()
    dry_runs: frozenset[str] = frozenset()
    vouched: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Post:
    """
    One request to start a job.

    Attributes:
        request: As Zuora has seen it.
        start: What it was for.
        listed_s: When the tenant's jobs were listed last before it, in the same run.
        against: The jobs that stood against it then.
        late: Whether Zuora may have forgotten a key of the wish.
    """

    request: RecordedRequest
    start: Start
    listed_s: float | None
    against: frozenset[str]
    late: bool


@dataclass
class Open:
    """
    A start of unknown outcome that state tells of.

    Attributes:
        intent: What was asked for.
        began_s: When it was first sent.
        key: What it was sent with last.
        windows: When a job of each try can have been made.
    """

    intent: tuple[object, ...]
    began_s: float
    key: str
    windows: list[tuple[float, float]]


class Oracle:
    """Watches the tenant; every method asserts."""

    def __init__(self, zuora: Sandbox) -> None:
        """Start with nothing asked for."""
        self._zuora = zuora
        self._wishes: dict[tuple[object, ...], Wish] = {}
        self._posts: list[Post] = []
        self._jobs: dict[str, SandboxJob] = {}
        self._purged: set[str] = set()
        self._last: dict[Resource, dict[object, str]] = {}
        self._had: dict[Resource, set[str]] = {}
        self._open: dict[Resource, Open] = {}

    def wish(self, resource: Resource, urn: str, intent: tuple[object, ...]) -> Wish:
        """Note that the user asks for a job: another one only where state has had one for it."""
        what = (urn, intent, self._last.get(resource, {}).get(intent))
        return self._wishes.setdefault(what, Wish(what))

    def requests(
        self,
        requests: Sequence[RecordedRequest],
        start: Start | None,
        may_stop: str | None,
        before: Sequence[RecordedRequest] = (),
    ) -> None:
        """
        Take in what a step has sent.

        Args:
            requests: All of it.
            start: What the user wants from it, if anything.
            may_stop: The only job that it may stop.
            before: What the same run has sent before.
        """
        listed = [r.at for r in before if r.operation is Operation.LIST and r.status == 200]
        first = True
        for request in requests:
            key = request.headers.get("Idempotency-Key")
            if request.operation is Operation.LIST and request.status == 200:
                listed.append(request.at)
            if request.operation is Operation.STOP:
                assert key is None
                assert request.path.rsplit("/", 1)[1] == may_stop, (
                    f"I4: stops a job that is not its own: {request}"
                )
            if request.operation is not Operation.CREATE:
                continue
            assert start is not None, "I1: a job is asked for that the user does not want"
            assert key is not None
            assert re.fullmatch(r"zbf1-[0-9a-f]{64}", key), f"{key} is no valid key"
            if start.guarded and first:
                assert listed, "I6: nobody looked before the first request to start a job"
                assert request.at - listed[-1] <= FRESH_S, "I6: the list is not fresh"
            first = False
            self._posts.append(self._post(request, start, listed[-1] if listed else None))

    def _post(self, request: RecordedRequest, start: Start, listed_s: float | None) -> Post:
        wish = start.wish
        if wish.first_s is None:
            wish.first_s = request.at
        late = request.at - wish.first_s >= DAY_S - 1
        if late and not start.guarded:
            wish.first_s, wish.jobs = request.at, []  # limit: the key alone lives for a day
        wish.keys[request.headers["Idempotency-Key"]] = request.at
        wish.accepted.update(start.known)
        wish.batch_sizes.add(request.body["batchSize"])
        against = self.standing(start, listed_s) if start.guarded and not start.dry_run else []
        ids = frozenset(job.id for job in against)
        return Post(request=request, start=start, listed_s=listed_s, against=ids, late=late)

    def standing(
        self, start: Start, listed_s: float | None = None, *, explain: bool = True
    ) -> list[SandboxJob]:
        """
        Return the jobs that stand against a start, oldest first.

        Args:
            start: What is asked for.
            listed_s: When the tenant's jobs were listed; now by default.
            explain: Whether what may explain a job does: a try of unknown outcome in its time, or
                a person's word that it is a dry run.
        """
        until_s = self._zuora.clock.now() if listed_s is None else listed_s
        explained = self._had.get(start.resource, set()) | start.known
        explained |= start.dry_runs - (frozenset() if explain else start.vouched)
        return [
            job
            for job in self._zuora.jobs
            if job.type == start.type
            and job.created_s <= until_s
            and job.status not in _NOTHING_MORE
            and job.id not in explained
            and not (explain and self._may_be_of_open(start, job))
        ]

    def _may_be_of_open(self, start: Start, job: SandboxJob) -> bool:
        open_ = self._open.get(start.resource)
        if open_ is None or open_.intent != start.intent:
            return False
        if self._zuora.clock.now() - open_.began_s > ATTEMPT_COUNTS_S + IN_FLIGHT_S * 10:
            return False
        return any(
            since - _SLACK_S <= job.created_s <= until + _SLACK_S for since, until in open_.windows
        )

    def own_and_open(self, start: Start, job: SandboxJob) -> bool:
        """Tell whether a job is of a try that state tells of: the next `up` must find it."""
        open_ = self._open.get(start.resource)
        return (
            open_ is not None
            and job.idempotency_key == open_.key
            and self._may_be_of_open(start, job)
            and self._zuora.clock.now() - open_.began_s < ATTEMPT_COUNTS_S - IN_FLIGHT_S * 10
        )

    def recorded(self, start: Start, requests: Sequence[RecordedRequest]) -> None:
        """Note that state tells of a try whose outcome is not known."""
        posts = [request for request in requests if request.operation is Operation.CREATE]
        assert posts, "a try is written down, and nothing was sent"
        now_s, began_s = self._zuora.clock.now(), posts[0].at
        open_ = self._open.get(start.resource)
        still_counts = (
            open_ is not None
            and open_.intent == start.intent
            and began_s - open_.began_s < ATTEMPT_COUNTS_S
        )
        if open_ is None or not still_counts:
            open_ = self._open[start.resource] = Open(start.intent, began_s, "", [])
        open_.key = posts[-1].headers["Idempotency-Key"]
        open_.windows.append((began_s, now_s + LATEST_JOB_S))

    def got(self, resource: Resource, intent: tuple[object, ...], job_id: str) -> None:
        """Note that a state holds a job for an intent."""
        self._last.setdefault(resource, {})[intent] = job_id
        self._had.setdefault(resource, set()).add(job_id)
        self._open.pop(resource, None)

    def had(self, resource: Resource) -> frozenset[str]:
        """Return the jobs that a state has held for a resource."""
        return frozenset(self._had.get(resource, ()))

    def destroyed(self, resource: Resource) -> None:
        """Note that a resource was removed from a state, which has never had it now."""
        for memory in (self._last, self._had, self._open):
            memory.pop(resource, None)

    def asker(self, job_id: str) -> Resource | None:
        """Return the resource that asked for a job; none where nobody did."""
        key = self._jobs[job_id].idempotency_key if job_id in self._jobs else None
        sent = (p for p in self._posts if p.request.headers["Idempotency-Key"] == key)
        return next((post.start.resource for post in sent), None)

    def refusals(self, wish: Wish) -> int:
        """Count the keys of a wish that Zuora may have saved a refusal under."""
        started = {job.idempotency_key for job in self._jobs.values()}
        now_s = self._zuora.clock.now()
        return sum(
            key not in started and now_s - at < DAY_S + IN_FLIGHT_S for key, at in wish.keys.items()
        )

    def purged(self, job_id: str) -> None:
        """Note that Zuora is about to forget a job."""
        self.look()
        self._purged.add(job_id)

    @property
    def purged_ids(self) -> frozenset[str]:
        """The jobs that Zuora has forgotten."""
        return frozenset(self._purged)

    def look(self) -> None:
        """Compare the tenant with what was asked for."""
        for job in self._zuora.jobs:
            if job.id in self._jobs:
                continue
            self._jobs[job.id] = job
            if job.idempotency_key is not None:
                self._judge_new(job)

    def _judge_new(self, job: SandboxJob) -> None:
        (post,) = [post for post in self._posts if post.request.job_id == job.id]
        wish = post.start.wish
        assert not post.against, f"I6: {job} is started although {sorted(post.against)} stand there"
        others = [
            self._jobs[id_]
            for id_ in wish.jobs
            if id_ not in self._purged | wish.accepted
            and self._jobs[id_].status not in _NOTHING_MORE
            and not self._jobs[id_].stop_requested
        ]
        if post.late and post.listed_s is not None:
            # The key is forgotten, and the list cannot show what is still in flight.
            others = [other for other in others if other.created_s <= post.listed_s]
        wish.jobs.append(job.id)
        assert not others, f"I1: {job} is one too many for {wish.what}, beside {others}"

    def created(
        self,
        outputs: Mapping[str, Any],
        resource: Resource,
        predecessor: str | None,
        adopted: str | None,
        requests: Sequence[RecordedRequest],
    ) -> None:
        """
        Judge what a resource got.

        Args:
            outputs: What state is to hold.
            resource: Whose.
            predecessor: The job that was there before.
            adopted: The job that it was to take over.
            requests: What was sent for it.
        """
        job_id = outputs["jobId"]
        if adopted is not None:
            assert job_id == adopted
            assert not any(request.operation is Operation.CREATE for request in requests)
            return
        assert job_id != predecessor, "I3: gets its predecessor's job"
        if outputs["status"] == "UNKNOWN":
            return  # Zuora named the job and then would not show it
        keys = {
            request.headers.get("Idempotency-Key")
            for request in requests
            if request.operation is Operation.CREATE
        }
        self.look()
        assert self._jobs[job_id].idempotency_key in keys, "I4: gets a job not started for it"
        assert job_id not in self._had.get(resource, ()), "I3: gets a job that it has had"
        assert outputs["status"] != "STOPPED", "I3: gets a stopped job"
        stops = [request.path for request in requests if request.operation is Operation.STOP]
        assert not any(path.endswith(job_id) for path in stops), "I3: stops its successor"


def started_in(requests: Collection[RecordedRequest]) -> list[str]:
    """Return the jobs that requests have started."""
    return [request.job_id for request in requests if request.job_id is not None]
