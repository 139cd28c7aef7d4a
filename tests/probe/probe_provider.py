"""A dynamic provider that writes down every call it gets.

It lives in a module of its own, because a provider class that can be imported is
stored in the state by reference.  What it writes goes to the folder `PROBE_DIR`:
`calls.jsonl`, one call a line.  What it should do wrong is read from
`faults.json` in the same folder at each call, so a test can break and mend it
between two runs of an engine.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import grpc
import pulumi
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, status_pb2

_PROVIDER_KEY = "__provider"
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
_LOCK = threading.Lock()


class ProbeProvider(ResourceProvider):
    """Writes down its calls and obeys `faults.json`.

    Inputs with a meaning: `name` (part of the id), `replace` (a change of it replaces),
    `delete_first` (a replacement deletes the old resource first), `compare` ("engine": leave the
    comparison to the engine).
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Write down the configuration that matters here, if there is any."""
        known = {key: req.config.get(f"probe:{key}") for key in ("greeting", "token")}
        if any(known.values()):
            _record("configure", {key: value for key, value in known.items() if value})

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Accept the inputs, or fail as planned."""
        _record("check", _plain(olds), _plain(news))
        fault = _fault("check", news)
        if fault == "fail":
            return CheckResult(
                news,
                [CheckFailure("value", "is not wanted"), CheckFailure("", "is wrong as a whole")],
            )
        _act(fault)
        return CheckResult(news, [])

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare every input with the old outputs."""
        _record("diff", id_, _plain(olds), _plain(news))
        _act(_fault("diff", news))
        if news.get("compare") == "engine":
            return DiffResult()
        changed = [key for key in _plain(news) if _differs(olds.get(key), news[key])]
        replaces = [key for key in changed if key in ("replace", "upstream")]
        return DiffResult(bool(changed), replaces, [], bool(news.get("delete_first")))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Give an id that tells the name and the number of creates of this name."""
        _record("create", *_timeout(), _plain(props))
        fault = _fault("create", props)
        id_ = _next_id(str(props.get("name", "probe")))
        _act(fault, id_, props)
        return CreateResult(id_, _outputs(id_, props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Answer with what is known, or as planned."""
        _record("read", id_, _plain(props))
        fault = _fault("read", props)
        if fault == "gone":
            return ReadResult("", {})
        if fault == "changed":
            return ReadResult(id_, {**props, "value": "drifted"})
        if fault == "output":
            return ReadResult(id_, {**props, "note": "drifted"})
        if fault == "inputs":
            return ReadResult(
                id_, {**props, "value": "drifted"}, {**_plain(props), "value": "drifted"}
            )
        _act(fault, id_, props)
        return ReadResult(id_, dict(props))

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Take the new inputs over."""
        _record("update", *_timeout(), id_, _plain(olds), _plain(news))
        _act(_fault("update", news), id_, news)
        return UpdateResult(_outputs(id_, news))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Do nothing but write it down."""
        _record("delete", *_timeout(), id_, _plain(props))
        _act(_fault("delete", props))


class Probe(pulumi.dynamic.Resource, module="probe", name="Probe"):
    """A resource of the probe provider; unset properties are left out."""

    serial: pulumi.Output[str]
    note: pulumi.Output[str]
    value: pulumi.Output[Any]

    def __init__(
        self, resource_name: str, opts: pulumi.ResourceOptions | None = None, **props: Any
    ) -> None:
        super().__init__(
            ProbeProvider(),
            resource_name,
            {"name": resource_name, "serial": None, "note": None, **props},
            opts,
        )


class Group(pulumi.ComponentResource):
    """A component without anything of its own."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("probe:index:Group", name, None, opts)


def report(after: pulumi.Input[Any] = None, name: str = "") -> None:
    """Write down the engine's answer to a question for all outputs of a stack."""
    name = name or f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"

    async def ask() -> Any:
        """Ask once."""
        try:
            answer = await pulumi.runtime.invoke_async(
                "pulumi:pulumi:readStackResourceOutputs", {"stackName": name}
            )
        except Exception as error:
            _record("report", type(error).__name__)
        else:
            _record("report", _plain(dict(answer)))

    pulumi.Output.from_input(after).apply(lambda _: ask(), run_with_unknowns=True)


def _timeout() -> list[str]:
    """Tell the time that the engine gives this call, where it gives one."""
    seconds = _servicer_frame()["request"].timeout
    return [f"within {seconds:g} s"] if seconds else []


def _outputs(id_: str, props: dict[str, Any]) -> dict[str, Any]:
    outputs = {**props, "serial": f"serial-of-{id_}"}
    if props.get("secret_note"):
        outputs["note"] = {**_SECRET, "value": "told in secret"}
    return outputs


def _differs(old: Any, new: Any) -> bool:
    return isinstance(new, Unknown) or old != new


def _plain(value: Any) -> Any:
    """Turn a value of the wire into JSON, without the provider's own key."""
    if isinstance(value, Unknown):
        return "<unknown>"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != _PROVIDER_KEY}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _folder() -> Path:
    return Path(os.environ["PROBE_DIR"])


def _record(*call: Any) -> None:
    with _LOCK, (_folder() / "calls.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(call, sort_keys=True) + "\n")


def _next_id(name: str) -> str:
    with _LOCK:
        path = _folder() / f"count-{name}"
        count = int(path.read_text(encoding="utf-8")) + 1 if path.exists() else 1
        path.write_text(str(count), encoding="utf-8")
    return f"{name}-{count}"


def _fault(method: str, props: dict[str, Any]) -> str:
    """Look up what this method of this resource should do wrong: "create" or "create:NAME"."""
    path = _folder() / "faults.json"
    if not path.exists():
        return ""
    faults = json.loads(path.read_text(encoding="utf-8"))
    return str(faults.get(f"{method}:{props.get('name')}", faults.get(method, "")))


def _act(fault: str, id_: str = "", props: dict[str, Any] | None = None) -> None:
    """Do what a planned fault says; an empty one is none."""
    if fault == "raise":
        raise RuntimeError("the probe raised as planned")
    if fault == "clean":
        _fail(status_pb2.Status(code=2, message="the probe failed in one line"))
    if fault == "partial":
        _fail(_partial_failure(id_, props or {}, ["not ready", "still not ready"]))
    if fault == "partial, one reason":
        _fail(_partial_failure(id_, props or {}, ["not ready"]))
    if fault == "exit":
        sys.stderr.write("last words\n")
        sys.stderr.flush()
        os._exit(3)
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.startswith("log"):
        _log(fault)
    if fault == "print":
        sys.stdout.write("printed by the provider\n")
    if fault == "wait":
        _wait()


def _partial_failure(id_: str, props: dict[str, Any], reasons: list[str]) -> Any:
    properties = Struct()
    properties.update({**_outputs(id_, props), _PROVIDER_KEY: props[_PROVIDER_KEY]})
    detail = AnyMessage()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(id=id_, properties=properties, reasons=reasons)
    )
    return status_pb2.Status(code=2, message="the probe failed halfway", details=[detail])


def _fail(status: Any) -> None:
    """Raise, with a status in the trailer from which an engine takes a clean message."""
    context = _servicer_frame()["context"]
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    raise RuntimeError(status.message)


def _log(fault: str, message: str = "") -> None:
    """Say something through the engine under the resource; "log-quiet" only for a moment."""
    urn = _servicer_frame()["request"].urn
    with grpc.insecure_channel(sys.argv[-1]) as channel:
        engine_pb2_grpc.EngineStub(channel).Log(
            engine_pb2.LogRequest(
                severity=engine_pb2.WARNING if fault == "log-warning" else engine_pb2.INFO,
                message=message or f"the probe says {fault}",
                urn=urn,
                ephemeral=fault == "log-quiet",
            )
        )


def _servicer_frame() -> dict[str, Any]:
    frame = sys._getframe()
    while frame.f_back is not None:
        if "request" in frame.f_locals and "context" in frame.f_locals:
            return frame.f_locals
        frame = frame.f_back
    raise LookupError("no gRPC method above this one")


def _wait() -> None:
    """Say that the call has begun, and end it when the file `gate` appears."""
    _log("log-quiet", "the probe waits")
    pause = threading.Event()
    while not (_folder() / "gate").exists():
        pause.wait(0.01)
