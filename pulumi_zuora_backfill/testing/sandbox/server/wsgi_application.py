"""The WSGI application: routes requests, records them, lets Zuora answer, faults included."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug import Request, Response
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule

from pulumi_zuora_backfill.testing.sandbox.faults import (
    NO_ROUTE,
    DroppedError,
    Fault,
    FaultInjection,
    FaultPlan,
    HeldRequests,
)
from pulumi_zuora_backfill.testing.sandbox.recorded_requests import (
    Operation,
    RecordedRequest,
    RequestLog,
)
from pulumi_zuora_backfill.testing.sandbox.simulated_zuora import (
    Answer,
    Call,
    SimulatedZuora,
    gateway,
    spring,
)

from .socket_server import CONNECTION, CUT_OFF, TRICKLE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Hook = Callable[[RecordedRequest], None]

_COMPRESSED_ABOVE = 1000
_JOBS = "/v1/uno/data-backfill/propagation/jobs"
_ROUTES = Map(
    [
        Rule("/oauth/token", endpoint=Operation.TOKEN, methods=["POST"]),
        Rule(_JOBS, endpoint=Operation.CREATE, methods=["POST"]),
        Rule(_JOBS, endpoint=Operation.LIST, methods=["GET"]),
        Rule(f"{_JOBS}/<job_id>", endpoint=Operation.GET, methods=["GET"]),
        Rule(f"{_JOBS}/<job_id>", endpoint=Operation.STOP, methods=["PUT"]),
    ],
    merge_slashes=False,
)


class WsgiApplication:
    """Zuora behind a gateway, as an application that any WSGI server can run."""

    def __init__(
        self,
        zuora: SimulatedZuora,
        plan: FaultPlan,
        log: RequestLog,
        held: HeldRequests,
        answer_time_s: float = 0.0,
    ) -> None:
        """Take Zuora and what a test has a hand on."""
        self.on_request: Hook | None = None
        self.on_answer: Hook | None = None
        self._zuora = zuora
        self._plan = plan
        self._log = log
        self._held = held
        self._faults = FaultInjection(zuora, held)
        self._answer_time_s = answer_time_s

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """
        Answer one request.

        Raises:
            DroppedError: The connection is to be closed instead.
        """
        request = Request(environ)
        call, unroutable = self._read(request)
        if self.on_request:
            self.on_request(call.record)
        with self._zuora.responses.limits_of(call).request() as exceeded:
            planned = self._plan.take(call.operation)
            self._zuora.tenant.settle()
            answer = unroutable or self._faults.answer(call, planned, exceeded)
            dropped = planned is not None and planned.fault is Fault.CONNECTION_DROPPED_AFTER
            held = planned is not None and planned.fault is Fault.HANG and planned["job_is_made"]
            call.record.status = None if dropped or held else answer.status
            if self.on_answer:
                self.on_answer(call.record)
            if dropped or (held and not self._held.wait()):
                raise DroppedError
            call.record.status = answer.status
            if self._answer_time_s:
                time.sleep(self._answer_time_s)
        return _response(request, answer)(environ, start_response)

    def _read(self, request: Request) -> tuple[Call, Answer | None]:
        """Return the request, recorded; and its answer when no operation is meant."""
        operation, job_id = None, ""
        data = _unpacked(request)
        problem: HTTPException | None = None
        try:
            operation, arguments = _ROUTES.bind_to_environ(request.environ).match()
            job_id = arguments.get("job_id", "")
        except HTTPException as error:
            problem = error
        record = RecordedRequest(
            operation=operation,
            method=request.method,
            path=request.path,
            headers=Headers(request.headers),
            body=_parsed(request, data),
            connection=request.environ.get(CONNECTION, 0),
            at=self._zuora.tenant.clock.now(),
        )
        self._log.add(record)
        call = Call(request, record, data, job_id, self._zuora.tenant.new_uuid())
        if isinstance(problem, MethodNotAllowed):
            message = f"Request method '{request.method}' not supported"
            return call, self._zuora.responses.dressed(
                call, spring(405, "Method Not Allowed", message, request.path)
            )
        return call, gateway(404, NO_ROUTE) if problem else None


def _unpacked(request: Request) -> bytes:
    """Return the body; one that is not what its `Content-Encoding` says is lost."""
    data = request.get_data()
    if request.headers.get("Content-Encoding") != "gzip":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return b""


def _parsed(request: Request, data: bytes) -> Any:
    """Return a body in the form in which a test wants to look at it."""
    if request.mimetype == "application/x-www-form-urlencoded":
        return dict(parse_qsl(data.decode(errors="replace"), keep_blank_values=True))
    try:
        return json.loads(data) if data else None
    except ValueError:
        return data


def _response(request: Request, answer: Answer) -> Response:
    """Return an answer as HTTP, compressed when it is large enough and the client can read it."""
    headers = Headers(list(answer.headers))
    body = answer.body
    if len(body) > _COMPRESSED_ABOVE and request.accept_encodings["gzip"]:
        body = gzip.compress(body, mtime=0)
        headers["Content-Encoding"] = "gzip"
    if answer.cut_off:
        headers[CUT_OFF] = "yes"
    if answer.trickle_s is not None:
        headers[TRICKLE] = str(answer.trickle_s)
    return Response(body, answer.status, headers, content_type=answer.content_type)
