"""
The sandbox's HTTP side: a server on a socket, and the application that it serves.

Requests are read and answers written here; what they mean is none of its business.
"""

from .socket_server import SocketServer
from .wsgi_application import Hook, WsgiApplication

__all__ = ["Hook", "SocketServer", "WsgiApplication"]
