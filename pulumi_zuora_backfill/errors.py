"""
Every error of this package, and how an answer of Zuora becomes one.

```
ZuoraBackfillError                 .message .hint
├── ConfigurationError             a setting is missing, malformed, or contradicts another
├── InputError                     an argument of a resource is wrong
├── TransportError                 no usable answer came: .arrived, .transient
│   └── AskedToWaitError           nothing was sent, as Zuora asked to wait longer than a call may take
├── InterruptedWaitError           the run was cancelled while something was waited for
├── ApiError                       Zuora said no: .status .code .request_id .transient
│   ├── AuthenticationError        the credentials or the token were refused
│   └── NotFoundError              Zuora does not know the job
└── JobError                       what became of a job, in words for the user
    ├── OutcomeUnknownError        the request may or may not have started a job
    ├── AmbiguousJobError          a job exists that nobody here can account for
    ├── GuardError                 the tenant already holds such a job
    ├── JobRefusedError            Zuora will not start the job
    ├── WrongTenantError           state and today's settings speak of different places
    ├── JobStillRunningError       a job that has to end first has not ended
    ├── JobFailedError             a job that was waited for did not complete cleanly
    ├── UnknownJobStatusError      a job has a status that Zuora does not document
    └── JobTimedOutError           a job has not ended in time, and runs on
```

No message holds a body, a header, a token or a secret. A text from the server is cut at 500 characters and stripped of control characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MESSAGE_LIMIT = 500
_TRANSIENT_STATUS = frozenset({409, 429, 500, 502, 503, 504})
_TRANSIENT_CATEGORIES = frozenset({"50", "60", "61", "70", "99"})
USER_INFO_FAILED = "Failed to get user info"  # a 401 that Zuora's SDK documents as "retry"


class ZuoraBackfillError(Exception):
    """
    The base of all errors of this package.

    Attributes:
        message: What went wrong, on one line where possible.
        hint: What to do next; empty where there is nothing to say.
        outcome_open: Whether the call may have been carried out all the same.
        replayed: Whether the same answer came twice: it is one that Zuora had saved.
    """

    outcome_open = False
    replayed = False

    def __init__(self, message: str, hint: str = "") -> None:
        """Join message and hint to the text that a user reads."""
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error be copied and pickled with all its attributes, whatever its ``__init__`` asks for."""
        return self.__new__, (type(self), *self.args), self.__dict__


class ConfigurationError(ZuoraBackfillError):
    """A setting is missing, malformed, or contradicts another one; nothing was sent."""


class InputError(ZuoraBackfillError):
    """An argument of a resource is wrong; nothing was sent."""


class TransportError(ZuoraBackfillError):
    """
    No usable answer came.

    Attributes:
        arrived: Whether the request may have reached Zuora.
        transient: Whether the same request may be tried again.
    """

    def __init__(self, message: str, hint: str = "", *, arrived: bool, transient: bool = True) -> None:
        """Keep what the retry loop has to know."""
        super().__init__(message, hint)
        self.arrived = arrived
        self.transient = transient


class AskedToWaitError(TransportError):
    """Nothing was sent, as Zuora asked to wait longer than one call may take."""


