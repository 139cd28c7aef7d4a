"""One request on its way through Zuora."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug import Request

from pulumi_zuora_backfill.testing.sandbox.recorded_requests import Operation, RecordedRequest


@dataclass(slots=True)
class Call:
    """One request on its way through Zuora."""

    request: Request
    record: RecordedRequest
    data: bytes
    job_id: str
    request_id: str

    @property
    def operation(self) -> Operation | None:
        """Which operation it asks for."""
        return self.record.operation

    @property
    def key(self) -> str | None:
        """Its idempotency key."""
        return self.request.headers.get("Idempotency-Key")
