"""What the sandbox has seen: the five operations, and a record of every request."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers


class Operation(str, Enum):
    """The operations of the API."""

    TOKEN = "token"
    CREATE = "create"
    GET = "get"
    LIST = "list"
    STOP = "stop"


@dataclass(slots=True)
class RecordedRequest:
    """
    One request as it reached the sandbox, and what became of it.

    Attributes:
        operation: Which operation it asked for; `None` for a route or method that does not exist.
        method: The HTTP method.
        path: The path, without the query.
        headers: The headers; names in any case.
        body: The parsed JSON or form; the raw bytes where they are neither; `None` without a body.
        connection: Number of the TCP connection it came over, counted from 1.
        at: When it was read, by the sandbox's clock, in seconds since 1970.
        status: The HTTP status of its answer; `None` until there is one, and for good when the
            connection was dropped.
        job_id: The job that it made; `None` when it made none, as with a replayed answer.
    """

    operation: Operation | None
    method: str
    path: str
    headers: Headers
    body: Any
    connection: int
    at: float
    status: int | None = field(default=None)
    job_id: str | None = field(default=None)

    def __repr__(self) -> str:
        """Show the request without its headers and without a token request's form: secrets."""
        body = (
            ""
            if self.body is None
            else " (secret body)"
            if self.operation is Operation.TOKEN
            else f" {self.body}"
        )
        return f"<{self.method} {self.path}{body} -> {self.status or 'no answer'}>"


class RequestLog:
    """All requests since the last `forget()`, in the order in which they were read."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._requests: list[RecordedRequest] = []

    def add(self, request: RecordedRequest) -> None:
        """Keep one more request."""
        with self._lock:
            self._requests.append(request)

    def seen(self) -> list[RecordedRequest]:
        """Return all requests, as a list of the caller's own."""
        with self._lock:
            return list(self._requests)

    def count(self, operation: Operation) -> int:
        """Return how many requests asked for an operation."""
        return sum(request.operation is operation for request in self.seen())

    def forget(self) -> None:
        """Start anew."""
        with self._lock:
            self._requests.clear()
