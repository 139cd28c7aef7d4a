"""What the plugin host does not hand over.

Each piece on a real gRPC server, and what happens where the host is another one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.dynamic import Config
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from pulumi_zuora_backfill import dynamic_host
from pulumi_zuora_backfill.errors import ConfigurationError, JobError

URN = "urn:pulumi:dev::acme::pulumi-python:dynamic/zuora:BackfillJob::charges"


class Engine(engine_pb2_grpc.EngineServicer):
    """An engine that only keeps its log."""

    def __init__(self) -> None:
        """Start with an empty log."""
        self.log: list[tuple[str, str, str, bool]] = []

    def Log(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802  # the protocol's name
        """Keep a line."""
        self.log.append(
            (
                engine_pb2.LogSeverity.Name(request.severity),
                request.message,
                request.urn,
                request.ephemeral,
            )
        )
        return empty_pb2.Empty()


class Host(provider_pb2_grpc.ResourceProviderServicer):
    """A servicer whose frames look like those of Pulumi's dynamic plugin host."""

    def __init__(self, work: Any) -> None:
        """Take what a provider method is to do."""
        self.work = work

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # the protocol's name
        """Serve one create; turn an exception into a traceback's text, as the host does."""
        try:
            self.work()
        except Exception:
            context.abort(grpc.StatusCode.UNKNOWN, "Traceback (most recent call last): …")
        return provider_pb2.CreateResponse(id="done")


@pytest.fixture
def engine_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Serve an engine whose address is the last argument, as in the plugin host."""
    engine = Engine()
    server = grpc.server(ThreadPoolExecutor(2))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setattr(sys, "argv", ["host", f"127.0.0.1:{port}"])
    monkeypatch.setattr(dynamic_host, "_engine", None)
    yield engine
    server.stop(0).wait()


def create(work: Any) -> Any:
    """Call `Create` of a host that does this work, over a real connection."""
    server = grpc.server(ThreadPoolExecutor(1))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Host(work), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            return provider_pb2_grpc.ResourceProviderStub(channel).Create(
                provider_pb2.CreateRequest(urn=URN), timeout=10
            )
    finally:
        server.stop(0).wait()


def test_an_error_of_ours_travels_as_one_clean_line() -> None:
    """The trailer that the engine prefers holds our message, with the code of the call."""

    @dynamic_host.clean_errors
    def work() -> None:
        raise JobError("It went wrong.", "Do this.")

    with pytest.raises(grpc.RpcError) as caught:
        create(work)

    trailer = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    assert status_pb2.Status.FromString(trailer) == status_pb2.Status(
        code=2, message="It went wrong.\nDo this."
    )
    assert caught.value.code() is grpc.StatusCode.UNKNOWN


def test_a_bug_of_ours_keeps_its_traceback() -> None:
    """Only errors that were written for the user are shortened."""

    @dynamic_host.clean_errors
    def work() -> None:
        raise KeyError("bug")

    with pytest.raises(grpc.RpcError) as caught:
        create(work)

    assert "grpc-status-details-bin" not in dict(caught.value.trailing_metadata())
    assert caught.value.details() == "Traceback (most recent call last): …"


def test_outside_of_the_host_an_error_passes_as_it_is() -> None:
    """Where there is no call to be found, the exception itself is what the caller gets."""

    @dynamic_host.clean_errors
    def work() -> None:
        raise ConfigurationError("It went wrong.")

    with pytest.raises(ConfigurationError, match=r"^It went wrong\.$"):
        work()


def test_lines_reach_the_row_of_the_resource(engine_log: Engine) -> None:
    """Live lines are ephemeral, remarks stay, all carry the URN of the call that is served."""

    def work() -> None:
        dynamic_host.status("45 %")
        dynamic_host.info("done")
        dynamic_host.warn("mind the gap")

    assert create(work).id == "done"
    assert engine_log.log == [
        ("INFO", "45 %", URN, True),
        ("INFO", "done", URN, False),
        ("WARNING", "mind the gap", URN, False),
    ]


@pytest.mark.parametrize("address", ["127.0.0.1:9", "no address", ""])
def test_without_an_engine_a_line_is_dropped(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A line that cannot be shown fails nothing."""
    monkeypatch.setattr(sys, "argv", ["host", address])
    monkeypatch.setattr(dynamic_host, "_engine", None)

    assert create(lambda: dynamic_host.warn("unheard")).id == "done"


def test_a_line_outside_of_a_call_is_dropped(engine_log: Engine) -> None:
    """Without a call there is no row to write to."""
    dynamic_host.warn("unheard")

    assert engine_log.log == []


def test_the_worker_limit_is_lifted_where_the_pool_is_the_hosts() -> None:
    """Exactly one pool of four workers is taken for the host's.

    Otherwise everything stays as it is.
    """
    assert dynamic_host.lift_worker_limit() is False
    with ThreadPoolExecutor(4) as pool:
        assert dynamic_host.lift_worker_limit() is True
        assert pool._max_workers == dynamic_host.WORKERS
    with ThreadPoolExecutor(4) as one, ThreadPoolExecutor(4) as two:
        assert dynamic_host.lift_worker_limit() is False
        assert [one._max_workers, two._max_workers] == [4, 4]


def test_the_keys_of_the_configuration_and_whose_project_it_is() -> None:
    """A project named zuora may have keys of its own there; a host that hides its keys has none."""
    config = Config({"zuora:tenantID": "7", "acme:tenantID": "8"}, "acme")
    hidden = Config({"zuora:tenantID": "7"}, "acme")
    del hidden._props

    assert dynamic_host.config_keys(config) == ["zuora:tenantID", "acme:tenantID"]
    assert dynamic_host.config_keys(hidden) == []
    assert not dynamic_host.is_project(config, "zuora")
    assert dynamic_host.is_project(Config(config._props, "zuora"), "zuora")
