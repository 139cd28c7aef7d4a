"""Zuora's operations as they are meant to work: check a request and its key, do the work."""

from __future__ import annotations

from collections.abc import Callable

from pulumi_zuora_backfill.testing.sandbox.recorded_requests import Operation

from .call import Call
from .idempotency_keys import IdempotencyKeys, KeyRefusedError, Use
from .rate_limits import RateLimits
from .request_checks import check_stop, check_track_id, json_object, new_job, scope_of
from .responses import Answer, RefusalError, Responses, spring, unauthorized
from .tenant import Scope, Tenant

_MAX_KEY = 255

Work = Callable[[], Answer]


class SimulatedZuora:
    """The API of one tenant."""

    def __init__(
        self, tenant: Tenant, keys: IdempotencyKeys, limits: RateLimits, token_limits: RateLimits
    ) -> None:
        """Take the tenant, the keys, and the limits of the API and of the token endpoint."""
        self.tenant = tenant
        self.keys = keys
        self.responses = Responses(tenant.behaviours, tenant.clock, limits, token_limits)

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
            return self.responses.key_refused(call, error.status, str(error))
        if saved is not None:
            if not self.tenant.behaviours.replay_keeps_date:
                saved = saved.without("Date").with_headers(self.responses.date())
            if not self.tenant.behaviours.replay_keeps_request_id:
                saved = saved.without("Zuora-Request-Id").with_headers(
                    {"Zuora-Request-Id": call.request_id}
                )
            return saved
        try:
            answer = work()
        except BaseException:
            self.keys.release(call.key)
            raise
        self.keys.save(call.key, answer)
        return answer

    def claim(self, call: Call) -> Answer | None:
        """Take the request's key, or return what is saved under it; see `IdempotencyKeys.claim`."""
        use = Use(self.tenant.tenant_id, call.request.method, call.request.full_path, call.data)
        other_body_status = self.tenant.behaviours.same_key_other_body_status
        return self.keys.claim(call.key or "", use, other_body_status=other_body_status)

    def work(self, call: Call, at: float | None = None) -> Answer:
        """Do what a request asks, now or as if it were another time."""
        try:
            if call.operation is Operation.TOKEN:
                return self.responses.dressed(call, self._token(call))
            return self.responses.dressed(
                call, Answer.json(200, {"success": True, **self._result(call, at)})
            )
        except RefusalError as refusal:
            return self.responses.refused(call, *refusal.reasons)

    def refusal(self, call: Call) -> Answer | None:
        """Return what stands against a request before anything is done; this is never saved."""
        headers = call.request.headers
        if call.operation is Operation.TOKEN:
            return None
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.tenant.accepts(token):
            return self.responses.dressed(call, unauthorized("Authentication error"))
        if call.operation is Operation.STOP and call.key is not None:
            message = "Request method 'PUT' not supported with Idempotency-Key header"
            return self.responses.dressed(
                call, spring(400, "Bad Request", message, call.request.path)
            )
        if (
            call.operation in (Operation.CREATE, Operation.STOP)
            and call.request.mimetype != "application/json"
        ):
            message = f"Content type '{call.request.mimetype}' not supported"
            return self.responses.dressed(
                call, spring(415, "Unsupported Media Type", message, call.request.path)
            )
        try:
            check_track_id(headers.get("Zuora-Track-Id"))
            if call.key is not None and len(call.key) > _MAX_KEY:
                raise RefusalError((20, f"Idempotency-Key: at most {_MAX_KEY} characters."))
        except RefusalError as refusal:
            return self.responses.refused(call, *refusal.reasons)
        return None

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
