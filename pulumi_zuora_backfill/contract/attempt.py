"""
The attempt record: what state keeps of a start whose outcome is not known, or that was refused.

It tells a job of our own, whose answer was lost, from somebody else's; and it knows the refusals
that Zuora has saved, so that the next run goes on under the key after them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pulumi_zuora_backfill.zuora.models import Job

# Zuora keeps a key for 24 hours; an hour before that the guard decides.
LIFETIME: Final = timedelta(hours=23)
# Zuora's gateway gives up after 120 s, so the job of an attempt is there by then at the latest.
LATEST_JOB: Final = timedelta(seconds=120)
_CLOCK_SLACK: Final = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Window:
    """When a job of one attempt can have been created, by Zuora's clock."""

    since: datetime
    until: datetime

    def holds(self, moment: datetime) -> bool:
        """Tell whether a job that was created then may be of this attempt."""
        return self.since - _CLOCK_SLACK <= moment <= self.until


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """
    A start whose outcome is not known.

    Attributes:
        intent_key: The first key of the intent: another intent is not continued.
        after: The job that the key comes after, or ``None``.
        refusals: The saved refusals that the key comes after.
        began: The first POST of all attempts.
        windows: When a job of each attempt can have been created; empty if Zuora told no time, or
            has refused all of them.
    """

    intent_key: str
    after: str | None
    refusals: tuple[str, ...]
    began: datetime
    windows: tuple[Window, ...]

    @property
    def until(self) -> datetime:
        """Until when the next `up` continues this attempt."""
        return self.began + LIFETIME

    @property
    def refused(self) -> bool:
        """Whether Zuora has refused every key so far, and nothing can have been started."""
        return bool(self.refusals) and not self.windows

    def continues(self, intent_key: str, now: datetime) -> bool:
        """Tell whether a start of this intent continues the attempt; else the guard decides."""
        return (
            self.intent_key == intent_key and self.began <= now + _CLOCK_SLACK and now < self.until
        )

    def may_still_start(self, now: datetime) -> bool:
        """Tell whether a request of the attempt can still be on its way to Zuora."""
        return any(now < window.until for window in self.windows)

    @property
    def settled_on(self) -> datetime:
        """When the last job that the attempt can start is there."""
        return max((window.until for window in self.windows), default=self.began)

    def can_be_continued(self, guard: str) -> bool:
        """Tell whether the guard lets `up` continue: without a time no job is its own."""
        return bool(self.windows) or guard == "none"

    def may_have_started(self, job: Job) -> bool:
        """Tell whether a job can be the one that an attempt has started."""
        created_on = job.created_on
        return created_on is not None and any(window.holds(created_on) for window in self.windows)

    def to_state(self) -> dict[str, Any]:
        """Return it as state keeps it."""
        return {
            "intentKey": self.intent_key,
            "after": self.after or "",
            "refusals": list(self.refusals),
            "began": self.began.isoformat(),
            "windows": [[w.since.isoformat(), w.until.isoformat()] for w in self.windows],
        }

    @classmethod
    def from_state(cls, value: object) -> Attempt | None:
        """Read what state holds; ``None`` if there is none, or none that can be read."""
        if not isinstance(value, Mapping):
            return None
        try:
            return cls(
                intent_key=str(value["intentKey"]),
                after=str(value["after"]) or None,
                refusals=tuple(map(str, value["refusals"])),
                began=_moment(value["began"]),
                windows=tuple(
                    Window(since=_moment(since), until=_moment(until))
                    for since, until in value["windows"]
                ),
            )
        except (KeyError, TypeError, ValueError):
            return None


def _moment(text: object) -> datetime:
    """Read a time; one without a zone cannot be compared and is refused."""
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError
    return moment
