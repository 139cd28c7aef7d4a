"""An order, what is to become one job, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi_zuora_backfill.zuora.models import BackfillRequest, Job, Scope

from .intent import Intent, track_id_for


@dataclass(frozen=True, kw_only=True)
class Order:
    """
    What is to become one job.

    Attributes:
        intent: What is asked for.
        request: The body.
        scope: The entity and the organisations in force.
        guard: ``once``, ``strict`` or ``none``.
        explained: Jobs that are explained: the stack's own and those a reviewer accepted.
        spent: Jobs that the resource has had, the predecessor among them; none of them is handed out again.
        after: The last of them that was for this very intent; the new job's key follows it.
        predecessor: The job that this one replaces.
        predecessor_status: Its status in state; one that has ended is not asked about again.
        predecessor_scope: The entity and the organisations it runs in; ``None`` for those in force.
        track_id: ``Zuora-Track-Id``; ``None`` derives it from the key.
    """

    intent: Intent
    request: BackfillRequest
    scope: Scope
    guard: str
    explained: frozenset[str] = frozenset()
    spent: frozenset[str] = frozenset()
    after: str | None = None
    predecessor: str | None = None
    predecessor_status: str | None = None
    predecessor_scope: Scope | None = None
    track_id: str | None = None

    @property
    def accounted(self) -> frozenset[str]:
        """The jobs that are no surprise: those that are explained, and those that the resource has had."""
        return self.explained | self.spent

    def track_id_under(self, key: str) -> str:
        """Return the ``Zuora-Track-Id`` of a request with this key."""
        return self.track_id or track_id_for(key)


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """
    What became of an order.

    Attributes:
        job: As Zuora reports it; status ``UNKNOWN`` where it could not be read.
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
