"""A backfill job in the sandbox: what it is to do, and by the clock how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pulumi_zuora_backfill.testing.sandbox.guesses_about_zuora import Behaviours
from pulumi_zuora_backfill.testing.sandbox.sandbox_clock import SandboxClock

RUNNING = ("ACCEPTED", "PROCESSING")
ENDED = ("COMPLETED", "FAILED", "STOPPED")


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class SandboxJob:
    """
    A job. Its status is alive: it follows the sandbox's clock and what a test decides.

    Attributes:
        id: 32 characters.
        type: `RatePlanCharge` or `OrderLineItem`; `BookingDate` for a job of another kind.
        batch_size: Never reported by Zuora.
        dry_run: Never reported by Zuora.
        created_s: When it was made, in seconds since 1970 by the sandbox's clock.
        clock: The sandbox's clock.
        behaviours: The sandbox's guesses.
        entity_id: The `Zuora-Entity-Ids` of the request that made it.
        org_ids: Its `Zuora-Org-Ids`.
        idempotency_key: Its `Idempotency-Key`.
        duration_s: How long it runs; `None`: until somebody ends it.
        batches: How many batches it has in all.
        error_count: How many records have failed.
    """

    id: str
    type: str
    created_s: float
    clock: SandboxClock
    behaviours: Behaviours
    batch_size: int = 1000
    dry_run: bool = False
    entity_id: str | None = None
    org_ids: tuple[str, ...] = ()
    idempotency_key: str | None = None
    duration_s: float | None = None
    batches: int = 10
    error_count: int = 0
    _stop_asked_s: float | None = None
    _decided: tuple[str, float] | None = None
    _batches_finished: int | None = None

    def __repr__(self) -> str:
        """Show what it is and where it stands."""
        return f"<{'dry run' if self.dry_run else 'job'} {self.id} {self.type} {self.status}>"

    @property
    def created_on(self) -> datetime:
        """When it was made, in UTC."""
        return datetime.fromtimestamp(self.created_s, timezone.utc)

    @property
    def status(self) -> str:
        """Where it stands now."""
        return self._state()[0]

    @property
    def stop_requested(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop_asked_s is not None

    @property
    def batches_finished(self) -> int:
        """How many batches are done."""
        status, since = self._state()
        if self._batches_finished is not None:
            return self._batches_finished
        if status == "COMPLETED":
            return self.batches
        if not self.duration_s:
            return 0
        until = since if status in ENDED else self.clock.now()
        return int(self.batches * min(1.0, (until - self.created_s) / self.duration_s))

    def ask_to_stop(self) -> None:
        """Stop as soon as the behaviours allow."""
        if self._stop_asked_s is None:
            self._stop_asked_s = self.clock.now()

    def decide(self, status: str, batches_finished: int | None = None) -> None:
        """Fix the status from now on; a job that still runs can be stopped nevertheless."""
        self._decided = (status, self.clock.now())
        self._batches_finished = batches_finished

    def as_json(self) -> dict[str, object]:
        """Return the 12 fields that Zuora reports."""
        status, since = self._state()
        finished = self.batches_finished
        sent = min(self.batches, finished + 1) if status == "PROCESSING" else finished
        counted = self.behaviours.dry_run_counts or not self.dry_run
        return {
            "id": self.id,
            "createdOn": int(self.created_s * 1000),
            "createdOnReadable": self._readable(self.created_s),
            "updatedOn": int(since * 1000),
            "updatedOnReadable": self._readable(since),
            "updatedByUsername": self.behaviours.username,
            "status": status,
            "type": self.type,
            "batchSentCount": sent if counted else 0,
            "batchFinishedCount": finished if counted else 0,
            "errorCount": self.error_count
            if self.behaviours.dry_run_error_count or not self.dry_run
            else None,
            "progress": f"{100 * finished / self.batches:.2f}%",
        }

    def _state(self) -> tuple[str, float]:
        """Return the status and since when it holds."""
        now = self.clock.now()
        if self._decided and self._decided[0] in ENDED:
            return self._decided
        ends = []
        if self._stop_asked_s is not None:
            ends.append((self._stop_asked_s + self.behaviours.stop_takes_s, "STOPPED"))
        if self.duration_s is not None and not self._decided:
            ends.append((self.created_s + self.duration_s, "COMPLETED"))
        if ends and min(ends)[0] <= now:
            return min(ends)[1], min(ends)[0]
        if self._decided:
            return self._decided
        started_s = self.created_s + self.behaviours.accepted_for_s
        return ("PROCESSING", started_s) if now >= started_s else ("ACCEPTED", self.created_s)

    def _readable(self, seconds: float) -> str:
        zone = timezone(timedelta(hours=self.behaviours.utc_offset_hours))
        return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%dT%H:%M:%S%z")
