"""A proxy that a tunnel goes through, with a Zuora behind it whose name is not this machine's."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pulumi_zuora_backfill.testing import Sandbox

from .parts import read_request

HOST = "rest.zuora.invalid"


@contextmanager
def tunnel_to(
    zuora: Sandbox, folder: Path, loses: Callable[[bytes], bool]
) -> Iterator[dict[str, str]]:
    """
    Serve a local Zuora as `https://rest.zuora.invalid` behind a proxy.

    Args:
        zuora: Gets every request.
        folder: Where the certificate goes.
        loses: Tells of which requests the answer is lost; the connection is closed instead.

    Yields:
        The environment that leads there.
    """
    certificate, key = folder / "tunnel.pem", folder / "tunnel-key.pem"
    certificate.write_text(_pem("CERTIFICATE", CERTIFICATE))
    key.write_text(_pem("PRIVATE KEY", KEY))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def carry(connection: socket.socket) -> None:
        """Open the tunnel, carry one request and close it."""
        try:
            with connection:
                assert read_request(connection).startswith(f"CONNECT {HOST}:443 ".encode())
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with tls.wrap_socket(connection, server_side=True) as tunnel:
                    request = read_request(tunnel)
                    answer = _asked(zuora, request)
                    if not loses(request):
                        tunnel.sendall(answer)
        except OSError:
            return  # the client has gone

    def serve() -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=carry, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    local = "127.0.0.1,localhost"
    try:
        yield zuora.environment() | {
            "ZUORA_BASE_URL": f"https://{HOST}",
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": local,
            "no_proxy": local,
            "REQUESTS_CA_BUNDLE": str(certificate),
        }
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _asked(zuora: Sandbox, request: bytes) -> bytes:
    """Hand a request on and return the whole answer."""
    port = int(zuora.base_url.rpartition(":")[2])
    closing = re.sub(rb"(?i)\r\nConnection: [^\r]*", b"\r\nConnection: close", request, count=1)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(closing)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def _pem(kind: str, data: str) -> str:
    lines = re.sub("(.{64})", r"\1\n", data)
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"


# For rest.zuora.invalid, signed by itself, used nowhere else.
CERTIFICATE = (
    "MIIBvDCCAWOgAwIBAgIUYWgd7dshF+Xh1kML3BZi/EZ/wxkwCgYIKoZIzj0EAwIwHTEbMBkGA1UEAwwScmVzdC56dW9y"
    "YS5pbnZhbGlkMCAXDTI2MTEyNjEwMzUyN1oYDzIxMjYxMTAyMTAzNTI3WjAdMRswGQYDVQQDDBJyZXN0Lnp1b3JhLmlu"
    "dmFsaWQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS4iMBum9rGddD38k0FiVdUNx6jlF4S01M6CvVDrCvHPrkJtipD"
    "ulHrnpBzjBQ0rUUnEKq+ix/APw00bK3Thk+po38wfTAdBgNVHQ4EFgQUA3USivIq1H+xfuIpQI7kw6r51OwwHwYDVR0j"
    "BBgwFoAUA3USivIq1H+xfuIpQI7kw6r51OwwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHREEFjAUghJyZXN0Lnp1b3JhLmlu"
    "dmFsaWQwCwYDVR0PBAQDAgKEMAoGCCqGSM49BAMCA0cAMEQCICdE7/ZOW7t+HvSdHkSq47K0eXuYsXOHVPksQUK9oRwp"
    "AiB5zygTK+1olOIjTK2JVETg8NcsHCm4pMe4MWvIACiEAw=="
)
KEY = (
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVnN4lilsXxlBCkdikwo2ZdbIq5lZq0edJayexUyRTVGh"
    "RANCAAS4iMBum9rGddD38k0FiVdUNx6jlF4S01M6CvVDrCvHPrkJtipDulHrnpBzjBQ0rUUnEKq+ix/APw00bK3Thk+p"
)
