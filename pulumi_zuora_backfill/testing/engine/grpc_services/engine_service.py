"""The engine service: takes what programs and providers log."""

# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from pulumi_zuora_backfill.testing.engine.console_output import Console


class EngineService(engine_pb2_grpc.EngineServicer):
    """Takes what programs and providers have to say."""

    def __init__(self, console: Console) -> None:
        """Take what is told to a user."""
        self._console = console

    def Log(self, request: Any, context: Any) -> Any:
        """Tell a message under its resource; debug ones are left out, as by default in the CLI."""
        severity = {
            engine_pb2.INFO: "info",
            engine_pb2.WARNING: "warning",
            engine_pb2.ERROR: "error",
        }
        if request.severity in severity:
            self._console.log(
                severity[request.severity],
                request.urn,
                request.message,
                ephemeral=request.ephemeral,
            )
        return Empty()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:
        """Accept any requirement: there is no CLI whose version could be meant."""
        return engine_pb2.RequirePulumiVersionResponse()
