"""The gRPC server of each service, on a port of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

from pulumi_zuora_backfill.testing.engine.property_values import CHANNEL_OPTIONS

from .engine_service import EngineService
from .resource_monitor import ResourceMonitor

_MANY_THREADS = 256
"""Each registration holds a thread until its resource exists; with too few, a run would hang."""


class GrpcServer:
    """Serves on a free port of this machine, with many threads."""

    def __init__(self, servicer: ResourceMonitor | EngineService) -> None:
        """Start serving."""
        self._pool = ThreadPoolExecutor(max_workers=_MANY_THREADS)
        self._server = grpc.server(self._pool, options=CHANNEL_OPTIONS)
        if isinstance(servicer, ResourceMonitor):
            resource_pb2_grpc.add_ResourceMonitorServicer_to_server(servicer, self._server)
        else:
            engine_pb2_grpc.add_EngineServicer_to_server(servicer, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        """Stop serving, and do not leave threads behind."""
        self._server.stop(0).wait()
        self._pool.shutdown(wait=True)
