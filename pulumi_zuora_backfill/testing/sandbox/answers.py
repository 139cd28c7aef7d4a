"""Answers as values: a status, headers and a body, and the few shapes that Zuora and its gateway give them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

__all__ = [
    "STATUS_OF_CATEGORY",
    "Answer",
    "RefusalError",
    "failure",
    "gateway",
    "maps_status",
    "spring",
    "unauthorized",
]

STATUS_OF_CATEGORY = {
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
"""The HTTP status of an error category, from `Zuora-Version` 2024-05-20 on. (45 is also 405 and 406.)"""

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


def maps_status(version: str) -> bool:
    """Tell whether a `Zuora-Version` has failures as HTTP statuses; older ones, and unknown ones, have them as 200."""
    return version[:2] == "20" and version >= "2024-05-20"


def failure(status: int, reasons: list[dict[str, object]], request_id: str) -> Answer:
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
    """Return an error of Zuora's web framework, which knows neither categories nor `Zuora-Version`."""
    return Answer.json(status, {"status": status, "error": error, "message": message, "path": path})
