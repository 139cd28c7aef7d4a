"""One request out, one answer or one error back.

What goes over the wire, and what any answer means.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import ssl
import threading
import time
import tracemalloc
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.errors import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    TransportError,
)
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.zuora.client import BackfillClient
from pulumi_zuora_backfill.zuora.headers import retry_after_s
from pulumi_zuora_backfill.zuora.http import Answer, Exchange
from pulumi_zuora_backfill.zuora.lost_answers import Request
from pulumi_zuora_backfill.zuora.request_thread import MAX_BODY, _Errand
from pulumi_zuora_backfill.zuora.retries import Transport
from pulumi_zuora_backfill.zuora.texts import clean
from pulumi_zuora_backfill.zuora.token import ClientCredentials

from .parts import NOWHERE, connect, http, raw_server

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
BIG = {"text": "é" * 2000}


def send(base_url: str, **options: object) -> Answer:
    """Send one request to a server."""
    return Exchange(base_url).send("do it", "POST", "/x", json_body={"a": 1}, **options)  # type: ignore[arg-type]  # any option


def lost(base_url: str, **options: object) -> TransportError:
    """Send one request that brings no usable answer."""
    with pytest.raises(TransportError) as error:
        send(base_url, **options)
    return error.value


def nobody() -> str:
    """Return an address of this machine at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_an_answer_is_read() -> None:
    """Body, Zuora's clock and request id arrive."""
    with raw_server(
        http(
            200,
            '{"success": true}',
            f"Date: {format_datetime(NOON, usegmt=True)}",
            "Zuora-Request-Id: R",
        )
    ) as server:
        assert send(server.base_url) == Answer(body={"success": True}, date=NOON, request_id="R")


@pytest.mark.parametrize(
    "date",
    [
        "",
        "soon",
        "Tue, 24 Nov 99999999999999999999 12:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_a_date_that_is_none_is_unknown(date: str) -> None:
    """A broken clock at the other end breaks nothing here."""
    with raw_server(http(200, "{}", f"Date: {date}")) as server:
        assert send(server.base_url) == Answer(body={}, date=None, request_id=None)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (json.dumps(BIG, ensure_ascii=False).encode(), ()),
        (gzip.compress(json.dumps(BIG).encode(), mtime=0), ("Content-Encoding: gzip",)),
        (b"\xef\xbb\xbf" + json.dumps(BIG).encode(), ("Content-Type: text/plain",)),
        (json.dumps(BIG, ensure_ascii=False).encode(), ("Content-Type: text/html",)),
    ],
)
def test_an_answer_is_decoded(body: bytes, headers: tuple[str, ...]) -> None:
    """JSON is JSON, gzipped or not, whatever its label says."""
    with raw_server(http(200, body, *headers)) as server:
        assert send(server.base_url).body == BIG
        assert b"Accept-Encoding: gzip" in server.requests[0]


