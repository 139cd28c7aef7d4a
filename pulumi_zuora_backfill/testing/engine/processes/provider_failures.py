"""How a provider's call fails, and how it says so in the trailer of the call."""

from __future__ import annotations

from typing import Any

from pulumi.runtime.proto import provider_pb2, status_pb2

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.property_values import Properties


class ProviderError(Exception):
    """A provider said no; the message is what a user should read."""


class PartialFailureError(ProviderError):
    """A provider made or changed a resource, but it is not in order."""

    def __init__(self, id_: str, outputs: Properties, reasons: list[str]) -> None:
        """Keep what is known of the resource; the message lists the reasons."""
        count = "1 error" if len(reasons) == 1 else f"{len(reasons)} errors"
        super().__init__(f"{count} occurred:\n" + "".join(f"\t* {reason}\n" for reason in reasons))
        self.id = id_
        self.outputs = outputs
        self.reasons = reasons


def failure_in_trailer(error: Any) -> ProviderError | None:
    """Read the status in the trailer of a failed call; none: it is absent, or of another error."""
    for key, content in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        status = status_pb2.Status.FromString(content)
        if status.code != error.code().value[0]:
            continue
        for detail in status.details:
            failure = provider_pb2.ErrorResourceInitFailed()
            if detail.Unpack(failure):
                outputs = values.from_struct(failure.properties)
                return PartialFailureError(failure.id, outputs, list(failure.reasons))
        return ProviderError(status.message)
    return None
