"""
What Pulumi's dynamic plugin host does not hand to a provider.

Its call, clean errors, live status, more workers, cancellation, keys of the configuration. Nothing
else in the package knows of frames, gRPC or the engine. Each piece works alone; where the host
changes under it, it falls back to plain behaviour: a traceback instead of one line, no live line,
four workers, a wait that Ctrl-C does not shorten, no word on misspelt keys.
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.dynamic import Config
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, status_pb2

from .errors import InterruptedWaitError, ZuoraBackfillError

_HOST_WORKERS = 4
WORKERS: Final = 64
_TRAILER = "grpc-status-details-bin"
_PROVIDER = "__provider"
_LOG_TIMEOUT_S = 5.0
_CANCEL = "/pulumirpc.ResourceProvider/Cancel"
_SLICE_S = 0.5
_SHORTEST_SECRET = 4  # what is shorter is no secret, and stands in every other word
F = TypeVar("F", bound=Callable[..., Any])
_Call: TypeAlias = tuple[Any, grpc.ServicerContext]

_engine_lock = threading.Lock()
_engine: engine_pb2_grpc.EngineStub | None = None
_cancelled = threading.Event()
_hidden: set[str] = set()


class KeptInStateError(ZuoraBackfillError):
    """
    A create, or an update, that failed and leaves something that state has to keep.

    Attributes:
        id: The resource id.
        outputs: The outputs, in the engine's notation where they are secret.
        otherwise: The text for a host that cannot pass them on.
    """

    def __init__(self, text: str, id_: str, outputs: Mapping[str, Any], otherwise: str) -> None:
        """Keep what state has to keep."""
        super().__init__(text)
        self.id = id_
        self.outputs = outputs
        self.otherwise = otherwise


def clean_errors(method: F) -> F:
    """
    Make a provider method fail with one clean text instead of a traceback.

    The host turns every exception into the text of its traceback. The engine prefers the status in
    a gRPC trailer of the same code, so that is where our message goes, and what state has to keep.
    Fallback: the exception passes as it is, and state keeps nothing.
    """

    @functools.wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except ZuoraBackfillError as error:
            call, text = _served_call(), _without_hidden(str(error))
            status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=text)
            if isinstance(error, KeptInStateError):
                record = _record(error, call, text)
                if record is None:
                    error = ZuoraBackfillError(error.otherwise)
                    status.message = _without_hidden(str(error))
                else:
                    status.details.add().Pack(record)
            if call is None:
                raise error from None
            call[1].set_trailing_metadata(((_TRAILER, status.SerializeToString()),))
            # The host sends the traceback along; its causes may be too long for a trailer.
            raise error.with_traceback(None) from None

    return guarded  # type: ignore[return-value]  # functools.wraps keeps the signature


def _record(
    error: KeptInStateError, call: _Call | None, text: str
) -> provider_pb2.ErrorResourceInitFailed | None:
    """Return what makes the engine keep a failed resource; ``None`` if it is not known how."""
    request = call[0] if call else None
    inputs = getattr(request, "properties", None) or getattr(request, "news", None)
    try:
        provider = inputs[_PROVIDER]  # type: ignore[index]  # a Struct
        record = provider_pb2.ErrorResourceInitFailed(id=error.id, reasons=[text])
        record.properties.update({**error.outputs, _PROVIDER: provider})
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    return record


def hide(values: Iterable[str]) -> None:
    """Keep secret arguments out of every text that this process tells from now on."""
    _hidden.update(value for value in values if len(value) >= _SHORTEST_SECRET)


def _without_hidden(text: str) -> str:
    for value in sorted(_hidden, key=len, reverse=True):
        text = text.replace(value, "[secret]")
    return text


def served_urn() -> str:
    """Return the URN of the resource that is worked on; empty if the host does not show it."""
    call = _served_call()
    return str(getattr(call[0], "urn", "")) if call else ""


def status(text: str) -> None:
    """Show a live line in the row of the resource that is worked on, while it is."""
    _log(engine_pb2.INFO, text, ephemeral=True)


def info(text: str) -> None:
    """Leave a line under the resource."""
    _log(engine_pb2.INFO, text, ephemeral=False)


def warn(text: str) -> None:
    """Leave a warning under the resource, in the preview and in a pull request's comment."""
    _log(engine_pb2.WARNING, text, ephemeral=False)