def test_a_body_that_unzips_to_no_end_is_given_up() -> None:
    """300 MB out of 300 kB never come into memory, and asking again would not help."""
    bomb = gzip.compress(bytes(300_000_000), compresslevel=1, mtime=0)
    with raw_server(http(200, bomb, "Content-Encoding: gzip")) as server:
        tracemalloc.start()
        error = lost(server.base_url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (error.arrived, error.transient) == (True, False)
    assert "too long to be one of Zuora's" in error.message
    assert peak < 4 * MAX_BODY


def test_a_body_up_to_the_limit_is_read() -> None:
    """Ten million bytes are an answer, one more is none."""
    fits = json.dumps({"a": "x" * (MAX_BODY - 9)}).encode()
    with raw_server(http(200, fits), http(200, fits + b" ")) as server:
        assert len(send(server.base_url).body["a"]) == MAX_BODY - 9
        assert "too long" in lost(server.base_url).message


def test_no_cookie_is_kept() -> None:
    """A load balancer's cookie could lead the next request to another tenant's session."""
    with raw_server(http(200, "{}", "Set-Cookie: session=1; Path=/")) as server:
        exchange = Exchange(server.base_url)
        for _ in range(3):
            exchange.send("do it", "POST", "/x", json_body={"a": 1})
    assert [b"cookie" in request.lower() for request in server.requests] == [False] * 3


def test_the_same_request_has_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gzip header holds a time; under one key, the body must not change with it."""
    with raw_server(http()) as server:
        exchange = Exchange(server.base_url, compress_requests=True)
        for moment_s in (1e9, 2e9):
            monkeypatch.setattr("time.time", lambda moment_s=moment_s: moment_s)
            exchange.send("do it", "POST", "/x", json_body={"a": 1})
    assert server.requests[0] == server.requests[1]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"],
    ids=["status", "headers", "body"],
)
def test_an_answer_that_trickles_ends_with_the_time_there_is(start: bytes) -> None:
    """A byte each twentieth of a second would take hours; one limit holds for all of it."""
    with trickling_server(start) as base_url:
        error = lost(base_url, timeout_s=1.0)
    assert (error.arrived, error.transient) == (True, True)
    assert (
        error.message == f"Could not do it: no answer came from {base_url} in time (TimeoutError)."
    )


@pytest.mark.timeout(60)
@pytest.mark.parametrize("operation", [Operation.TOKEN, Operation.LIST])
def test_a_call_ends_in_time_whatever_trickles_in(zuora: Sandbox, operation: Operation) -> None:
    """By the clock on the wall, token and answer share the one limit of a call."""
    zuora.plan(Fault.TRICKLE, on=operation, times=9)
    exchange, clock = Exchange(zuora.base_url), Clock()
    credentials = ClientCredentials(exchange, zuora.client_id, zuora.client_secret, clock=clock)
    transport = Transport(
        exchange, credentials, version="2025-08-12", call_timeout_s=300, clock=clock, report=print
    )
    begun_s = time.monotonic()
    with pytest.raises(TransportError, match="in time"):
        BackfillClient(transport, credentials).list(NOWHERE, within_s=2)
    assert time.monotonic() - begun_s < 10
    assert zuora.count(operation) < 4


@pytest.mark.timeout(60)
def test_a_handshake_that_never_ends_has_sent_nothing() -> None:
    """The other end takes the connection and says nothing about TLS: the request never left."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = lost(f"https://127.0.0.1:{silent.getsockname()[1]}", timeout_s=1.0)
    assert (error.arrived, error.transient) == (False, True)


def test_a_request_that_nobody_waits_for_never_leaves() -> None:
    """The connection comes about when the caller has gone: the body stays here."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        listener.settimeout(30)
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        request = Request(
            operation="do it",
            method="POST",
            base_url=base_url,
            path="/x",
            headers={},
            body=b"the body",
        )
        errand = _Errand(request, [], 30.0)
        assert errand.abandon() is False
        errand.start()
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(30)
            received = b""
            while data := connection.recv(65536):
                received += data
        errand.join()
    assert b"the body" not in received


@contextmanager
def trickling_server(start: bytes) -> Iterator[str]:
    """Answer with a start and then with one byte after the other, until the client goes."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(start)
            while not over.wait(0.05):
                connection.sendall(b"H")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listener.close()


def test_zuora_s_clock_is_the_newest_date_and_the_time_since() -> None:
    """A saved answer with its old date does not turn it back.

    Answers without a date tell nothing.
    """
    dates = (
        f"Date: {format_datetime(NOON, usegmt=True)}",
        f"Date: {format_datetime(NOON - timedelta(hours=5), usegmt=True)}",
    )
    no = '{"message": "no"}'
    with raw_server(http(), http(200, "{}", dates[0]), http(400, no, dates[1])) as server:
        connection = connect(base_url=server.base_url)
        exchange, told = connection.exchange, []
        for _ in range(3):
            connection.time.advance(100)
            with suppress(ApiError):
                exchange.send("do it", "GET", "/x")
            told.append(connection.client.zuora_now())
    assert told == [None, NOON, NOON + timedelta(seconds=100)]
    assert connection.client.base_url == server.base_url


@pytest.mark.parametrize("compressed", [False, True])
def test_a_request_body_is_compressed_where_it_is_asked_for(compressed: bool) -> None:
    """The body arrives as what its headers say."""
    with raw_server(http()) as server:
        Exchange(server.base_url, compress_requests=compressed).send(
            "do it", "POST", "/x", json_body={"a": 1}
        )
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert (b"Content-Encoding: gzip" in head) is compressed
    assert json.loads(gzip.decompress(body) if compressed else body) == {"a": 1}
    assert b"Content-Type: application/json" in head


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "was lost"),
        (b"garbage\r\n\r\n", "was lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "broke off"),
        (http(200, b"not gzip", "Content-Encoding: gzip"), "could not be decoded"),
        (http(200, '{"jobId": "ff80'), "not a JSON object"),
        (http(200, "<html>Log in</html>"), "not a JSON object"),
        (http(200, "[" * 200_000), "not a JSON object"),
        (http(200, "[]"), "not a JSON object"),
        (http(204, ""), "not a JSON object"),
    ],
)
def test_what_is_no_answer_may_have_been_carried_out(answer: bytes, said: str) -> None:
    """The request had arrived: nobody knows what became of it, and it may be tried again."""
    with raw_server(answer) as server:
        error = lost(server.base_url)
    assert (error.arrived, error.transient) == (True, True)
    assert said in error.message


