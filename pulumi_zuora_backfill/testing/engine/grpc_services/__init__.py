"""What the program and the providers call: the resource monitor and the engine service.

Messages are read and answered here and nowhere else above `processes`; nothing is decided here.
"""

from .engine_service import EngineService
from .grpc_server import GrpcServer
from .resource_monitor import ResourceMonitor

__all__ = ["EngineService", "GrpcServer", "ResourceMonitor"]