def lift_worker_limit() -> bool:
    """
    Let the host serve 64 calls at once instead of four.

    Returns:
        Whether it could be done; otherwise the host stays as it is.
    """
    pools = [
        pool
        for pool in gc.get_objects()
        if issubclass(type(pool), ThreadPoolExecutor)
        and getattr(pool, "_max_workers", None) == _HOST_WORKERS
    ]
    if len(pools) != 1:
        return False
    setattr(pools[0], "_max_workers", WORKERS)  # noqa: B010  # private: the host offers no other way
    return True


def hear_cancellation() -> bool:
    """
    Take note when the engine cancels the run; the host itself does nothing then.

    Returns:
        Whether it could be arranged; otherwise only the end of a call is noticed.
    """
    for handlers in gc.get_objects():
        # By type, as asking a dead proxy for its class raises; by key only, as other threads
        # change other dictionaries.
        handler = handlers.get(_CANCEL) if type(handlers) is dict else None
        if isinstance(handler, grpc.RpcMethodHandler):

            def cancel(request: Any, context: grpc.ServicerContext) -> Any:
                _cancelled.set()
                return empty_pb2.Empty()

            handlers[_CANCEL] = handler._replace(unary_unary=cancel)  # type: ignore[attr-defined]  # a named tuple in grpcio
            return True
    return False


def sleep(seconds: float) -> None:
    """
    Wait, and wake up when the run is cancelled.

    Raises:
        InterruptedWaitError: The engine cancelled the run, or the call that is served has ended.
    """
    call = _served_call()
    until_s = time.monotonic() + seconds
    while True:
        if _cancelled.is_set() or (call is not None and not call[1].is_active()):
            raise InterruptedWaitError("The run was cancelled.")
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            return
        _cancelled.wait(min(_SLICE_S, left_s))


def config_keys(config: Config) -> list[str]:
    """Return the full keys of the configuration that reaches the provider."""
    values = getattr(config, "_props", None)
    return list(values) if isinstance(values, dict) else []


def is_project(config: Config, name: str) -> bool:
    """Tell whether the project has this name: its own keys are in that namespace."""
    return getattr(config, "_project_name", None) == name


def _served_call() -> _Call | None:
    """Find the request that this thread is serving, up the stack."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        context = frame.f_locals.get("context")
        if isinstance(context, grpc.ServicerContext) and "request" in frame.f_locals:
            return frame.f_locals["request"], context
        frame = frame.f_back
    return None


def _log(severity: engine_pb2.LogSeverity.ValueType, text: str, *, ephemeral: bool) -> None:
    """Write to the engine's log, under the resource that is served; nothing without an engine."""
    call = _served_call()
    engine = _engine_stub()
    if call is None or engine is None:
        return
    request = engine_pb2.LogRequest(
        severity=severity,
        message=_without_hidden(text),
        urn=getattr(call[0], "urn", ""),
        ephemeral=ephemeral,
    )
    try:
        engine.Log(request, timeout=_LOG_TIMEOUT_S)
    except grpc.RpcError:
        return  # a line that is not shown must not fail a deployment


def _engine_stub() -> engine_pb2_grpc.EngineStub | None:
    """Connect to the engine, once; its address is the last argument of the host."""
    global _engine
    with _engine_lock:
        if _engine is None and len(sys.argv) > 1 and sys.argv[-1].rpartition(":")[2].isdecimal():
            _engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(sys.argv[-1]))
        return _engine