@pytest.mark.parametrize(
    ("base_url", "transient", "said"),
    [
        (nobody, True, "cannot be reached"),
        (
            lambda: "https://nobody.invalid",
            True,
            "host name of https://nobody.invalid is not known",
        ),
        (lambda: "https://a..b", False, "is not an address"),
        (lambda: f"https://{'a' * 70}.example", False, "is not an address"),
        (lambda: "https://.a", False, "could not be sent"),
    ],
)
def test_what_never_left_was_not_carried_out(
    base_url: Callable[[], str], transient: bool, said: str
) -> None:
    """Nothing reached Zuora, and the way to mend it is named."""
    error = lost(base_url())
    assert (error.arrived, error.transient) == (False, transient)
    assert said in error.message
    assert error.hint == (
        "Check the base URL (ZUORA_BASE_URL or zuora:baseUrl) and the network, then run the same "
        "command again."
    )


def test_a_tls_connection_that_breaks_may_have_carried_the_request(
    tls: Callable[[socket.socket], socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate was fine and the request had arrived when TLS broke: its outcome is open."""

    def spoilt(connection: socket.socket) -> socket.socket:
        encrypted = tls(connection)
        monkeypatch.setattr(encrypted, "sendall", lambda data: os.write(encrypted.fileno(), data))
        return encrypted

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with raw_server(http(), wrap=spoilt) as server:
        error = lost(server.base_url)
    assert (error.arrived, error.transient, len(server.requests)) == (True, True, 1)
    assert "the TLS connection to https://127.0.0.1" in error.message


def test_certificates_are_verified(tls: Callable[[socket.socket], socket.socket]) -> None:
    """A server that nobody vouches for gets no request."""
    with raw_server(http(), wrap=tls) as server:
        error = lost(server.base_url)
    assert (error.arrived, error.transient, server.requests) == (False, False, [])
    assert "the TLS certificate of https://127.0.0.1" in error.message


def test_a_ca_bundle_of_one_s_own_counts(
    tls: Callable[[socket.socket], socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`REQUESTS_CA_BUNDLE` works, for this very machine too; one that cannot be read is said."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with raw_server(http(), wrap=tls) as server:
        assert send(server.base_url).body == {}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        error = lost(server.base_url)
    assert (error.arrived, error.transient) == (False, False)
    assert "CA bundle" in error.message


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "URL": lambda text: quote(text, safe=""),
    "URL with slashes": quote,
    "URL in lower case": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, safe="")),
    "URL twice": lambda text: quote(quote(text, safe=""), safe=""),
    "URL, each character": lambda text: "".join(f"%{ord(char):02X}" for char in text),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON with slashes": lambda text: json.dumps(text)[1:-1].replace("/", r"\/"),
    "JSON, each character": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "JSON in capitals": lambda text: "".join(f"\\u{ord(char):04X}" for char in text),
    "JSON twice": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "HTML": lambda text: escape(text),
    "HTML twice": lambda text: escape(escape(text)),
    "HTML in decimals": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "HTML in hex": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "HTML in HEX": lambda text: "".join(f"&#X{ord(char):04X};" for char in text),
    "HTML by name": lambda text: text.replace("/", "&sol;").replace("+", "&plus;"),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "base64 in a URL": lambda text: quote(b64encode(text.encode()).decode(), safe=""),
    "basic authentication": lambda text: b64encode(f"the-client:{text}".encode()).decode(),
    "in colours": lambda text: text[:5] + "\x1b[31m" + text[5:],
}


@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("before", [0, 470, 485, 499, 3000])
def test_a_secret_is_blanked_in_any_spelling_and_before_the_cut(
    spelled: Callable[[str], str], before: int
) -> None:
    """Wherever the server repeats it, no part of it is left, as text or as JSON."""
    secret = "?s3cr>t/+=&~\"\\<'?"
    echo = spelled(secret)
    form = {"client_id": "the-client", "client_secret": secret}
    for body in ("x" * before + " " + echo, json.dumps({"message": "x" * before + " " + echo})):
        with raw_server(http(400, body)) as server, pytest.raises(ApiError) as error:
            Exchange(server.base_url).send("do it", "POST", "/x", form=form)
        # What follows is padding of base64 at most.
        whole = "x" * before + " [secret]"
        assert error.value.reason.rstrip("=").removesuffix("%3D").removesuffix("%3D") == (
            whole.strip() if len(whole) <= 500 else whole[:499] + "…"
        )


def test_a_page_made_to_be_slow_to_search_is_not() -> None:
    """Beginnings of spellings without an end cost no time beyond their length."""
    for part in ("\\", "%25", "&amp;", "&#0", "s3cre"):
        assert clean(part * 200_000, ["s3cret"]).endswith("…")


def test_a_server_that_repeats_what_it_was_sent_has_its_secrets_blanked_out() -> None:
    """Neither the client secret nor the token is in an error, wherever in the answer it stands."""
    body = json.dumps(
        {
            "reasons": [
                {"code": 1, "message": "no t0ken"},
                {"code": 2, "message": "for s3cret, s3cret"},
            ]
        }
    )
    with raw_server(http(400, body)) as server, pytest.raises(ApiError) as error:
        Exchange(server.base_url).send(
            "do it", "POST", "/x", bearer="t0ken", form={"client_secret": "s3cret"}
        )
    assert error.value.reason == "no [secret]; for [secret], [secret]"
    for spelled in ("s3cret%2F%2B%3D", "s3cret/+=", r"s3cret\/+="):
        with (
            raw_server(http(400, f"cannot read client_secret={spelled}")) as server,
            pytest.raises(ApiError) as error,
        ):
            Exchange(server.base_url).send(
                "do it", "POST", "/x", form={"client_secret": "s3cret/+="}
            )
        assert error.value.reason == "cannot read client_secret=[secret]"
    deep = '{"message": "x", "d": ' + "[" * 700 + "]" * 700 + "}"
    with (
        raw_server(http(503, deep, "Zuora-Request-Id: t0ken")) as server,
        pytest.raises(ApiError) as error,
    ):
        Exchange(server.base_url).send("do it", "POST", "/x", bearer="t0ken")
    assert (error.value.reason, error.value.request_ids) == ("x", ("[secret]",))
    with (
        raw_server(http(401, '{"code": 58730011}')) as server,
        pytest.raises(AuthenticationError) as error,
    ):
        Exchange(server.base_url).send("do it", "POST", "/x", form={"client_secret": "1"})
    assert (
        error.value.hint
        == "Check the client id, the client secret and that they belong to this base URL."
    )
    with raw_server(http(502, "<html>s3cret</html>")) as server, pytest.raises(ApiError) as error:
        Exchange(server.base_url).send("do it", "POST", "/x", form={"client_secret": "s3cret"})
    assert str(error.value) == (
        "Zuora could not do it (HTTP 502: [secret]).\n"
        "That usually passes: run the same command again."
    )


@pytest.mark.parametrize(
    "location", ["http://elsewhere.invalid/", "//[", "/\xff", "ftp://x", "http://a..b/"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused(status: int, location: str) -> None:
    """Nobody looks where it leads; the secret goes nowhere else."""
    with (
        raw_server(http(status, "", f"Location: {location}")) as server,
        pytest.raises(ApiError) as error,
    ):
        send(server.base_url)
    assert (error.value.status, error.value.transient, len(server.requests)) == (status, False, 1)
    assert error.value.hint.startswith("Redirects are never followed")


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (200, {"success": False, "reasons": [{"code": "50000030", "message": "m"}]}, True),
        (200, {"success": False}, True),
        (200, {"reasons": [{"code": "50000030", "message": "m"}], "requestId": "R"}, True),
        (200, {"success": True, "reasons": []}, False),
        (200, {}, False),
        (201, {"success": True}, False),
        (400, {"success": True}, True),
        (304, {}, True),
    ],
)
def test_200_is_no_proof_of_success(status: int, body: dict[str, object], refused: bool) -> None:
    """`success: false`, or reasons without a word on success, are a refusal under any status."""
    with raw_server(http(status, json.dumps(body) if status != 304 else "")) as server:
        if refused:
            with pytest.raises(ApiError) as error:
                send(server.base_url)
            assert error.value.status == status
        else:
            assert send(server.base_url).body == body


def test_a_job_that_is_unknown_is_told_from_a_route_that_is(zuora: Sandbox) -> None:
    """Category 40 is a job that is not there; the gateway's 404 is another matter."""
    client = connect(zuora).client
    with pytest.raises(NotFoundError):
        client.get("0" * 32, NOWHERE)
    zuora.plan(Fault.GATEWAY_404, on=Operation.LIST)
    with pytest.raises(ApiError, match="not provisioned") as error:
        client.list(NOWHERE)
    assert type(error.value) is ApiError


def test_no_proxy_for_this_machine(zuora: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would read the secret; it is not asked, whatever the environment says."""
    with raw_server(http(502)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert connect(zuora).client.list(NOWHERE) == ()
    assert proxy.requests == []


def test_no_proxy_for_this_machine_in_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address in brackets, without a port, is this machine too."""
    with raw_server(http()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base_url)
        monkeypatch.delenv("no_proxy", raising=False)
        for base_url in ("http://[::1]", "http://[::1]:1"):
            with pytest.raises(TransportError, match="cannot be reached"):
                send(base_url)
    assert proxy.requests == []


def test_a_proxy_that_refuses_kept_the_request_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is used off this machine; when it does not connect, nothing reached Zuora."""
    with raw_server(http(403)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.base_url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        error = lost("https://rest.zuora.invalid")
    assert proxy.requests[0].startswith(b"CONNECT rest.zuora.invalid:443 ")
    assert (error.arrived, error.transient) == (False, True)
    assert "the proxy did not let the request through" in error.message


@contextmanager
def connect_proxy(monkeypatch: pytest.MonkeyPatch, target: str | None) -> Iterator[list[bytes]]:
    """
    Be an HTTPS proxy.

    Args:
        monkeypatch: Sets the environment that names the proxy.
        target: Where its tunnels lead; ``None``: it takes the connection and says nothing.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    asked.append(client.recv(65536))
                    if target is None:
                        continue
                    host, port = target.removeprefix("https://").split(":")
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    with socket.create_connection((host, int(port))) as server:
                        out = threading.Thread(target=pump, args=(client, server), daemon=True)
                        out.start()
                        pump(server, client)
                        with suppress(OSError):
                            client.shutdown(socket.SHUT_RDWR)
                        out.join()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, address)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    try:
        yield asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_an_answer_that_a_proxy_loses_leaves_the_outcome_open(
    tls: Callable[[socket.socket], socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tunnel stood and the request was through when the connection broke: nobody knows."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    # Else no proxy would be asked.
    monkeypatch.setattr("pulumi_zuora_backfill.zuora.http.is_loopback", lambda host: False)
    with (
        raw_server(b"", wrap=tls) as server,
        connect_proxy(monkeypatch, server.base_url) as asked,
    ):
        error = lost(server.base_url)
    assert asked[0].startswith(b"CONNECT 127.0.0.1:")
    assert (error.arrived, error.transient, len(server.requests)) == (True, True, 1)
    assert "the connection to https://127.0.0.1" in error.message


def test_a_proxy_that_says_nothing_kept_the_request_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection to the proxy broke before there was a tunnel: nothing was sent to Zuora."""
    with connect_proxy(monkeypatch, None) as asked:
        error = lost("https://rest.zuora.invalid")
    assert asked[0].startswith(b"CONNECT rest.zuora.invalid:443 ")
    assert (error.arrived, error.transient) == (False, True)


def test_the_text_of_a_server_cannot_break_out() -> None:
    """A page of 10 kB full of control characters and tags becomes one short line."""
    page = "<html><script>\x1b[2J\x00\r\n" + "<b>x</b>" * 2000
    with (
        raw_server(http(503, page, "Zuora-Request-Id: \x1b[31m\x9b")) as server,
        pytest.raises(ApiError) as error,
    ):
        send(server.base_url)
    assert error.value.message.isprintable()
    assert len(error.value.message) < 700
    assert "<" not in error.value.reason
    assert error.value.request_ids == ()


@pytest.mark.parametrize(
    ("headers", "status", "seconds"),
    [
        ({}, 429, None),
        ({"Retry-After": "7"}, 429, 7.0),
        ({"Retry-After": "0.5"}, 503, 0.5),
        ({"Retry-After": format_datetime(NOON + timedelta(seconds=90), usegmt=True)}, 503, 90.0),
        ({"Retry-After": "Tue, 24 Nov 2026 12:01:30 -0000"}, 503, 90.0),
        ({"Retry-After": "Tue, 24 Nov 2026 13:01:30 +0100"}, 503, 90.0),
        ({"Retry-After": format_datetime(NOON - timedelta(days=1), usegmt=True)}, 503, 0.0),
        ({"Retry-After": "-5"}, 429, 0.0),
        ({"Retry-After": "1e9"}, 429, 86_400.0),
        ({"Retry-After": "nan"}, 429, None),
        ({"Retry-After": "inf"}, 429, None),
        ({"Retry-After": "Tue, 24 Nov 99999999999999999999 12:00:00 GMT"}, 429, None),
        ({"RateLimit-Reset": "12"}, 429, 12.0),
        ({"RateLimit-Reset": "12"}, 503, None),
        ({"Retry-After": "7", "RateLimit-Reset": "12"}, 429, 7.0),
        ({"Retry-After": "soon", "RateLimit-Reset": "12"}, 429, 12.0),
    ],
)
def test_how_long_zuora_asks_to_wait(
    headers: dict[str, str], status: int, seconds: float | None
) -> None:
    """`Retry-After` first, as seconds or as a date by the server's clock.

    `RateLimit-Reset` with a 429 only; a day at most.
    """
    assert retry_after_s(headers, status, NOON) == seconds


numbers = st.integers(-(10**30), 10**30).map(str) | st.floats().map(str)
dates = st.builds(
    "Tue, {} {} {} {}:{}:{} {}".format,
    numbers,
    st.sampled_from(["Nov", "Feb", "x"]),
    numbers,
    numbers,
    numbers,
    numbers,
    st.sampled_from(["GMT", "-0000", "+9999", "-2359", "x", ""]) | numbers,
)


@given(st.text() | numbers | dates, st.sampled_from([200, 429, 503]))
def test_no_header_breaks_the_reading(told: str, status: int) -> None:
    """Whatever stands there is a time between none and a day, or nothing."""
    for headers in ({"Retry-After": told}, {"RateLimit-Reset": told}):
        seconds = retry_after_s(headers, status, NOON)
        assert seconds is None or 0 <= seconds <= 86_400


@pytest.fixture
def tls(tmp_path: Path) -> Callable[[socket.socket], socket.socket]:
    """Make TLS for 127.0.0.1 out of a certificate that nobody knows.

    It is left in the test's folder.
    """
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(_pem("CERTIFICATE", CERTIFICATE))
    key.write_text(_pem("PRIVATE KEY", KEY))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return lambda connection: context.wrap_socket(connection, server_side=True)


def _pem(kind: str, data: str) -> str:
    return (
        f"-----BEGIN {kind}-----\n{re.sub('.{64}', lambda line: line[0] + chr(10), data)}\n"
        f"-----END {kind}-----\n"
    )


# For 127.0.0.1, signed by itself, used nowhere else.
CERTIFICATE = (
    "MIIBkDCCATagAwIBAgIURCSNwacXWIcrKsK/rU4j8tJqmwEwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJMTI3LjAuMC4xMCAX"
    "DTI2MTEyNDAzMTMwNFoYDzIxMjYxMDMxMDMxMzA0WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO"
    "PQMBBwNCAASDezk/Z0BVD6jf6coS6y9gTpZMlg8a+9tRkBYHTd8HZYX9tce7pTmQeHrKCYgriBfWh7lbdmVh+wBoEjXVW1FB"
    "o2QwYjAdBgNVHQ4EFgQUWMTq5+P+ZTUNApUssOztTulzdzMwHwYDVR0jBBgwFoAUWMTq5+P+ZTUNApUssOztTulzdzMwDwYD"
    "VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIQDRG4+QylciNpDTJ3vh55cNyQSSUVzx"
    "JUuIJWs6YPDRZwIgMmPgirnoDuXJCNLUjNqvkA+AC9dgDEPQviJxQNwfLLk="
)
KEY = (
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQJNgWqPqPhrKFts2a6V/xQpG1+aCmX2UmHG9iZmVZQehRANC"
    "AASDezk/Z0BVD6jf6coS6y9gTpZMlg8a+9tRkBYHTd8HZYX9tce7pTmQeHrKCYgriBfWh7lbdmVh+wBoEjXVW1FB"
)
