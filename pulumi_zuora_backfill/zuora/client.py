"""
The four operations on auto backfill jobs: paths, verbs and headers, not when to use them.

Source: https://developer.zuora.com/v1-api-reference/api/data-backfill/
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pulumi_zuora_backfill.errors import InputError

from .http import Answer
from .models import JOB_ID_LENGTH, BackfillRequest, Job, Scope, job_id_of
from .retries import Call, Transport
from .texts import clean
from .token import ClientCredentials

JOBS_PATH: Final = "/v1/uno/data-backfill/propagation/jobs"


@dataclass(frozen=True, kw_only=True)
class Started:
    """
    Zuora's answer to *create*.

    Attributes:
        job_id: The job; maybe one that an earlier request with the same key had started.
        request_id: ``Zuora-Request-Id``; a saved answer carries its old one.
    """

    job_id: str
    request_id: str | None


class BackfillClient:
    """
    Creates, reads, lists and stops auto backfill jobs.

    Every method that sends something raises `ZuoraBackfillError`, and takes ``within_s``: how long
    to try it where there is less time than one call may take.
    """

    def __init__(self, transport: Transport, credentials: ClientCredentials) -> None:
        """
        Keep the parts; nothing is sent yet.

        Args:
            transport: Sends calls.
            credentials: Knows the tenant.
        """
        self._transport = transport
        self._credentials = credentials

    @property
    def base_url(self) -> str:
        """Where Zuora is."""
        return self._transport.exchange.base_url

    def zuora_now(self) -> datetime | None:
        """Return the time by Zuora's own clock; ``None`` where no answer has told it yet."""
        return self._transport.exchange.zuora_now()

    def tenant_id(self, *, within_s: float | None = None) -> str:
        """
        Return the tenant that the token names; asks for a token where there is none yet.

        Raises:
            ConfigurationError: The token names no tenant, or another than the configured one.
        """
        return self._transport.patiently(
            "get a token",
            lambda patience: self._credentials.tenant_id(within_s=patience.attempt_s()),
            within_s=within_s,
        )

    def create(
        self,
        request: BackfillRequest,
        scope: Scope,
        *,
        idempotency_key: str,
        track_id: str,
        within_s: float | None = None,
        before_send: Callable[[bool], None] | None = None,
    ) -> Started:
        """
        Start a job, or get the saved answer of an earlier request with this key.

        Sends one POST; where its outcome stays open, the same one again, with the same key. A
        refusal is asked for once more, to learn whether it is a saved one.

        Args:
            request: The body.
            scope: Entity and organisations.
            idempotency_key: Up to 254 ASCII characters; Zuora keeps it for 24 hours.
            track_id: ``Zuora-Track-Id``, up to 64 characters.
            within_s: How long to try it where there is less time than a call may take.
            before_send: Called right before each POST leaves, with whether an earlier one may have
                started a job. Whatever it raises ends the call, and that POST is not sent.

        Raises:
            ZuoraBackfillError: Its ``outcome_open`` says whether a job may have been started, its
                ``saved`` whether it is a refusal that Zuora had saved under the key.
        """
        call = Call(
            operation="start the backfill job",
            method="POST",
            path=JOBS_PATH,
            headers=scope.headers()
            | {"Idempotency-Key": idempotency_key, "Zuora-Track-Id": track_id},
            json_body=request.to_wire(),
            confirm_refusal=True,
            before_send=before_send,
        )

        def understand(answer: Answer) -> Started:
            job_id = job_id_of(answer.body.get("jobId"))
            return Started(job_id=job_id, request_id=answer.request_id)

        return self._transport.send(call, understand, within_s=within_s)

    def get(self, job_id: str, scope: Scope, *, within_s: float | None = None) -> Job:
        """
        Read one job.

        Args:
            job_id: Its id.
            scope: The entity and the organisations it runs in.
            within_s: How long to try it where there is less time than one call may take.

        Raises:
            InputError: The id cannot be one; nothing was sent.
            NotFoundError: Zuora does not know it.
        """

        def understand(answer: Answer) -> Job:
            job = Job.from_wire(answer.body.get("job"), seen_at=answer.date)
            if job.id != job_id:
                raise ValueError(f"it is about job {job.id}, not about {job_id}")
            return job

        call = Call(
            operation=f"read job {job_id}",
            method="GET",
            path=_path_of(job_id),
            headers=scope.headers(),
        )
        return self._transport.send(call, understand, within_s=within_s)

    def list(self, scope: Scope, *, within_s: float | None = None) -> tuple[Job, ...]:
        """Read all jobs of the tenant, of any type; Zuora knows no filter and no paging here."""

        def understand(answer: Answer) -> tuple[Job, ...]:
            jobs = answer.body.get("jobs")
            if not isinstance(jobs, list):
                raise ValueError("it holds no list of jobs")
            return tuple(Job.from_wire(job, seen_at=answer.date) for job in jobs)

        call = Call(
            operation="list the backfill jobs",
            method="GET",
            path=JOBS_PATH,
            headers=scope.headers(),
        )
        return self._transport.send(call, understand, within_s=within_s)

    def stop(self, job_id: str, scope: Scope, *, within_s: float | None = None) -> None:
        """
        Ask a job to stop; asking twice changes nothing.

        Zuora refuses an ``Idempotency-Key`` on PUT.
        """
        call = Call(
            operation=f"stop job {job_id}",
            method="PUT",
            path=_path_of(job_id),
            headers=scope.headers(),
            json_body={"status": "Stopping"},
        )
        self._transport.send(call, lambda answer: None, within_s=within_s)


def _path_of(job_id: str) -> str:
    """Return the path of a job; what is no id could lead to another one."""
    try:
        return f"{JOBS_PATH}/{job_id_of(job_id)}"
    except ValueError:
        raise InputError(
            f"{clean(job_id)!r} is not a job id: a job id has {JOB_ID_LENGTH} characters."
        ) from None
