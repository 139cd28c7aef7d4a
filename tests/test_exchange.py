"""One request out, one answer or one error back: what goes over the wire, and what any answer means."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_zuora_backfill.errors import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    TransportError,
)
from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox
from pulumi_zuora_backfill.zuora.headers import retry_after_s
from pulumi_zuora_backfill.zuora.http import Answer, Exchange

from .parts import NOWHERE, connect, http, raw_server

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
BIG = {"text": "é" * 2000}


def send(base_url: str, **options: object) -> Answer:
    """Send one request to a server."""
    return Exchange(base_url).send("do it", "POST", "/x", json_body={"a": 1}, **options)  # type: ignore[arg-type]  # any option


def lost(base_url: str) -> TransportError:
    """Send one request that brings no usable answer."""
    with pytest.raises(TransportError) as error:
        send(base_url)
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
        (gzip.compress(json.dumps(BIG).encode()), ("Content-Encoding: gzip",)),
        (b"\xef\xbb\xbf" + json.dumps(BIG).encode(), ("Content-Type: text/plain",)),
        (json.dumps(BIG, ensure_ascii=False).encode(), ("Content-Type: text/html",)),
    ],
)
def test_an_answer_is_decoded(body: bytes, headers: tuple[str, ...]) -> None:
    """JSON is JSON, gzipped or not, whatever its label says."""
    with raw_server(http(200, body, *headers)) as server:
        assert send(server.base_url).body == BIG
        assert b"Accept-Encoding: gzip" in server.requests[0]


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
    assert (
        error.hint
        == "Check the base URL (ZUORA_BASE_URL or zuora:baseUrl) and the network, then run the same command again."
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
        "Zuora could not do it (HTTP 502: [secret]).\nThat usually passes: run the same command again."
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
    """`Retry-After` first, as seconds or as a date by the server's clock; `RateLimit-Reset` with a 429 only; a day at most."""
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
    """Make TLS for 127.0.0.1 out of a certificate that nobody knows; it is left in the test's folder."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(_pem("CERTIFICATE", CERTIFICATE))
    key.write_text(_pem("PRIVATE KEY", KEY))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return lambda connection: context.wrap_socket(connection, server_side=True)


def _pem(kind: str, data: str) -> str:
    return f"-----BEGIN {kind}-----\n{re.sub('.{64}', lambda line: line[0] + chr(10), data)}\n-----END {kind}-----\n"


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
