"""Zuora as it is meant to work: each operation as a request goes through it. Faults are none of its business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from werkzeug import Request

from .answers import (
    STATUS_OF_CATEGORY,
    Answer,
    RefusalError,
    failure,
    maps_status,
    spring,
    unauthorized,
)
from .limits import Limits
from .saved_answers import KeyRefusedError, SavedAnswers, Use
from .tenant import Scope, Tenant
from .traffic import Operation, RecordedRequest
from .validation import check_stop, check_track_id, json_object, new_job, scope_of

__all__ = ["Call", "Work", "Zuora"]

UNKNOWN_OBJECT = "500000"
MAX_KEY = 255

Work = Callable[[], Answer]


@dataclass(slots=True)
class Call:
    """One request on its way through Zuora."""

    request: Request
    record: RecordedRequest
    data: bytes
    job_id: str
    request_id: str

    @property
    def operation(self) -> Operation | None:
        """Which operation it asks for."""
        return self.record.operation

    @property
    def key(self) -> str | None:
        """Its idempotency key."""
        return self.request.headers.get("Idempotency-Key")


class Zuora:
    """The API of one tenant."""

    def __init__(
        self, tenant: Tenant, saved: SavedAnswers, limits: Limits, token_limits: Limits
    ) -> None:
        """Take the tenant, the keys' memory, and the limits of the API and of the token endpoint."""
        self.tenant = tenant
        self.saved = saved
        self.limits = limits
        self.token_limits = token_limits

    def answer(self, call: Call, work: Work) -> Answer:
        """Answer a request: check it, and do the work unless its key has an answer already."""
        refusal = self.refusal(call)
        if refusal is not None:
            return refusal
        if call.operation is not Operation.CREATE or call.key is None:
            return work()
        try:
            saved = self.claim(call)
        except KeyRefusedError as error:
            return self.key_refused(call, error)
        if saved is not None:
            if not self.tenant.behaviours.replay_keeps_date:
                saved = saved.without("Date").with_headers(self.date())
            if not self.tenant.behaviours.replay_keeps_request_id:
                saved = saved.without("Zuora-Request-Id").with_headers(
                    {"Zuora-Request-Id": call.request_id}
                )
            return saved
        try:
            answer = work()
        except BaseException:
            self.saved.release(call.key)
            raise
        self.saved.save(call.key, answer)
        return answer

    def claim(self, call: Call) -> Answer | None:
        """Take the request's key, or return what is saved under it; see `SavedAnswers.claim`."""
        use = Use(self.tenant.tenant_id, call.request.method, call.request.full_path, call.data)
        other_body_status = self.tenant.behaviours.same_key_other_body_status
        return self.saved.claim(call.key or "", use, other_body_status=other_body_status)

    def work(self, call: Call, at: float | None = None) -> Answer:
        """Do what a request asks, now or as if it were another time."""
        try:
            if call.operation is Operation.TOKEN:
                return self.dressed(call, self._token(call))
            return self.dressed(call, Answer.json(200, {"success": True, **self._result(call, at)}))
        except RefusalError as refusal:
            return self.refused(call, *refusal.reasons)

    def refusal(self, call: Call) -> Answer | None:
        """Return what stands against a request before anything is done, if anything does; this is never saved."""
        headers = call.request.headers
        if call.operation is Operation.TOKEN:
            return None
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.tenant.accepts(token):
            return self.dressed(call, unauthorized("Authentication error"))
        if call.operation is Operation.STOP and call.key is not None:
            message = "Request method 'PUT' not supported with Idempotency-Key header"
            return self.dressed(call, spring(400, "Bad Request", message, call.request.path))
        if (
            call.operation in (Operation.CREATE, Operation.STOP)
            and call.request.mimetype != "application/json"
        ):
            message = f"Content type '{call.request.mimetype}' not supported"
            return self.dressed(
                call, spring(415, "Unsupported Media Type", message, call.request.path)
            )
        try:
            check_track_id(headers.get("Zuora-Track-Id"))
            if call.key is not None and len(call.key) > MAX_KEY:
                raise RefusalError((20, f"Idempotency-Key: at most {MAX_KEY} characters."))
        except RefusalError as refusal:
            return self.refused(call, *refusal.reasons)
        return None

    def refused(self, call: Call, *reasons: tuple[int, str]) -> Answer:
        """Return a refusal; its status depends on the first reason's category and on `Zuora-Version`."""
        coded = [(self._code(call, category), message) for category, message in reasons]
        return self.failed(call, self.status_of(call, coded[0][0]), *coded)

    def failed(self, call: Call, status: int, *reasons: tuple[str, str]) -> Answer:
        """Return a failure with codes of the caller's choice."""
        numeric = self.tenant.behaviours.numeric_codes
        listed: list[dict[str, object]] = [
            {"code": int(code) if numeric and code.isdigit() else code, "message": message}
            for code, message in reasons
        ]
        return self.dressed(call, failure(status, listed, call.request_id))

    def key_refused(self, call: Call, error: KeyRefusedError) -> Answer:
        """Return the answer to a key that cannot be used; it is never saved."""
        return self.failed(call, error.status, ("IdempotencyKey", str(error)))

    def status_of(self, call: Call, code: str) -> int:
        """Return the HTTP status that an error code has for this request."""
        behaviours = self.tenant.behaviours
        version = call.request.headers.get("Zuora-Version", behaviours.default_version)
        mapped = behaviours.honours_zuora_version and maps_status(version)
        category = int(code[-2:]) if code[-2:].isdigit() else 60
        return STATUS_OF_CATEGORY.get(category, 500) if mapped else 200

    def date(self) -> dict[str, str]:
        """Return the header that tells the time."""
        if not self.tenant.behaviours.sends_date:
            return {}
        return {"Date": self.tenant.clock.http_date()}

    def dressed(self, call: Call, answer: Answer) -> Answer:
        """Return an answer with the headers that each of Zuora's answers has."""
        headers = {**self.date(), "Zuora-Request-Id": call.request_id}
        track_id = call.request.headers.get("Zuora-Track-Id")
        if track_id is not None and track_id.isascii():
            headers["Zuora-Track-Id"] = track_id
        limits = self.token_limits if call.operation is Operation.TOKEN else self.limits
        return answer.with_headers({**headers, **limits.headers()})

    def _code(self, call: Call, category: int) -> str:
        unknown = category == 40 or call.operation in (Operation.GET, Operation.LIST)
        return (
            f"{UNKNOWN_OBJECT if unknown else self.tenant.behaviours.resource_code}{category:02d}"
        )

    def _result(self, call: Call, at: float | None) -> dict[str, object]:
        scope = self._scope(call)
        if call.operation is Operation.CREATE:
            wanted = new_job(json_object(call.data), self.tenant.behaviours)
            created_s = self.tenant.clock.now() if at is None else at
            call.record.job_id = self.tenant.create(
                wanted, scope, created_s=created_s, key=call.key
            ).id
            return {"jobId": call.record.job_id}
        if call.operation is Operation.GET:
            return {"job": self.tenant.get(call.job_id, scope).as_json()}
        if call.operation is Operation.LIST:
            return {"jobs": [job.as_json() for job in self.tenant.listing(scope)]}
        check_stop(json_object(call.data))
        self.tenant.stop(call.job_id, scope)
        return {}

    def _scope(self, call: Call) -> Scope:
        headers = call.request.headers
        return scope_of(headers.get("Zuora-Entity-Ids"), headers.get("Zuora-Org-Ids"), self.tenant)

    def _token(self, call: Call) -> Answer:
        form, wanted = call.record.body, ("client_id", "client_secret", "grant_type")
        problem = None
        if "Authorization" in call.request.headers:
            problem = "Do not send Authorization with a token request."
        elif call.request.mimetype != "application/x-www-form-urlencoded":
            problem = "The body must be application/x-www-form-urlencoded."
        elif missing := [name for name in wanted if not form.get(name)]:
            problem = f"Missing: {', '.join(missing)}."
        elif form["grant_type"] != "client_credentials":
            problem = "grant_type must be client_credentials."
        if problem:
            return Answer.json(400, {"code": 400, "message": problem})
        if not self.tenant.knows(form["client_id"], form["client_secret"]):
            behaviours = self.tenant.behaviours
            return Answer.json(
                behaviours.bad_credentials_status, dict(behaviours.bad_credentials_body)
            )
        return Answer.json(200, self.tenant.issue_token())
