"""The process in which dynamic providers live: the SDK's own plugin host, spoken to over gRPC.

The host gets no secrets in their wrapping, so they are taken out of every request and put back on every answer.
This module knows the wire and nothing of steps.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from pulumi_zuora_backfill.testing.engine import values
from pulumi_zuora_backfill.testing.engine.failures import (
    PartialFailureError,
    ProviderError,
    told_failure,
)
from pulumi_zuora_backfill.testing.engine.process import ChildProcess
from pulumi_zuora_backfill.testing.engine.urns import name_of, type_of
from pulumi_zuora_backfill.testing.engine.values import Properties

_START_TIMEOUT_S = 60.0
_CANCEL_TIMEOUT_S = 5.0


class PluginHost:
    """One plugin host process.

    It starts at once, so that it gets ready while the program still imports, and is configured at the first call.
    """

    def __init__(
        self,
        *,
        python: str,
        engine_address: str,
        directory: Path,
        env: Mapping[str, str],
        project: str,
        on_line: Callable[[str], None],
    ) -> None:
        """Start the process; `on_line` gets what it prints."""
        self._on_line = on_line
        self._lock = threading.Lock()
        self._stub: Any = None
        self._cancel_call: Any = None
        self._config: Properties = {}
        self.is_known = True
        """False: a preview does not know the whole configuration, and so this host cannot be asked."""
        self._channel: grpc.Channel | None = None
        self._port = 0
        self._listening = threading.Event()
        self._process = ChildProcess(
            [python, "-u", "-m", "pulumi.dynamic", engine_address],
            directory=directory,
            env={**env, "PULUMI_PROJECT": project, "PULUMI_CONFIG": "{}"},
            on_stdout=self._heard,
            on_stderr=on_line,
        )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def configure(self, config: Properties) -> None:
        """Set the configuration that the first call hands over."""
        self._config = config
        self.is_known = not values.contains_unknown(config)

    def check(
        self, urn: str, olds: Properties, news: Properties, *, unknowns: bool
    ) -> tuple[Properties, list[tuple[str, str]]]:
        """Ask for checked inputs, and for what is wrong with them as (property, reason)."""
        answer = self._call(
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
        return self._call(
            "Diff",
            provider_pb2.DiffRequest,
            urn,
            id=id_,
            old_inputs=_bare(old_inputs),
            olds=_bare(old_outputs),
            news=_bare(news, unknowns),
            ignoreChanges=ignore_changes,
        )

    def create(self, urn: str, inputs: Properties, timeout: float) -> tuple[str, Properties]:
        """Create a resource and return its id and outputs."""
        try:
            answer = self._call(
                "Create",
                provider_pb2.CreateRequest,
                urn,
                properties=_bare(inputs),
                timeout=timeout,
                preview=False,
            )
        except PartialFailureError as failure:
            raise _with_secrets(failure, inputs) from None
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
        try:
            answer = self._call(
                "Update",
                provider_pb2.UpdateRequest,
                urn,
                id=id_,
                old_inputs=_bare(old_inputs),
                olds=_bare(old_outputs),
                news=_bare(news),
                timeout=timeout,
                preview=False,
            )
        except PartialFailureError as failure:
            raise _with_secrets(failure, news) from None
        return values.with_secrets_of(values.from_struct(answer.properties), news)

    def delete(
        self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout: float
    ) -> None:
        """Delete a resource."""
        self._call(
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
        """Read a resource: its id (blank: it is gone), its inputs if the provider tells them, its outputs."""
        try:
            answer = self._call(
                "Read",
                provider_pb2.ReadRequest,
                urn,
                id=id_,
                inputs=_bare(inputs),
                properties=_bare(outputs),
            )
        except PartialFailureError as failure:
            raise _with_secrets(failure, outputs) from None
        told = values.from_struct(answer.inputs) if answer.HasField("inputs") else None
        read_inputs = None if told is None else values.with_secrets_of(told, inputs)
        return (
            answer.id,
            read_inputs,
            values.with_secrets_of(values.from_struct(answer.properties), outputs),
        )

    def cancel(self) -> None:
        """Tell the host that the run is to end; what it does with that is its own business."""
        stub = self._stub
        if stub is not None:
            # Nobody waits for the answer: all of the host's threads may be busy. A call that nobody holds is taken back.
            self._cancel_call = stub.Cancel.future(Empty(), timeout=_CANCEL_TIMEOUT_S)

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        self._process.kill()

    def close(self) -> None:
        """End the process and forget it."""
        if self._channel is not None:
            self._channel.close()
        self._process.close()
        self._watcher.join()

    def _call(self, method: str, request_type: Any, urn: str, **fields: Any) -> Any:
        try:
            stub = self._connected()
            known = request_type.DESCRIPTOR.fields_by_name
            named = {"urn": urn, "name": name_of(urn), "type": type_of(urn), **fields}
            # Older SDKs do not know all the fields, and their hosts use none of those.
            request = request_type(**{key: value for key, value in named.items() if key in known})
            return getattr(stub, method)(request)
        except grpc.RpcError as error:
            raise self._failure(error) from None

    def _connected(self) -> Any:
        with self._lock:
            if self._stub is None:
                if not self._listening.wait(_START_TIMEOUT_S) or not self._port:
                    raise ProviderError(
                        f"the plugin host did not start: {self._process.obituary()}"
                    )
                self._channel = grpc.insecure_channel(
                    f"127.0.0.1:{self._port}", options=values.CHANNEL_OPTIONS
                )
                grpc.channel_ready_future(self._channel).result(_START_TIMEOUT_S)
                stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
                stub.Configure(
                    provider_pb2.ConfigureRequest(
                        args=values.to_struct(self._config),
                        variables={
                            f"pulumi-python:config:{key}": _as_text(value)
                            for key, value in self._config.items()
                        },
                        acceptSecrets=True,
                        acceptResources=True,
                    )
                )
                self._stub = stub
            return self._stub

    def _failure(self, error: Any) -> ProviderError:
        """Turn an RPC's error into what it means."""
        if told := told_failure(error):
            return told
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return ProviderError(f"the plugin host is gone: {self._process.obituary()}")
        return ProviderError(error.details() or str(error.code()))

    def _heard(self, line: str) -> None:
        """Take the port from stdout; what comes after it, the provider's code printed."""
        if self._listening.is_set():
            self._on_line(line)
        elif line.strip().isdigit():
            self._port = int(line)
            self._listening.set()

    def _watch(self) -> None:
        """Let nobody wait for the port of a process that has ended."""
        self._process.wait()
        self._listening.set()


def _as_text(value: Any) -> str:
    plain = values.revealed(value)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _bare(properties: Properties, unknowns: bool = False) -> Any:
    """Write properties without secrets' wrapping; unknown ones are for previews only."""
    plain = values.revealed(properties)
    return values.to_struct(plain if unknowns else values.without_unknowns(plain))


def _with_secrets(failure: PartialFailureError, inputs: Properties) -> PartialFailureError:
    return PartialFailureError(
        failure.id, values.with_secrets_of(failure.outputs, inputs), failure.reasons
    )