class ApiError(ZuoraBackfillError):
    """
    Zuora answered, and the answer is no.

    Attributes:
        status: The HTTP status; 200 for a refusal with ``success: false``.
        code: Zuora's reason code, or ``None``.
        reason: Zuora's own message, cleaned.
        request_id: ``Zuora-Request-Id``, ``requestId`` or ``processId``: what support asks for.
        transient: Whether the same request may be tried again.
        arrived: ``True``, as an answer came; a refused token is the exception.
        retry_after_s: Seconds that Zuora asks to wait, or ``None``.
    """

    arrived = True

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        status: int,
        code: str | None = None,
        reason: str = "",
        request_id: str | None = None,
        transient: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        """Keep the parts of the answer that decide what happens next."""
        super().__init__(message, hint)
        self.status = status
        self.code = code
        self.reason = reason
        self.request_id = request_id
        self.transient = transient
        self.retry_after_s = retry_after_s

    @property
    def come_back_later(self) -> bool:
        """Whether Zuora is merely busy (409, 429), so that only the deadline limits the patience."""
        return self.status in (409, 429)

    @classmethod
    def from_answer(
        cls,
        operation: str,
        status: int,
        body: object,
        *,
        headers: Mapping[str, str],
        track_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> ApiError:
        """
        Build the error for an answer that is a refusal or a failure.

        Args:
            operation: What was asked, such as ``start the backfill job``.
            status: The HTTP status.
            body: The parsed JSON, or the raw text where it is none.
            headers: The headers of the answer.
            track_id: The ``Zuora-Track-Id`` that was sent.
            retry_after_s: What ``Retry-After`` or ``RateLimit-Reset`` said.
        """
        reasons = reasons_of(body)
        code = reasons[0][0] if reasons else None
        reason = clean("; ".join(message for _, message in reasons if message))
        categories = [category_of(code) for code, _ in reasons]
        request_id = _text(headers.get("Zuora-Request-Id")) or _member(body, "requestId") or _member(body, "processId")
        if 200 <= status < 300:
            transient = bool(categories) and all(category in _TRANSIENT_CATEGORIES for category in categories)
        else:
            transient = status in _TRANSIENT_STATUS or (status == 401 and USER_INFO_FAILED in reason)
        kind: type[ApiError] = cls
        if (status == 401 and not transient) or (categories and all(category == "11" for category in categories)):
            kind = AuthenticationError
        elif (status == 404 or 200 <= status < 300) and "40" in categories:
            kind = NotFoundError
        said = f"HTTP {status}" if not 200 <= status < 300 else "success: false"
        if code:
            said += f", code {code}"
        if reason:
            said += f": {reason}"
        marks = [f"request id {request_id}"] if request_id else []
        marks += [f"track id {track_id}"] if track_id else []
        message = f"Zuora refused to {operation} ({said})" if not transient else f"Zuora could not {operation} ({said})"
        return kind(
            message + (f" [{', '.join(marks)}]." if marks else "."),
            hint_for(status, categories, reason),
            status=status,
            code=code,
            reason=reason,
            request_id=request_id,
            transient=transient,
            retry_after_s=retry_after_s,
        )


class AuthenticationError(ApiError):
    """The client credentials, or a token fresh from them, were refused."""


class NotFoundError(ApiError):
    """Zuora does not know the job (category 40); a gateway's 404 is a plain `ApiError`."""


class JobError(ZuoraBackfillError):
    """What became of a backfill job, in words for the person who runs the deployment."""


class OutcomeUnknownError(JobError):
    """The request may or may not have started a job; the same `up` continues safely."""


class AmbiguousJobError(JobError):
    """A job exists that nothing here can account for; nothing more was sent."""


class GuardError(JobError):
    """The tenant already holds a job of this type; nothing was started."""


class JobRefusedError(JobError):
    """Zuora will not start the job."""


class WrongTenantError(JobError):
    """The state and today's settings speak of different places; nothing was sent."""


class JobStillRunningError(JobError):
    """A job that has to end first has not ended."""


class JobFailedError(JobError):
    """A job that was waited for did not complete, or not cleanly."""


class UnknownJobStatusError(JobError):
    """A job has a status that Zuora does not document."""


class JobTimedOutError(JobError):
    """A job has not ended in time; it runs on."""


class InterruptedWaitError(ZuoraBackfillError):
    """The run was cancelled while something was waited for."""


def reasons_of(body: object) -> list[tuple[str | None, str]]:
    """
    Read the reasons out of any of the body shapes that Zuora uses.

    Understood are ``reasons`` (with numbers or strings as codes), ``message``, ``error`` with ``message``, ``code`` with ``message``,
    ``error_description``, and plain text or HTML.
    """
    if isinstance(body, str):
        text = re.sub(r"<[^<>]*>", " ", body)
        return [(None, clean(text))] if text.strip() else []
    if not isinstance(body, dict):
        return []
    reasons = body.get("reasons")
    if isinstance(reasons, list) and reasons:
        return [
            (_text(reason.get("code")), clean(reason.get("message"))) for reason in reasons if isinstance(reason, dict)
        ]
    parts = [clean(body.get(name)) for name in ("error", "message", "error_description") if body.get(name)]
    code = _text(body.get("code"))
    return [(code, ": ".join(parts))] if parts or code else []


def category_of(code: str | None) -> str | None:
    """Return the last two digits of an eight-digit reason code: its category, or ``None`` for codes outside of the scheme."""
    return code[-2:] if code and re.fullmatch(r"\d{8}", code) else None


def clean(text: Any) -> str:
    """Make a text from a server fit for one line: nothing that cannot be printed, at most 500 characters."""
    if text is None:
        return ""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())
    return line if len(line) <= _MESSAGE_LIMIT else line[: _MESSAGE_LIMIT - 1] + "…"


def hint_for(status: int, categories: list[str | None], reason: str) -> str:
    """Say what a refusal usually means and what to do."""
    if status in (301, 302, 303, 307, 308):
        return "Redirects are never followed: check the base URL (ZUORA_BASE_URL or zuora:baseUrl)."
    if status == 404 and "no Route matched" in reason:
        return "This product route is not provisioned on the tenant, or the base URL is not the tenant's: ask Zuora to enable Order to Revenue."
    if status == 403 or "10" in categories:
        return (
            "The API user usually lacks the Billing permission 'Manage OTR Settings' or the Platform permission 'API Write Access'; "
            "grant it and run `pulumi up` again."
        )
    if "11" in categories or status == 401:
        return "Check the client id, the client secret and that they belong to this base URL."
    if "30" in categories:
        return "A rule of the tenant stands against it: check that Order to Revenue is enabled and configured, and that no other backfill runs."
    if status == 429:
        return "The tenant's rate or concurrency limit is reached: run `pulumi up` again later."
    return ""


def _member(body: object, name: str) -> str | None:
    value = body.get(name) if isinstance(body, dict) else None
    return _text(value)


def _text(value: object) -> str | None:
    return None if value is None else clean(value) or None
