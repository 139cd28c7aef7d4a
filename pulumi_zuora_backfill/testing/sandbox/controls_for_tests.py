"""What a test has a hand on: jobs, users, planned faults, recorded requests. No sockets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .faults import Fault, FaultPlan, HeldRequests
from .guesses_about_zuora import Behaviours
from .recorded_requests import Operation, RecordedRequest, RequestLog
from .sandbox_clock import SandboxClock
from .server import Hook, WsgiApplication
from .simulated_zuora import ENDED, NewJob, SandboxJob, Scope, Tenant


class Controls:
    """
    The test's side of the sandbox.

    Attributes:
        clock: The sandbox's own clock; `clock.advance(seconds)` pushes it: dates, tokens, keys and
            jobs all follow it.
        behaviours: The guesses, to be changed at any time.
    """

    clock: SandboxClock
    behaviours: Behaviours
    _tenant: Tenant
    _plan: FaultPlan
    _log: RequestLog
    _held: HeldRequests
    _application: WsgiApplication

    @property
    def client_id(self) -> str:
        """The tenant's client id."""
        return self._tenant.client_id

    @property
    def client_secret(self) -> str:
        """The tenant's client secret."""
        return self._tenant.client_secret

    @property
    def tenant_id(self) -> str:
        """The tenant's number, as the token's scope has it."""
        return self._tenant.tenant_id

    def plan(
        self,
        fault: Fault,
        on: Operation | None = None,
        times: int = 1,
        after: int = 0,
        **parameters: Any,
    ) -> None:
        """
        Let requests fail.

        Args:
            fault: How; its docstring says what happens.
            on: Which operation; `None`: any.
            times: How many requests.
            after: How many requests that match go by before.
            **parameters: What the fault takes.

        Raises:
            TypeError: The fault does not take one of the parameters.
        """
        self._plan.add(fault, on, times, after, parameters)

    def clear_plans(self) -> None:
        """Drop every fault that was planned and has not happened."""
        self._plan.clear()

    def wait_until_held(self, number: int = 1, timeout_s: float = 30.0) -> None:
        """
        Wait until `Fault.HANG` holds so many requests.

        Raises:
            TimeoutError: It does not come to that.
        """
        if not self._held.wait_for_waiting(number, timeout_s):
            msg = f"No {number} held requests within {timeout_s} seconds."
            raise TimeoutError(msg)

    def release(self) -> None:
        """Let every request go on that `Fault.HANG` holds now."""
        self._held.release()

    @property
    def on_request(self) -> Hook | None:
        """Called when a request was read and nothing is done yet, in the thread that answers it."""
        return self._application.on_request

    @on_request.setter
    def on_request(self, hook: Hook | None) -> None:
        self._application.on_request = hook

    @property
    def on_answer(self) -> Hook | None:
        """Called when a request's work is done, before its answer is sent, held or dropped."""
        return self._application.on_answer

    @on_answer.setter
    def on_answer(self, hook: Hook | None) -> None:
        self._application.on_answer = hook

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests since `forget_requests()`, in the order in which they were read."""
        return self._log.seen()

    def count(self, operation: Operation) -> int:
        """Return how many requests asked for an operation."""
        return self._log.count(operation)

    def forget_requests(self) -> None:
        """Start to record anew."""
        self._log.forget()

    @property
    def jobs(self) -> list[SandboxJob]:
        """All jobs that are not forgotten, oldest first; each follows the clock."""
        self._tenant.settle()
        return self._tenant.jobs()

    def add_job(
        self,
        *,
        type: str = "RatePlanCharge",
        status: str | None = None,
        age_s: float = 0.0,
        dry_run: bool = False,
        batch_size: int = 1000,
        entity_id: str | None = None,
        org_ids: Iterable[str] = (),
        error_count: int = 0,
    ) -> SandboxJob:
        """
        Add a job that somebody else has started.

        Args:
            type: `RatePlanCharge`, `OrderLineItem`, or `BookingDate` for a job of another kind.
            status: Its status from now on; `None`: by the clock, like any other job.
            age_s: How long ago it was made.
            dry_run: Whether it is a dry run.
            batch_size: Its batch size.
            entity_id: Its entity.
            org_ids: Its organisations.
            error_count: How many of its records have failed.
        """
        wanted, scope = NewJob(type, batch_size, dry_run), Scope(entity_id, tuple(org_ids))
        job = self._tenant.add(wanted, scope, created_s=self.clock.now() - age_s)
        job.error_count = error_count
        if status is not None:
            job.decide(status)
        return job

    def finish(
        self,
        job_id: str,
        status: str = "COMPLETED",
        error_count: int = 0,
        *,
        batches_finished: int | None = None,
    ) -> None:
        """
        End a job.

        Args:
            job_id: Which.
            status: `COMPLETED`, `FAILED` or `STOPPED`.
            error_count: How many records have failed.
            batches_finished: How many batches are done; by default what the status and the clock
                say.

        Raises:
            KeyError: There is no such job.
            ValueError: A job does not end in this status.
        """
        if status not in ENDED:
            msg = f"A job ends in one of {', '.join(ENDED)}, not in {status}."
            raise ValueError(msg)
        if error_count and self.behaviours.errors_fail_job and status == "COMPLETED":
            status = "FAILED"
        job = self._tenant.job(job_id)
        job.error_count = error_count
        job.decide(status, batches_finished)

    def set_status(self, job_id: str, status: str) -> None:
        """Give a job a status, even one that Zuora does not have."""
        self._tenant.job(job_id).decide(status)

    def forget_job(self, job_id: str) -> None:
        """Purge a job: Zuora knows it no more. Answers that name it stay saved under their keys."""
        self._tenant.forget(job_id)

    def permit(self, permitted: bool = True) -> None:
        """Give the user the permission Manage OTR Settings, or take it away."""
        self._tenant.permitted = permitted

    def revoke_tokens(self) -> None:
        """Answer 401 to every token issued so far."""
        self._tenant.revoke_tokens()
