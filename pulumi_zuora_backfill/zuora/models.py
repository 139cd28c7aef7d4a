"""
What Zuora's auto backfill API speaks of, as plain data.

Zuora's JSON names live here and nowhere above.
Source: https://developer.zuora.com/v1-api-reference/api/data-backfill/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any, Final

JOB_ID_LENGTH: Final = 32
_LONGEST_TEXT = 255
_LONGEST_VALUE = 40
_LARGEST_COUNT = 2**53


class BackfillType(str, Enum):
    """What a job updates from the product rate plan charges."""

    RATE_PLAN_CHARGE = "RatePlanCharge"
    ORDER_LINE_ITEM = "OrderLineItem"


class JobStatus(str, Enum):
    """
    The statuses that Zuora documents, and two of ours.

    ``UNKNOWN``: Zuora did not tell. ``REFUSED``: Zuora refused to start the job.
    """

    ACCEPTED = "ACCEPTED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"


RUNNING: Final = frozenset({JobStatus.ACCEPTED.value, JobStatus.PROCESSING.value})
# What such a job has not changed by then, it never will.
DID_NOTHING_MORE: Final = frozenset({JobStatus.FAILED.value, JobStatus.STOPPED.value})
ENDED: Final = DID_NOTHING_MORE | {JobStatus.COMPLETED.value}


@dataclass(frozen=True, kw_only=True)
class BackfillRequest:
    """
    The body of *create an auto backfill job*.

    Attributes:
        type: ``RatePlanCharge`` or ``OrderLineItem``.
        batch_size: Records a batch, 1 to 1000.
        dry_run: Whether Zuora leaves the data as it is.
    """

    type: str
    batch_size: int
    dry_run: bool

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON body."""
        return {"type": self.type, "batchSize": self.batch_size, "dryRun": self.dry_run}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """
    The entity and the organisations that a request speaks of.

    Attributes:
        entity_id: ``Zuora-Entity-Ids``: one id, for tenants with Multi-entity.
        org_ids: ``Zuora-Org-Ids``: for tenants with Multi-Org.
    """

    entity_id: str | None = None
    org_ids: tuple[str, ...] = ()

    def headers(self) -> dict[str, str]:
        """Return the headers; none where nothing is set, as Zuora asks."""
        headers = {"Zuora-Entity-Ids": self.entity_id} if self.entity_id else {}
        return headers | ({"Zuora-Org-Ids": ",".join(self.org_ids)} if self.org_ids else {})

    def listed(self) -> str:
        """Name both, for texts that compare."""
        organisations = ", ".join(self.org_ids) or "(none)"
        return f"entity {self.entity_id or '(none)'} and organisations {organisations}"

    def apart_from(self, other: Scope) -> bool:
        """
        Tell whether no job can be in both: both name an entity, or organisations, and share none.

        An entity that nobody names may be the one that the other names: the tenant's default. A
        request without organisations speaks of all that its user may see.
        """
        if self.entity_id and other.entity_id and self.entity_id != other.entity_id:
            return True
        return bool(self.org_ids and other.org_ids and set(self.org_ids).isdisjoint(other.org_ids))

    def described(self) -> str:
        """Say in which entity was asked."""
        return (
            f"entity {self.entity_id}" if self.entity_id else "this tenant, asked without an entity"
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """
    An auto backfill job, as Zuora reports it.

    Attributes:
        id: 32 characters.
        status: One of `JobStatus`, or a text that Zuora did not document.
        type: One of `BackfillType`, ``BookingDate``, or ``None``.
        created_on: When Zuora accepted it, in UTC.
        updated_on: When it last changed, in UTC.
        user: The user name behind the credentials that touched it last.
        progress: Such as ``45.00%``.
        batch_sent_count: Batches sent for execution.
        batch_finished_count: Batches that are done.
        error_count: Records that failed; ``None`` where Zuora did not tell.
        unreadable_error_count: What Zuora said instead of a number of failed records.
        seen_at: Zuora's own clock when it said all this, or ``None``.
    """

    id: str
    status: str
    type: str | None = None
    created_on: datetime | None = None
    updated_on: datetime | None = None
    user: str | None = None
    progress: str | None = None
    batch_sent_count: int | None = None
    batch_finished_count: int | None = None
    error_count: int | None = None
    unreadable_error_count: str | None = None
    seen_at: datetime | None = None

    @property
    def running(self) -> bool:
        """Whether the job is on its way."""
        return self.status in RUNNING

    @property
    def ended(self) -> bool:
        """Whether the job has come to its end, good or bad."""
        return self.status in ENDED

    @property
    def age_s(self) -> float | None:
        """Seconds between its creation and `seen_at`, both by Zuora's clock."""
        return (
            None
            if self.seen_at is None or self.created_on is None
            else (self.seen_at - self.created_on).total_seconds()
        )

    def described(self) -> str:
        """Say id, status, user and date in one line."""
        parts = [f"{self.id} ({self.status}"]
        if self.created_on:
            parts.append(f", created {iso(self.created_on)}")
        if self.user:
            parts.append(f" by {self.user}")
        return "".join(parts) + ")"

    @classmethod
    def from_wire(cls, wire: object, seen_at: datetime | None = None) -> Job:
        """
        Read a job; no field but ``id`` and ``status`` is relied upon.

        Raises:
            ValueError: It has no id of 32 characters, or no status.
        """
        status = _text(wire.get("status")) if isinstance(wire, Mapping) else None
        if not isinstance(wire, Mapping) or status is None:
            raise ValueError("a job without a status")
        error_count = _count(wire.get("errorCount"))
        return cls(
            id=job_id_of(wire.get("id")),
            status=status,
            type=_text(wire.get("type")),
            created_on=_time(wire.get("createdOn"), wire.get("createdOnReadable")),
            updated_on=_time(wire.get("updatedOn"), wire.get("updatedOnReadable")),
            user=_text(wire.get("updatedByUsername")),
            progress=_text(wire.get("progress")),
            batch_sent_count=_count(wire.get("batchSentCount")),
            batch_finished_count=_count(wire.get("batchFinishedCount")),
            error_count=error_count,
            unreadable_error_count=_shown(wire.get("errorCount")) if error_count is None else None,
            seen_at=seen_at,
        )


def job_id_of(value: object) -> str:
    """
    Return a job id.

    Raises:
        ValueError: It is not a text of 32 letters and digits.
    """
    if not isinstance(value, str) or not re.fullmatch(rf"[0-9A-Za-z_-]{{{JOB_ID_LENGTH}}}", value):
        raise ValueError(f"a job id that is not {JOB_ID_LENGTH} characters long")
    return value


def iso(moment: datetime | None) -> str | None:
    """Write a time as ISO 8601 in UTC, to the second."""
    return (
        None if moment is None else moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def duration(seconds: float) -> str:
    """Say a duration as a person would: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _time(epoch_ms: object, readable: object) -> datetime | None:
    if isinstance(epoch_ms, int | float) and not isinstance(epoch_ms, bool):
        try:
            return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=epoch_ms)
        except (OverflowError, ValueError):  # out of range, or not a number
            return None
    try:
        # Before Python 3.11, datetime.fromisoformat refuses an offset without a colon.
        return datetime.strptime(str(readable), "%Y-%m-%dT%H:%M:%S%z").astimezone(timezone.utc)
    except (OverflowError, ValueError):
        return None


def _count(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value):
        value = int(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= _LARGEST_COUNT
    ):
        return None
    return int(value) if value == int(value) else None


def _shown(value: object) -> str | None:
    """Show what was said, short and printable; ``None`` where nothing was."""
    return None if value is None else json.dumps(value)[:_LONGEST_VALUE]


def _text(value: object) -> str | None:
    """Take a text without what cannot be printed, and not more of it than a person reads."""
    printable = (
        "".join(char for char in value if char.isprintable()) if isinstance(value, str) else ""
    )
    return printable[:_LONGEST_TEXT] or None
