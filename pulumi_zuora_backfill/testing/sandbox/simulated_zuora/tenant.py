"""A Zuora tenant without HTTP: credentials, tokens, jobs, and what may be done with them."""

from __future__ import annotations

import hmac
import random
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pulumi_zuora_backfill.testing.sandbox.guesses_about_zuora import Behaviours
from pulumi_zuora_backfill.testing.sandbox.sandbox_clock import SandboxClock

from .responses import RefusalError
from .sandbox_job import ENDED, RUNNING, SandboxJob

_TOKEN_LIFE_S = 3599


@dataclass(frozen=True, slots=True)
class Scope:
    """For which entity and organisations a request speaks."""

    entity_id: str | None = None
    org_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a valid request for a job asks for."""

    type: str
    batch_size: int = 1000
    dry_run: bool = False


def _hexadecimal(chance: random.Random) -> str:
    return f"{chance.getrandbits(128):032x}"


class Tenant:
    """One tenant, safe to use from many threads."""

    def __init__(
        self,
        *,
        clock: SandboxClock,
        behaviours: Behaviours,
        seed: int | None,
        tenant_id: str,
        client_id: str | None = None,
        client_secret: str | None = None,
        entity_ids: Iterable[str] = (),
        org_ids: Iterable[str] = (),
        job_duration_s: float | None = None,
        batches: int = 10,
    ) -> None:
        """Start without jobs; credentials that are not given are made up."""
        self.clock = clock
        self.behaviours = behaviours
        # Jobs have ids of their own stream: with a seed, they do not depend on the requests.
        self._ids = random.Random(seed)
        self._job_ids = random.Random(seed if seed is None else f"jobs {seed}")
        self.tenant_id = tenant_id
        self.client_id = client_id or self.new_uuid()
        self.client_secret = client_secret or f"{self.new_id()}+/a="
        self.entity_ids = tuple(entity_ids)
        self.org_ids = tuple(org_ids)
        self.job_duration_s = job_duration_s
        self.batches = batches
        self.permitted = True
        self._default_entity_id = self.new_uuid()
        self._user_id = self.new_id()
        self._lock = threading.RLock()
        self._tokens: dict[str, float] = {}
        self._jobs: dict[str, SandboxJob] = {}
        self._deferred: list[tuple[float, Callable[[float], None]]] = []

    def new_id(self) -> str:
        """Return a new id of 32 lower-case hexadecimal digits."""
        return _hexadecimal(self._ids)

    def new_uuid(self) -> str:
        """Return a new id of 36 characters, with hyphens."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def knows(self, client_id: str, client_secret: str) -> bool:
        """Tell whether these are the tenant's credentials."""
        right_id = hmac.compare_digest(client_id.encode(), self.client_id.encode())
        return hmac.compare_digest(client_secret.encode(), self.client_secret.encode()) and right_id

    def issue_token(self) -> dict[str, object]:
        """Return a new token as the token endpoint describes it."""
        token = self.new_id()
        with self._lock:
            self._tokens[token] = self.clock.now() + _TOKEN_LIFE_S
        entities = [f"entity.{entity}" for entity in self.entity_ids or (self._default_entity_id,)]
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": _TOKEN_LIFE_S,
            "scope": " ".join([*entities, f"tenant.{self.tenant_id}", f"user.{self._user_id}"]),
            "jti": token,
        }

    def accepts(self, token: str) -> bool:
        """Tell whether a token was issued here and is still good."""
        with self._lock:
            return self._tokens.get(token, 0.0) > self.clock.now()

    def revoke_tokens(self) -> None:
        """Refuse every token issued so far."""
        with self._lock:
            self._tokens.clear()

    def jobs(self) -> list[SandboxJob]:
        """Return all jobs, in the order in which they were made."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: job.created_s)

    def job(self, job_id: str) -> SandboxJob:
        """
        Return a job.

        Raises:
            KeyError: There is none with this id.
        """
        with self._lock:
            return self._jobs[job_id]

    def add(
        self, job: NewJob, scope: Scope, *, created_s: float, key: str | None = None
    ) -> SandboxJob:
        """Make a job, whatever the rules say."""
        with self._lock:
            added = SandboxJob(
                id=_hexadecimal(self._job_ids),
                type=job.type,
                batch_size=job.batch_size,
                dry_run=job.dry_run,
                created_s=created_s,
                entity_id=scope.entity_id,
                org_ids=scope.org_ids,
                idempotency_key=key,
                duration_s=self.job_duration_s,
                batches=self.batches,
                clock=self.clock,
                behaviours=self.behaviours,
            )
            self._jobs[added.id] = added
            return added

    def forget(self, job_id: str) -> None:
        """Know nothing of a job any more."""
        with self._lock:
            del self._jobs[job_id]

    def create(self, job: NewJob, scope: Scope, *, created_s: float, key: str | None) -> SandboxJob:
        """
        Make a job as a request asks.

        Raises:
            RefusalError: The user may not, or another job is in the way.
        """
        with self._lock:
            if not self.permitted:
                message = "You do not have the permission Manage OTR Settings."
                raise RefusalError((self.behaviours.missing_permission_category, message))
            category = self.behaviours.second_job_category
            if category and any(
                other.type == job.type and other.status in RUNNING for other in self._visible(scope)
            ):
                raise RefusalError((category, f"A {job.type} backfill job is already running."))
            return self.add(job, scope, created_s=created_s, key=key)

    def get(self, job_id: str, scope: Scope) -> SandboxJob:
        """
        Return a job as a request sees it.

        Raises:
            RefusalError: There is no such job in the request's scope.
        """
        for job in self._visible(scope):
            if job.id == job_id:
                return job
        raise RefusalError((40, f"Cannot find the job with id {job_id}."))

    def listing(self, scope: Scope) -> list[SandboxJob]:
        """Return the jobs as a request sees them listed."""
        keeps_s = self.behaviours.list_keeps_s
        oldest_s = 0.0 if keeps_s is None else self.clock.now() - keeps_s
        jobs = [job for job in self._visible(scope) if job.created_s > oldest_s]
        return jobs[::-1] if self.behaviours.newest_first else jobs

    def stop(self, job_id: str, scope: Scope) -> None:
        """
        Ask a job to stop.

        Raises:
            RefusalError: There is no such job, or it has ended.
        """
        with self._lock:
            try:
                job = self.get(job_id, scope)
            except RefusalError as refusal:
                if category := self.behaviours.stop_of_unknown_job_category:
                    raise RefusalError((category, str(refusal))) from None
                return
            if job.status not in ENDED:
                job.ask_to_stop()
            elif category := self.behaviours.stop_of_ended_job_category:
                raise RefusalError((category, f"The job is {job.status} and cannot be stopped."))

    def defer(self, due_s: float, work: Callable[[float], None]) -> None:
        """Do some work once the clock has come to a time; it is told that time."""
        with self._lock:
            self._deferred.append((due_s, work))

    def settle(self) -> None:
        """Do the deferred work that has become due."""
        with self._lock:
            now = self.clock.now()
            due = sorted(
                (item for item in self._deferred if item[0] <= now), key=lambda item: item[0]
            )
            self._deferred = [item for item in self._deferred if item[0] > now]
            for due_s, work in due:
                work(due_s)

    def _visible(self, scope: Scope) -> list[SandboxJob]:
        return [
            job
            for job in self.jobs()
            if self._sees_entity(scope, job) and self._sees_orgs(scope, job)
        ]

    def _sees_entity(self, scope: Scope, job: SandboxJob) -> bool:
        only = self.entity_ids[0] if len(self.entity_ids) == 1 else None
        return self.behaviours.entities_share_jobs or (scope.entity_id or only) == (
            job.entity_id or only
        )

    def _sees_orgs(self, scope: Scope, job: SandboxJob) -> bool:
        shared = self.behaviours.orgs_share_jobs or not scope.org_ids or not job.org_ids
        return shared or not set(scope.org_ids).isdisjoint(job.org_ids)
