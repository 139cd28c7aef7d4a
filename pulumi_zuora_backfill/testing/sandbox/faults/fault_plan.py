"""What can go wrong, as data: the faults, their parameters, and the plan that hands them out."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pulumi_zuora_backfill.testing.sandbox.recorded_requests import Operation


class Fault(str, Enum):
    """
    A way in which one request goes wrong. `PARAMETERS` lists what `plan()` takes for each.

    *The work is done* means: the job is made, listed or stopped, and the true answer is saved under
    the request's key.
    """

    CONNECTION_DROPPED_BEFORE = "connection dropped before"
    """The request is read, nothing is done, the connection is closed."""
    CONNECTION_DROPPED_AFTER = "connection dropped after"
    """The work is done (`then_done_after_s` later, by its clock), the connection is closed."""
    IN_FLIGHT_409 = "in flight"
    """The key is in progress; with `then_done_after_s` until then, and then the work is done."""
    RATE_LIMITED_429 = "rate limited"
    """Nothing is done; `Retry-After` and `RateLimit-Reset` are sent where given."""
    SAVED_FAILURE = "saved failure"
    """A failure that is saved under the key; by default, code and `Zuora-Version` decide on the
    status."""
    UNSAVED_FAILURE = "unsaved failure"
    """The same failure, not saved: the next request with the key is a first one."""
    HTML_502 = "html 502"
    """A gateway's error page; nothing is done."""
    GATEWAY_504 = "gateway timeout"
    """A gateway gives up, by default with 504; the work is done nevertheless (`then_done_after_s`
    later), unless `job_is_made` is false."""
    MAINTENANCE_PAGE = "maintenance page"
    """A gateway's own JSON, which looks like a refusal of Zuora's and gives everybody the same
    `processId`; nothing is done. With `request_id` it has that `Zuora-Request-Id`, too."""
    TRICKLE = "trickle"
    """The work is done; the answer comes byte by byte, one each `seconds` of real time."""
    SUCCESS_FALSE = "success false"
    """HTTP 200 with `success: false`, saved unless `saved` is false."""
    TRUNCATED_JSON = "truncated json"
    """The work is done; the answer's body ends half-way, in well-formed HTTP."""
    BODY_CUT_OFF = "body cut off"
    """The work is done; the connection is closed half-way through the answer's body."""
    WRONG_ID = "wrong id"
    """The work is done; the answer names `job_id`, by default an id that no job has. The true
    answer is saved."""
    TOKEN_REVOKED = "token revoked"
    """401, `Authentication error`; nothing is done."""
    USER_INFO_401 = "user info"
    """401, `Failed to get user info`; nothing is done."""
    REDIRECT = "redirect"
    """302 to `location`, on another host; nothing is done."""
    SLOW = "slow"
    """The work takes `seconds` of real time; its key is in progress meanwhile."""
    GATEWAY_404 = "gateway 404"
    """404, `no Route matched with those values`; nothing is done."""
    HANG = "hang"
    """No answer until `release()`. The work is done first, or with `job_is_made=False` after the
    release, its key in progress meanwhile; when the server stops before, it is never done."""


_FAILURE = {"status": None, "code": None, "message": "Something went wrong."}
_LATER = {"then_done_after_s": None}
PARAMETERS: Mapping[Fault, Mapping[str, Any]] = {
    Fault.CONNECTION_DROPPED_AFTER: _LATER,
    Fault.IN_FLIGHT_409: _LATER,
    Fault.RATE_LIMITED_429: {"retry_after_s": None, "ratelimit_reset_s": None},
    Fault.SAVED_FAILURE: _FAILURE,
    Fault.UNSAVED_FAILURE: _FAILURE,
    Fault.GATEWAY_504: {"status": 504, "job_is_made": True, **_LATER},
    Fault.MAINTENANCE_PAGE: {"status": 503, "request_id": None},
    Fault.TRICKLE: {"seconds": 0.05},
    Fault.SUCCESS_FALSE: {"code": None, "message": "Something went wrong.", "saved": True},
    Fault.WRONG_ID: {"job_id": None},
    Fault.REDIRECT: {"location": "http://elsewhere.invalid/"},
    Fault.SLOW: {"seconds": 1.0},
    Fault.HANG: {"job_is_made": True},
}


@dataclass(slots=True)
class PlannedFault:
    """A fault that waits for its requests."""

    fault: Fault
    on: Operation | None
    times: int
    after: int
    parameters: Mapping[str, Any]

    def __getitem__(self, parameter: str) -> Any:
        """Return a parameter."""
        return self.parameters[parameter]


class FaultPlan:
    """The planned faults, handed out in the order in which they were planned."""

    def __init__(self) -> None:
        """Plan nothing."""
        self._lock = threading.Lock()
        self._planned: list[PlannedFault] = []

    def add(
        self,
        fault: Fault,
        on: Operation | None,
        times: int,
        after: int,
        parameters: Mapping[str, Any],
    ) -> None:
        """
        Plan a fault.

        Raises:
            TypeError: The fault does not take one of the parameters.
        """
        known = PARAMETERS.get(fault, {})
        if unknown := sorted(set(parameters) - set(known)):
            takes = ", ".join(known) or "no parameters"
            raise TypeError(f"{fault.name} takes {takes}, not {', '.join(unknown)}.")
        with self._lock:
            self._planned.append(PlannedFault(fault, on, times, after, {**known, **parameters}))

    def take(self, operation: Operation | None) -> PlannedFault | None:
        """Return the fault of the next request, if it is to have one; it uses up one at most."""
        with self._lock:
            for planned in self._planned:
                if planned.on not in (None, operation):
                    continue
                if planned.after:
                    planned.after -= 1
                    continue
                planned.times -= 1
                if not planned.times:
                    self._planned.remove(planned)
                return planned
        return None

    def clear(self) -> None:
        """Drop what was planned and has not happened."""
        with self._lock:
            self._planned.clear()
