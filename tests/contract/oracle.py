"""What the user asked for, counted without any help of the package, and what must never happen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi_zuora_backfill.testing import Operation, Sandbox
from pulumi_zuora_backfill.testing.sandbox import RecordedRequest, SandboxJob

DAY_S = 24 * 3600.0
IN_FLIGHT_S = 150.0
GUARDS_AGE_S = 23 * 3600.0


@dataclass(eq=False)
class Wish:
    """
    One job that the user asked for.

    Attributes:
        what: Name, intent, and the job that the resource last had for that; the same wish may be repeated: by another pipeline, and after a destroy.
        first_s: When its chain of keys was first sent.
        late: Whether it was sent again after the keys' 24 hours.
        keys: What it was sent with.
        guards: The guards in force whenever it was sent.
        accounted: The jobs that a guard was told to look past.
        named: Its own jobs that the program named to the asking state, in `known_job_ids` or as another resource's `existing_job_id`: the user knows of them.
        batch_sizes: What it was sent with.
        jobs: What was started for it.
        promised_s: Until when the user was told that another attempt is safe.
        trusting: Whether every attempt so far ended with such a promise.
        last_s: When it was sent last.
        pipelines: Who sent it.
    """

    what: tuple[object, ...]
    first_s: float | None = None
    late: bool = False
    keys: set[str] = field(default_factory=set)
    guards: set[str] = field(default_factory=set)
    accounted: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    batch_sizes: set[int] = field(default_factory=set)
    jobs: list[str] = field(default_factory=list)
    promised_s: float = float("inf")
    trusting: bool = True
    last_s: float = 0.0
    pipelines: set[int] = field(default_factory=set)

    @property
    def obeyed(self) -> bool:
        """Whether each attempt was told until when it may be repeated, and was repeated in time, by nobody else."""
        return (
            self.trusting
            and self.last_s < self.promised_s < float("inf")
            and len(self.pipelines) == 1
        )


class Oracle:
    """Watches the tenant; every method asserts."""

    def __init__(self, zuora: Sandbox) -> None:
        """Start with nothing asked for."""
        self._zuora = zuora
        self._wishes: dict[tuple[object, ...], Wish] = {}
        self._sender: dict[str, Wish] = {}
        self._key_set_s: dict[str, float] = {}
        self._jobs: dict[str, SandboxJob] = {}
        self._stopped: set[str] = set()
        self._purged: set[str] = set()
        self._had: dict[tuple[int, str], dict[object, str]] = {}
        self._owned: dict[tuple[int, str], set[str]] = {}

    def wish(self, pipeline: int, name: str, intent: tuple[object, ...]) -> Wish:
        """Note that the user asks for a job: another one only where the state has had one for this intent; asking again is the same wish."""
        what = (name, intent, self._had.get((pipeline, name), {}).get(intent))
        return self._wishes.setdefault(what, Wish(what))

    def got(self, pipeline: int, name: str, intent: tuple[object, ...], job_id: str) -> None:
        """Note that a state holds a job for an intent."""
        self._had.setdefault((pipeline, name), {})[intent] = job_id

    def destroyed(self, pipeline: int, name: str) -> None:
        """Note that a resource was removed from a state, which has never had it now."""
        self._had.pop((pipeline, name), None)

    def open_since_s(self, pipeline: int | None = None) -> float | None:
        """
        Return when the oldest chain of keys that still counts was first sent.

        Args:
            pipeline: Only what the next command there may go on with counts. `None`: everything does.
        """
        times = [
            wish.first_s
            for wish in self._wishes.values()
            if wish.first_s is not None
            and (pipeline is None or self._may_come_again(wish, pipeline))
        ]
        return min(times, default=None)

    def _may_come_again(self, wish: Wish, pipeline: int) -> bool:
        name, intent, last = wish.what
        return self._had.get((pipeline, str(name)), {}).get(intent) == last

    def asker(self, job_id: str) -> str | None:
        """Return the name of the resource that asked for a job, now or once; none where nobody did."""
        job = self._jobs.get(job_id)
        sender = self._sender.get(job.idempotency_key or "") if job else None
        return str(sender.what[0]) if sender else None

    def requests(
        self, requests: Sequence[RecordedRequest], wish: Wish | None, may_stop: str | None
    ) -> None:
        """
        Take in what a step has sent.

        Args:
            requests: All of it.
            wish: The job that the user wants from it, or `None`.
            may_stop: The only job that it may stop.
        """
        for request in requests:
            key = request.headers.get("Idempotency-Key")
            if request.operation is Operation.STOP:
                assert key is None
                assert request.path.rsplit("/", 1)[1] == may_stop, (
                    f"I4: stops a job that is not its own: {request}"
                )
            if request.operation is not Operation.CREATE:
                continue
            assert wish is not None, "I1: a job is asked for that the user does not want"
            assert key is not None
            assert re.fullmatch(r"zbf1-[0-9a-f]{64}", key), f"{key} is no valid key"
            if request.at - self._key_set_s.get(key, -DAY_S) >= DAY_S:
                self._key_set_s[key] = request.at
            if wish.first_s is None:
                wish.first_s = self._key_set_s[key]
            wish.first_s = min(wish.first_s, self._key_set_s[key])
            wish.late |= request.at - wish.first_s >= DAY_S
            wish.last_s = request.at
            wish.keys.add(key)
            wish.batch_sizes.add(request.body["batchSize"])
            self._sender[key] = wish

    def held(self, pipeline: int, name: str, job_id: str) -> None:
        """Note that a resource holds a job now."""
        self._owned.setdefault((pipeline, name), set()).add(job_id)

    def owns(self, pipeline: int, name: str, job_id: str) -> bool:
        """Tell whether a resource ever held a job."""
        return job_id in self._owned.get((pipeline, name), ())

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
            if job.id not in self._jobs:
                self._jobs[job.id] = job
                if job.idempotency_key is not None:
                    self._sender[job.idempotency_key].jobs.append(job.id)
            if job.stop_requested or job.status == "STOPPED":
                self._stopped.add(job.id)
        for wish in self._wishes.values():
            # What was started under a one-time key is found in the list only: once it is purged, nothing tells of it.
            gone = self._purged if len(wish.keys) > 1 else set()
            live = [
                job_id for job_id in wish.jobs if job_id not in self._stopped | gone | wish.named
            ]
            assert (wish.late and not wish.obeyed) or len(live) <= 1, (
                f"I1: {len(live)} jobs for one wish {wish.what}: {live}"
            )
            if wish.guards == {"once"} and len(wish.keys) == 1:
                live = [
                    job_id
                    for job_id in live
                    if self._jobs[job_id].status != "FAILED"
                    and job_id not in self._purged | wish.accounted
                ]
                assert len(live) <= 1, (
                    f"I1: {len(live)} jobs for one wish, although guarded: {live}"
                )

    def created(
        self,
        outputs: Mapping[str, Any],
        predecessor: str | None,
        adopted: str | None,
        requests: Sequence[RecordedRequest],
    ) -> None:
        """Judge what a resource got."""
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
        assert self._jobs[job_id].idempotency_key in keys, (
            "I4: gets a job that was not started for it"
        )
        assert outputs["status"] != "STOPPED", "I3: gets a stopped job"
        stops = [request.path for request in requests if request.operation is Operation.STOP]
        assert not any(path.endswith(job_id) for path in stops), "I3: stops its successor"
