"""What the engine asks of a dynamic provider: check, diff, create, update, delete, read.

The plugin host gets no secrets in their wrapping, so they are taken out of every request and put
back on every answer.
"""

from __future__ import annotations

from typing import Any

from pulumi.runtime.proto import provider_pb2

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.property_values import Properties

from .plugin_host import PluginHost
from .provider_failures import PartialFailureError


class ProviderCalls:
    """The calls of one provider, by Pulumi's names."""

    def __init__(self, host: PluginHost) -> None:
        """Take the process that serves the provider."""
        self._host = host

    @property
    def is_known(self) -> bool:
        """Whether it can be asked: a preview may not know the whole configuration."""
        return self._host.is_known

    def check(
        self, urn: str, olds: Properties, news: Properties, *, unknowns: bool
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """Ask for checked inputs, and for what is wrong with them as (property, reason)."""
        answer = self._host.call(
            "Check", provider_pb2.CheckRequest, urn, olds=_bare(olds), news=_bare(news, unknowns)
        )
        inputs = values.with_secrets_of(values.from_struct(answer.inputs), news)
        return inputs, [(failure.property, failure.reason) for failure in answer.failures]

    def diff(
        self,
        urn: str,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        news: Properties,
        *,
        ignore_changes: list[str],
        unknowns: bool,
    ) -> Any:
        """Ask what would change; the answer is the message as it came."""
        return self._host.call(
            "Diff",
            provider_pb2.DiffRequest,
            urn,
            id=id_,
            old_inputs=_bare(old_inputs),
            olds=_bare(old_outputs),
            news=_bare(news, unknowns),
            ignoreChanges=ignore_changes,
        )

    def _call_or_keep(
        self, method: str, request: type[Any], urn: str, secrets_of: Properties, **fields: Any
    ) -> Any:
        """Ask the provider; what it keeps of a failure is as secret as these properties are."""
        try:
            return self._host.call(method, request, urn, **fields)
        except PartialFailureError as failure:
            raise _with_secrets(failure, secrets_of) from None

    def create(self, urn: str, inputs: Properties, timeout: float) -> tuple[str, Properties]:
        """Create a resource and return its id and outputs."""
        answer = self._call_or_keep(
            "Create",
            provider_pb2.CreateRequest,
            urn,
            inputs,
            properties=_bare(inputs),
            timeout=timeout,
            preview=False,
        )
        return answer.id, values.with_secrets_of(values.from_struct(answer.properties), inputs)

    def update(
        self,
        urn: str,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        news: Properties,
        timeout: float,
    ) -> Properties:
        """Update a resource and return its outputs."""
        answer = self._call_or_keep(
            "Update",
            provider_pb2.UpdateRequest,
            urn,
            news,
            id=id_,
            old_inputs=_bare(old_inputs),
            olds=_bare(old_outputs),
            news=_bare(news),
            timeout=timeout,
            preview=False,
        )
        return values.with_secrets_of(values.from_struct(answer.properties), news)

    def delete(
        self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout: float
    ) -> None:
        """Delete a resource."""
        self._host.call(
            "Delete",
            provider_pb2.DeleteRequest,
            urn,
            id=id_,
            old_inputs=_bare(inputs),
            properties=_bare(outputs),
            timeout=timeout,
        )

    def read(
        self, urn: str, id_: str, inputs: Properties, outputs: Properties
    ) -> tuple[str, Properties | None, Properties]:
        """Read a resource: id (blank: it is gone), inputs if the provider tells them, outputs."""
        answer = self._call_or_keep(
            "Read",
            provider_pb2.ReadRequest,
            urn,
            outputs,
            id=id_,
            inputs=_bare(inputs),
            properties=_bare(outputs),
        )
        told = values.from_struct(answer.inputs) if answer.HasField("inputs") else None
        read_inputs = None if told is None else values.with_secrets_of(told, inputs)
        return (
            answer.id,
            read_inputs,
            values.with_secrets_of(values.from_struct(answer.properties), outputs),
        )


def _bare(properties: Properties, unknowns: bool = False) -> Any:
    """Write properties without secrets' wrapping; unknown ones are for previews only."""
    plain = values.revealed(properties)
    return values.to_struct(plain if unknowns else values.without_unknowns(plain))


def _with_secrets(failure: PartialFailureError, inputs: Properties) -> PartialFailureError:
    return PartialFailureError(
        failure.id, values.with_secrets_of(failure.outputs, inputs), failure.reasons
    )
