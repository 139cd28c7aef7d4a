"""
Every error of this package.

```
ZuoraBackfillError                 .message .hint
├── ConfigurationError             a setting is missing, malformed, or contradicts another
├── InputError                     an argument of a resource is wrong
├── TransportError                 no usable answer came: .arrived, .transient
│   └── AskedToWaitError           nothing was sent: Zuora asked to wait too long
├── InterruptedWaitError           the run was cancelled while something was waited for
├── ApiError                       the answer is no: .status .code .request_ids .transient .saved
│   ├── AuthenticationError        the credentials or the token were refused
│   └── NotFoundError              Zuora does not know the job
└── JobError                       what became of a job, in words for the user
    ├── OutcomeUnknownError        the request may or may not have started a job
    ├── AmbiguousJobError          a job exists that may or may not be this resource's
    ├── GuardError                 the tenant already holds such a job
    ├── NotVerifiedError           a live job lacks the proof of its dry run, or the approval
    ├── JobRefusedError            Zuora will not start the job
    ├── StateUnreadableError       what the stack's state holds is not known
    ├── WrongTenantError           state and today's settings name different tenants or entities
    ├── JobStillRunningError       a job that has to end first has not ended
    ├── JobFailedError             a job that was waited for did not complete cleanly
    ├── UnknownJobStatusError      a job has a status that Zuora does not document
    └── JobTimedOutError           a job has not ended in time, and runs on
```

No message holds a body, a header, a token or a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi import RunError

if TYPE_CHECKING:
    from .contract.attempt import Attempt


class ZuoraBackfillError(Exception):
    """
    The base of all errors of this package.

    Attributes:
        message: What happened, and what that means for the data.
        hint: What to do next, on lines of its own; empty if there is nothing to do.
        arrived: Whether the request that failed may have been carried out all the same.
        outcome_open: Whether any request of the call may have been.
        saved: Whether the same answer came twice: it is one that Zuora had saved.
    """

    arrived = False
    outcome_open = False
    saved = False

    def __init__(self, message: str, hint: str = "") -> None:
        """Join message and hint to the text that a user reads: the hint starts a line."""
        super().__init__(f"{message}\n{hint}".strip())
        self.message = message
        self.hint = hint

    def add_hint(self, hint: str) -> None:
        """Add a way on to the text, on a line of its own."""
        self.hint = f"{self.hint}\n{hint}".strip()
        self.args = (f"{self.message}\n{self.hint}",)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error be copied and pickled with all its attributes."""
        return self.__new__, (type(self), *self.args), self.__dict__


class ConfigurationError(ZuoraBackfillError):
    """A setting is missing, malformed, or contradicts another one; nothing was sent."""


class InputError(ZuoraBackfillError, RunError):
    """
    An argument of a resource is wrong; nothing was sent.

    Raised in a program, Pulumi shows its text without a traceback.
    """


class TransportError(ZuoraBackfillError):
    """
    No usable answer came.

    Attributes:
        arrived: Whether the request may have been carried out; never true of one that only reads.
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
    An answer came, and it is no.

    Attributes:
        status: The HTTP status; 200 for a refusal with ``success: false``.
        code: Zuora's reason code, or ``None``.
        reason: Zuora's own message, cleaned.
        request_ids: ``Zuora-Request-Id``, ``requestId`` and ``processId``, as far as the answer
            has them: what support asks for.
        answer_id: ``Zuora-Request-Id`` of an answer in Zuora's own shape; ``None`` for any other
            answer, such as a gateway's page.
        transient: Whether the same request may be tried again.
        arrived: Whether the request may have been carried out although the answer is no.
        retry_after_s: Seconds that Zuora asks to wait, or ``None``.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        status: int,
        code: str | None = None,
        reason: str = "",
        request_ids: tuple[str, ...] = (),
        answer_id: str | None = None,
        transient: bool = False,
        retry_after_s: float | None = None,
        arrived: bool = True,
    ) -> None:
        """Keep the parts of the answer that decide what happens next."""
        super().__init__(message, hint)
        self.status = status
        self.code = code
        self.reason = reason
        self.request_ids = request_ids
        self.answer_id = answer_id
        self.transient = transient
        self.retry_after_s = retry_after_s
        self.arrived = arrived

    @property
    def come_back_later(self) -> bool:
        """Whether Zuora is merely busy, so that only the deadline limits the patience."""
        return self.status in (409, 429)


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
    """A job exists that may or may not be this resource's; nothing more was sent."""


class GuardError(JobError):
    """The tenant already holds a job of this type; nothing was started."""


class NotVerifiedError(JobError):
    """Nothing proves the dry run, or the approval, that a live job needs; nothing was started."""


class JobRefusedError(JobError):
    """Zuora will not start the job."""


class StateUnreadableError(JobError):
    """The stack's state could not be read, so a live job could be a second one."""


class WrongTenantError(JobError):
    """State and today's settings name different tenants or entities; nothing was sent."""


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
