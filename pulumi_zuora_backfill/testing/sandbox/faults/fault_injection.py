"""What each planned fault does to a request: the one place where Zuora is not itself."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial

from pulumi_zuora_backfill.testing.sandbox.recorded_requests import Operation
from pulumi_zuora_backfill.testing.sandbox.simulated_zuora import (
    Answer,
    Call,
    KeyRefusedError,
    SimulatedZuora,
    Work,
    gateway,
    unauthorized,
)

from .fault_plan import Fault, PlannedFault
from .held_requests import HeldRequests

NO_ROUTE = {"message": "no Route matched with those values"}
_BAD_GATEWAY = (
    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)


class DroppedError(Exception):
    """The connection is to be closed without an answer."""


class FaultInjection:
    """Answers requests as Zuora would, but for the fault that is planned for them."""

    def __init__(self, zuora: SimulatedZuora, held: HeldRequests) -> None:
        """Take Zuora, and where `HANG` holds requests."""
        self._zuora = zuora
        self._responses = zuora.responses
        self._held = held

    def answer(self, call: Call, planned: PlannedFault | None, exceeded: str | None) -> Answer:
        """
        Answer a request.

        Args:
            call: The request.
            planned: Its fault, if it has one.
            exceeded: The limit that it exceeds, if any: `"rate"` or `"concurrency"`.

        Raises:
            DroppedError: There is no answer.
        """
        work: Work = partial(self._zuora.work, call)
        if planned is None:
            return self._limited(call, exceeded) if exceeded else self._zuora.answer(call, work)
        if planned.fault is Fault.CONNECTION_DROPPED_BEFORE:
            raise DroppedError
        instead = self._instead(call, planned)
        if instead is not None:
            return self._zuora.answer(call, lambda: instead) if self._is_saved(planned) else instead
        if planned.parameters.get("then_done_after_s") is not None:
            self._do_later(call, planned["then_done_after_s"])
            return (
                self._timed_out(planned["status"])
                if planned.fault is Fault.GATEWAY_504
                else self._in_flight(call)
            )
        if planned.fault is Fault.IN_FLIGHT_409:
            return self._zuora.refusal(call) or self._in_flight(call)
        return self._spoilt(call, planned, self._zuora.answer(call, self._delayed(planned, work)))

    def _instead(self, call: Call, planned: PlannedFault) -> Answer | None:
        """Return the answer of a fault that keeps the work from being done."""
        match planned.fault:
            case Fault.RATE_LIMITED_429:
                return self._rate_limited(
                    call, planned["retry_after_s"], planned["ratelimit_reset_s"]
                )
            case Fault.HTML_502:
                return self._from_gateway(gateway(502, _BAD_GATEWAY))
            case Fault.GATEWAY_404:
                return self._from_gateway(gateway(404, NO_ROUTE))
            case Fault.GATEWAY_504 if not planned["job_is_made"]:
                return self._timed_out(planned["status"])
            case Fault.MAINTENANCE_PAGE:
                return self._maintenance(planned["status"], planned["request_id"])
            case Fault.REDIRECT:
                return self._from_gateway(
                    Answer(302, b"", (("Location", planned["location"]),), "text/html")
                )
            case Fault.TOKEN_REVOKED:
                return self._responses.dressed(call, unauthorized("Authentication error"))
            case Fault.USER_INFO_401:
                return self._responses.dressed(call, unauthorized("Failed to get user info"))
            case Fault.SAVED_FAILURE | Fault.UNSAVED_FAILURE | Fault.SUCCESS_FALSE:
                return self._failure(call, planned)
        return None

    def _failure(self, call: Call, planned: PlannedFault) -> Answer:
        code = planned["code"] or f"{self._zuora.tenant.behaviours.resource_code}60"
        status = (
            200
            if planned.fault is Fault.SUCCESS_FALSE
            else planned["status"] or self._responses.status_of(call, code)
        )
        return self._responses.failed(call, status, (code, planned["message"]))

    def _is_saved(self, planned: PlannedFault) -> bool:
        """Tell whether the answer of a fault is saved under the request's key."""
        behaviours = self._zuora.tenant.behaviours
        return {
            Fault.SAVED_FAILURE: True,
            Fault.SUCCESS_FALSE: bool(planned.parameters.get("saved")),
            Fault.RATE_LIMITED_429: behaviours.saves_429,
            Fault.HTML_502: behaviours.saves_5xx,
            Fault.GATEWAY_504: behaviours.saves_5xx,
        }.get(planned.fault, False)

    def _delayed(self, planned: PlannedFault, work: Work) -> Work:
        """Return the work as it is done under a fault that delays it."""

        def slow() -> Answer:
            time.sleep(planned["seconds"])
            return work()

        def held() -> Answer:
            if not self._held.wait():
                raise DroppedError
            return work()

        if planned.fault is Fault.SLOW:
            return slow
        return held if planned.fault is Fault.HANG and not planned["job_is_made"] else work

    def _spoilt(self, call: Call, planned: PlannedFault, answer: Answer) -> Answer:
        """Return what becomes of the true answer on its way out."""
        match planned.fault:
            case Fault.GATEWAY_504:
                return self._timed_out(planned["status"])
            case Fault.TRICKLE:
                return replace(answer, trickle_s=planned["seconds"])
            case Fault.TRUNCATED_JSON:
                return replace(answer, body=answer.body[: len(answer.body) // 2])
            case Fault.BODY_CUT_OFF:
                return replace(answer, cut_off=True)
            case Fault.WRONG_ID:
                return self._misnamed(answer, planned["job_id"] or self._zuora.tenant.new_id())
        return answer

    def _misnamed(self, answer: Answer, job_id: str) -> Answer:
        body = json.loads(answer.body)
        if "jobId" in body:
            body["jobId"] = job_id
        if "job" in body:
            body["job"]["id"] = job_id
        return replace(answer, body=json.dumps(body).encode())

    def _do_later(self, call: Call, seconds: float) -> None:
        """Take the request's key, if it is free, and do the work when the clock has come so far."""
        if self._zuora.refusal(call) is not None:
            return
        tenant, key = self._zuora.tenant, call.key
        keyed = call.operation is Operation.CREATE and key is not None
        try:
            if keyed and self._zuora.claim(call) is not None:
                return
        except KeyRefusedError:
            return

        def do(at: float) -> None:
            answer = self._zuora.work(call, at)
            if keyed:
                self._zuora.keys.save(key or "", answer)

        tenant.defer(tenant.clock.now() + seconds, do)

    def _in_flight(self, call: Call) -> Answer:
        message = "A request with this Idempotency-Key is in progress."
        return self._responses.key_refused(call, 409, message)

    def _timed_out(self, status: int) -> Answer:
        body = self._zuora.tenant.behaviours.gateway_timeout_body
        return self._from_gateway(gateway(status, body))

    def _maintenance(self, status: int, request_id: str | None) -> Answer:
        reasons = [{"code": "58730010", "message": "Down for maintenance."}]
        body = {"success": False, "processId": "MAINTENANCE", "reasons": reasons}
        headers = (("Zuora-Request-Id", request_id),) if request_id else ()
        return self._from_gateway(Answer.json(status, body, headers))

    def _limited(self, call: Call, exceeded: str) -> Answer:
        if exceeded == "concurrency":
            return self._responses.refused(
                call, (70, "The request exceeded the concurrency limit.")
            )
        seconds_left = self._responses.limits_of(call).seconds_left()
        return self._rate_limited(call, seconds_left, seconds_left)

    def _rate_limited(self, call: Call, retry_after_s: object, reset_s: object) -> Answer:
        """Return a 429 with those of the two headers that are given."""
        if self._zuora.tenant.behaviours.rate_limited_has_reasons:
            code = f"{self._zuora.tenant.behaviours.resource_code}70"
            answer = self._responses.failed(
                call, 429, (code, "The request exceeded the rate limit.")
            )
        else:
            answer = self._responses.dressed(
                call, Answer.json(429, {"message": "API rate limit exceeded"})
            )
        answer = answer.without("RateLimit-Reset", "RateLimit-Remaining").with_headers(
            {"RateLimit-Remaining": "0"}
        )
        given = {"Retry-After": retry_after_s, "RateLimit-Reset": reset_s}
        return answer.with_headers(
            {name: str(value) for name, value in given.items() if value is not None}
        )

    def _from_gateway(self, answer: Answer) -> Answer:
        """Return an answer that never came near Zuora: all it has is a date."""
        return answer.with_headers(self._responses.date())
