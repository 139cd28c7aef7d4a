"""What is to become one job, and the job that it became."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulumi_zuora_backfill.zuora.models import BackfillRequest, Job, Scope

from .attempt import Attempt
from .history import History
from .intent import Intent, key_for, track_id_for


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """
    What is to become one job.

    Attributes:
        intent: What is asked for.
        request: The body.
        scope: The entity and the organisations in force.
        guard: ``once`` or ``none``.
        history: The jobs that the resource has had.
        known_job_ids: Jobs that a person has accepted.
        not_counted: The stack's dry runs, and its jobs in other entities or organisations.
        held_by: URNs of the stack's resources by the job that each holds, for texts.
        attempt: An earlier attempt whose outcome is not known, and that this start continues.
        other_attempt: One that it does not continue: another was asked for, or it is too old.
        predecessor: The job that this one replaces.
        predecessor_status: Its status in state; one that has ended is not asked about again.
        predecessor_scope: The entity and the organisations of the job or attempt before.
        track_id: ``Zuora-Track-Id``; ``None`` derives it from the key.
        timeout_s: How long the start may take in all, or ``None``.
    """

    intent: Intent
    request: BackfillRequest
    scope: Scope
    guard: str
    history: History = field(default_factory=History)
    known_job_ids: frozenset[str] = frozenset()
    not_counted: frozenset[str] = frozenset()
    held_by: Mapping[str, str] = field(default_factory=dict)
    attempt: Attempt | None = None
    other_attempt: Attempt | None = None
    predecessor: str | None = None
    predecessor_status: str | None = None
    predecessor_scope: Scope | None = None
    track_id: str | None = None
    timeout_s: float | None = None

    @property
    def intent_key(self) -> str:
        """The first key of the intent."""
        return key_for(self.intent)

    @property
    def own(self) -> frozenset[str]:
        """The jobs that this resource has had; none of them is handed out again."""
        return self.history.job_ids | ({self.predecessor} if self.predecessor else frozenset())

    def track_id_under(self, key: str) -> str:
        """Return the ``Zuora-Track-Id`` of a request with this key."""
        return self.track_id or track_id_for(key)


@dataclass(frozen=True, kw_only=True)
class StartedJob:
    """
    The job that a request became.

    Attributes:
        job: As Zuora reports it; status ``UNKNOWN`` if it could not be read.
        idempotency_key: The key that brought it.
        track_id: The ``Zuora-Track-Id`` that was sent.
        request_id: ``Zuora-Request-Id`` of the answer that named it.
        recovered: Whether an earlier attempt had started it.
        remark: What the user should be told, or ``None``.
    """

    job: Job
    idempotency_key: str
    track_id: str
    request_id: str | None
    recovered: bool
    remark: str | None = None
