"""
Every error of this package, and how an answer of Zuora becomes one.

```
ZuoraBackfillError                 .message .hint
├── ConfigurationError             a setting is missing, malformed, or contradicts another
├── InputError                     an argument of a resource is wrong
├── TransportError                 no usable answer came: .arrived, .transient
│   └── AskedToWaitError           nothing was sent, as Zuora asked to wait longer than a call may take
├── InterruptedWaitError           the run was cancelled while something was waited for
├── ApiError                       Zuora said no: .status .code .request_ids .transient
│   ├── AuthenticationError        the credentials or the token were refused
│   └── NotFoundError              Zuora does not know the job
└── JobError                       what became of a job, in words for the user
    ├── OutcomeUnknownError        the request may or may not have started a job
    ├── AmbiguousJobError          a job exists that nobody here can account for
    ├── GuardError                 the tenant already holds such a job
    ├── NotVerifiedError           a live job lacks the proof of its dry run, or the approval
    ├── JobRefusedError            Zuora will not start the job
    ├── StateUnreadableError       what the stack's state holds is not known
    ├── WrongTenantError           state and today's settings speak of different places
    ├── JobStillRunningError       a job that has to end first has not ended
    ├── JobFailedError             a job that was waited for did not complete cleanly
    ├── UnknownJobStatusError      a job has a status that Zuora does not document
    └── JobTimedOutError           a job has not ended in time, and runs on
```

No message holds a body, a header, a token or a secret. A text from the server is cut at 500 characters and stripped of control characters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pulumi import RunError

from .zuora.refusals import (
    USER_INFO_FAILED,
    category_of,
    clean,
    hint_for,
    is_transient,
    reasons_of,
    text_or_none,
    without,
)

if TYPE_CHECKING:
    from .contract.attempt import Attempt


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

    def add_hint(self, hint: str) -> None:
        """Add a way on to the text."""
        self.hint = f"{self.hint} {hint}".strip()
        self.args = (f"{self.message} {self.hint}",)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error be copied and pickled with all its attributes, whatever its ``__init__`` asks for."""
        return self.__new__, (type(self), *self.args), self.__dict__


class ConfigurationError(ZuoraBackfillError):
    """A setting is missing, malformed, or contradicts another one; nothing was sent."""


class InputError(ZuoraBackfillError, RunError):
    """An argument of a resource is wrong; nothing was sent. Raised in a program, Pulumi shows it as one line."""


class TransportError(ZuoraBackfillError):
    """
    No usable answer came.

    Attributes:
        arrived: Whether the request may have reached Zuora.
        transient: Whether the same request may be tried again.
    """

    def __init__(
        self, message: str, hint: str = "", *, arrived: bool, transient: bool = True
    ) -> None:
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
        request_ids: ``Zuora-Request-Id``, ``requestId`` and ``processId``, as far as the answer has them: what support asks for.
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
        request_ids: tuple[str, ...] = (),
        transient: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        """Keep the parts of the answer that decide what happens next."""
        super().__init__(message, hint)
        self.status = status
        self.code = code
        self.reason = reason
        self.request_ids = request_ids
        self.transient = transient
        self.retry_after_s = retry_after_s

    @property
    def come_back_later(self) -> bool:
        """Whether Zuora is merely busy (409, 429), so that only the deadline limits the patience."""
        return self.status in (409, 429)

    def repeats(self, other: ApiError | None) -> bool:
        """Tell whether this is the very answer that came before: Zuora saves answers with their ids, and numbers every new one."""
        return other is not None and not set(self.request_ids).isdisjoint(other.request_ids)

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
        secrets: Collection[str] = (),
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
            secrets: What the request held and no text may hold.
        """
        reasons = reasons_of(body)
        code = without(reasons[0][0], secrets) if reasons and reasons[0][0] else None
        reason = without(clean("; ".join(message for _, message in reasons if message)), secrets)
        categories = [category_of(code) for code, _ in reasons]
        said_ids = body if isinstance(body, dict) else {}
        ids = [
            headers.get("Zuora-Request-Id"),
            said_ids.get("requestId"),
            said_ids.get("processId"),
        ]
        request_ids = tuple(
            dict.fromkeys(without(id, secrets) for id in map(text_or_none, ids) if id)
        )
        request_id = request_ids[0] if request_ids else None
        transient = is_transient(status, categories) or (
            status == 401 and USER_INFO_FAILED in reason
        )
        kind: type[ApiError] = cls
        if (status == 401 and not transient) or (
            categories and all(category == "11" for category in categories)
        ):
            kind = AuthenticationError
        elif (status == 404 or 200 <= status < 300) and "40" in categories:
            kind = NotFoundError
        said = f"HTTP {status}" if not 200 <= status < 300 else "success: false"
        if retry_after_s:
            said += f", to be tried again after {retry_after_s:.0f} s"
        if code:
            said += f", code {code}"
        if reason:
            said += f": {reason}"
        marks = [f"request id {request_id}"] if request_id else []
        marks += [f"track id {track_id}"] if track_id else []
        message = (
            f"Zuora refused to {operation} ({said})"
            if not transient
            else f"Zuora could not {operation} ({said})"
        )
        return kind(
            message + (f" [{', '.join(marks)}]." if marks else "."),
            hint_for(status, categories, reason),
            status=status,
            code=code,
            reason=reason,
            request_ids=request_ids,
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
    """
    The request may or may not have started a job; the same `up` continues safely.

    Attributes:
        attempt: What state has to keep for it.
        unrecorded_hint: What to do if state could not keep it.
    """

    def __init__(
        self, message: str, hint: str, *, attempt: Attempt, unrecorded_hint: str = ""
    ) -> None:
        """Keep the attempt beside the text."""
        super().__init__(message, hint)
        self.attempt = attempt
        self.unrecorded_hint = unrecorded_hint


class AmbiguousJobError(JobError):
    """A job exists that nothing here can account for; nothing more was sent."""


class GuardError(JobError):
    """The tenant already holds a job of this type; nothing was started."""


class NotVerifiedError(JobError):
    """Nothing proves the dry run, or the approval, that a live job needs; nothing was started."""


class JobRefusedError(JobError):
    """Zuora will not start the job."""


class StateUnreadableError(JobError):
    """The stack's state could not be read, so a live job could be a second one."""


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
