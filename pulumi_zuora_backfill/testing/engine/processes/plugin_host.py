"""The process in which dynamic providers live: the SDK's own plugin host, reached over gRPC.

This module starts, configures and ends it.  It knows no call of a provider.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.property_values import Properties
from pulumi_zuora_backfill.testing.engine.stack_setup import StackSetup
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import name_of, type_of

from .child_process import ChildProcess
from .provider_failures import ProviderError, failure_in_trailer

_START_TIMEOUT_S = 60.0
_CANCEL_TIMEOUT_S = 5.0


class PluginHost:
    """One plugin host process.

    It starts at once, so that it gets ready while the program still imports, and is configured at
    the first call.
    """

    def __init__(
        self,
        setup: StackSetup,
        *,
        engine_address: str,
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
        """False: a preview does not know the whole configuration, so the host cannot be asked."""
        self._channel: grpc.Channel | None = None
        self._port = 0
        self._listening = threading.Event()
        self._process = ChildProcess(
            [sys.executable, "-u", "-m", "pulumi.dynamic", engine_address],
            directory=setup.program_directory,
            env={**setup.env, "PULUMI_PROJECT": project, "PULUMI_CONFIG": "{}"},
            on_stdout=self._heard,
            on_stderr=on_line,
        )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def configure(self, config: Properties) -> None:
        """Set the configuration that the first call hands over."""
        self._config = config
        self.is_known = not values.contains_unknown(config)

    def cancel(self) -> None:
        """Tell the host that the run is to end; what it does with that is its own business."""
        stub = self._stub
        if stub is not None:
            # Nobody waits: all of its threads may be busy. A call that nobody holds is taken back.
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

    def call(self, method: str, request_type: Any, urn: str, **fields: Any) -> Any:
        """Make a call about a resource.

        Raises:
            ProviderError: The provider refused, or its process is gone.
        """
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
        if failure := failure_in_trailer(error):
            return failure
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
