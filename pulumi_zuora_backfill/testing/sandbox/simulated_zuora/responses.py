"""The shapes of Zuora's answers: status, headers and body of a success, a refusal, a failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pulumi_zuora_backfill.testing.sandbox.guesses_about_zuora import Behaviours
from pulumi_zuora_backfill.testing.sandbox.recorded_requests import Operation
from pulumi_zuora_backfill.testing.sandbox.sandbox_clock import SandboxClock

from .call import Call
from .rate_limits import RateLimits

_STATUS_OF_CATEGORY = {
    10: 403,
    11: 401,
    20: 400,
    21: 400,
    22: 400,
    23: 400,
    27: 400,
    30: 400,
    40: 404,
    45: 415,
    50: 409,
    60: 500,
    61: 500,
    70: 429,
    90: 400,
    99: 500,
}
"""The HTTP status of an error category, from `Zuora-Version` 2024-05-20 on."""

_UNKNOWN_OBJECT = "500000"
_REALMS = "Basic realm=Zuora API, ZSession realm=Zuora API, Bearer realm=Zuora API"


class RefusalError(Exception):
    """Zuora says no: one or more pairs of an error category and a message."""

    def __init__(self, *reasons: tuple[int, str]) -> None:
        """Keep the reasons."""
        super().__init__("; ".join(message for _, message in reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; immutable, so that it can be saved and given again."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    cut_off: bool = False
    trickle_s: float | None = None

    @classmethod
    def json(cls, status: int, body: object, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        """Return an answer with a JSON body."""
        return cls(status, json.dumps(body).encode(), headers)

    def with_headers(self, headers: Mapping[str, str]) -> Answer:
        """Return this answer with more headers; those that it has already, it keeps."""
        own = {name.lower() for name, _ in self.headers}
        return replace(
            self,
            headers=self.headers
            + tuple((k, v) for k, v in headers.items() if k.lower() not in own),
        )

    def without(self, *names: str) -> Answer:
        """Return this answer without some headers."""
        return replace(
            self, headers=tuple(header for header in self.headers if header[0] not in names)
        )


def _maps_status(version: str) -> bool:
    """Tell whether a `Zuora-Version` maps failures to HTTP statuses; older ones answer 200."""
    return version[:2] == "20" and version >= "2024-05-20"


def _failure(status: int, reasons: list[dict[str, object]], request_id: str) -> Answer:
    """Return a failure as Zuora writes it."""
    process_id = request_id.replace("-", "")[:16].upper()
    body = {"success": False, "processId": process_id, "requestId": request_id, "reasons": reasons}
    return Answer.json(status, body)


def unauthorized(message: str) -> Answer:
    """Return a 401."""
    return Answer.json(401, {"message": message}, (("WWW-Authenticate", _REALMS),))


def gateway(status: int, body: str | dict[str, str]) -> Answer:
    """Return an answer of the gateway before Zuora: a page, or a bit of JSON."""
    if isinstance(body, str):
        return Answer(status, body.encode(), content_type="text/html")
    return Answer.json(status, body)


def spring(status: int, error: str, message: str, path: str) -> Answer:
    """Return an error of Zuora's web framework, which knows no categories."""
    return Answer.json(status, {"status": status, "error": error, "message": message, "path": path})


class Responses:
    """Answers to the requests of one tenant."""

    def __init__(
        self,
        behaviours: Behaviours,
        clock: SandboxClock,
        limits: RateLimits,
        token_limits: RateLimits,
    ) -> None:
        """Take the guesses, the time, and the limits of the API and of the token endpoint."""
        self._behaviours = behaviours
        self._clock = clock
        self._limits = limits
        self._token_limits = token_limits

    def refused(self, call: Call, *reasons: tuple[int, str]) -> Answer:
        """Return a refusal; its first category and `Zuora-Version` decide on the status."""
        coded = [(self._code(call, category), message) for category, message in reasons]
        return self.failed(call, self.status_of(call, coded[0][0]), *coded)

    def failed(self, call: Call, status: int, *reasons: tuple[str, str]) -> Answer:
        """Return a failure with codes of the caller's choice."""
        numeric = self._behaviours.numeric_codes
        listed: list[dict[str, object]] = [
            {"code": int(code) if numeric and code.isdigit() else code, "message": message}
            for code, message in reasons
        ]
        return self.dressed(call, _failure(status, listed, call.request_id))

    def key_refused(self, call: Call, status: int, message: str) -> Answer:
        """Return the answer to a key that cannot be used; it is never saved."""
        return self.failed(call, status, ("IdempotencyKey", message))

    def status_of(self, call: Call, code: str) -> int:
        """Return the HTTP status that an error code has for this request."""
        behaviours = self._behaviours
        version = call.request.headers.get("Zuora-Version", behaviours.default_version)
        mapped = behaviours.honours_zuora_version and _maps_status(version)
        category = int(code[-2:]) if code[-2:].isdigit() else 60
        return _STATUS_OF_CATEGORY.get(category, 500) if mapped else 200

    def date(self) -> dict[str, str]:
        """Return the header that tells the time."""
        if not self._behaviours.sends_date:
            return {}
        return {"Date": self._clock.http_date()}

    def dressed(self, call: Call, answer: Answer) -> Answer:
        """Return an answer with the headers that each of Zuora's answers has."""
        headers = {**self.date(), "Zuora-Request-Id": call.request_id}
        track_id = call.request.headers.get("Zuora-Track-Id")
        if track_id is not None and track_id.isascii():
            headers["Zuora-Track-Id"] = track_id
        return answer.with_headers({**headers, **self.limits_of(call).headers()})

    def limits_of(self, call: Call) -> RateLimits:
        """Return the limits that a request counts for: those of the API, or of its tokens."""
        return self._token_limits if call.operation is Operation.TOKEN else self._limits

    def _code(self, call: Call, category: int) -> str:
        unknown = category == 40 or call.operation in (Operation.GET, Operation.LIST)
        return f"{_UNKNOWN_OBJECT if unknown else self._behaviours.resource_code}{category:02d}"
