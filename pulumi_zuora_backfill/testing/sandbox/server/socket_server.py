"""HTTP/1.1 on a real socket: keep-alive, no delays, connections that are cut where a test wants."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler

from pulumi_zuora_backfill.testing.sandbox.faults import DroppedError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CONNECTION = "sandbox.connection"
"""The WSGI environment's name for the number of the TCP connection."""
CUT_OFF = "X-Sandbox-Cut-Off"
"""A header that never leaves: half of the body is sent, then the connection is closed."""
TRICKLE = "X-Sandbox-Trickle"
"""A header that never leaves: the answer is sent byte by byte, with so many seconds between."""
_STOP_CHECK_S = 0.02


class _Handler(WSGIRequestHandler):
    """One connection. Werkzeug's own handler closes it after each answer; this one keeps it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = (
        True  # else a small answer waits 40 ms for the client's delayed acknowledgement
    )
    server: SocketServer

    def run_wsgi(self) -> None:
        """Read the whole request, so that the next one starts where it ends, and answer it."""
        environ = self.make_environ()
        if environ.get("wsgi.input_terminated"):
            body = cast("DechunkedInput", environ["wsgi.input"]).read()
        else:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # the client died while it was sending: half a request is none
                self.close_connection = True
                return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ[CONNECTION] = self.server.number_of(self.connection)
        started: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[[bytes], None]:
            started[:] = [status, headers]
            return lambda _: None

        try:
            answer = b"".join(self.server.app(environ, cast("Any", start_response)))
        except DroppedError:
            self.close_connection = True
        except Exception:  # a fault of the sandbox or of a test's hook: show it, and answer nothing
            traceback.print_exc()
            self.close_connection = True
        else:
            self._send(started[0], started[1], answer)

    def _send(self, status: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        trickle_s = 0.0
        for name, value in headers:
            if name == CUT_OFF:
                self.close_connection = True
                body = body[: len(body) // 2]
            elif name == TRICKLE:
                trickle_s = float(value)
            else:
                self.send_header(name, value)
        if not trickle_s:
            self.end_headers()
            self.wfile.write(body)
            return
        head, wire = io.BytesIO(), self.wfile
        self.wfile = head
        self.end_headers()
        self.wfile = wire
        try:
            for number in head.getvalue() + body:
                wire.write(bytes([number]))
                time.sleep(trickle_s)
        except OSError:  # the client has had enough
            self.close_connection = True

    def log(self, type: str, message: str, *args: object) -> None:
        """Write no log."""


class SocketServer(ThreadedWSGIServer):
    """Serves an application on 127.0.0.1, one thread for each connection, until it is closed."""

    app: WSGIApplication

    def __init__(self, app: WSGIApplication, port: int = 0) -> None:
        """
        Bind the port and start to serve.

        Raises:
            OSError: The port is in use.
        """
        self._open: dict[socket.socket, int] = {}
        self.connections = 0
        self._connections_lock = threading.Lock()
        # Werkzeug would end the process over a port in use; a socket of our own raises an OSError.
        with socket.create_server(("127.0.0.1", port), backlog=self.request_queue_size) as listener:
            super().__init__("127.0.0.1", port, app, _Handler, fd=listener.fileno())
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_STOP_CHECK_S,), name="zuora-sandbox", daemon=True
        )
        self._thread.start()

    def number_of(self, connection: socket.socket) -> int:
        """Return the number of an open connection, counted from 1."""
        with self._connections_lock:
            return self._open.get(connection, 0)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a new connection, and number it."""
        connection, address = super().get_request()
        with self._connections_lock:
            self.connections += 1
            self._open[connection] = self.connections
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._connections_lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def close(self) -> None:
        """Stop to serve, and close every connection."""
        self.shutdown()
        self._thread.join()
        with self._connections_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
