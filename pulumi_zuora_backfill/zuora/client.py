"""
The four operations on auto backfill jobs: paths, verbs and headers, and nothing about when to use them.

Source: https://developer.zuora.com/v1-api-reference/api/data-backfill/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pulumi_zuora_backfill.errors import InputError

from .http import Answer
from .models import JOB_ID_LENGTH, BackfillRequest, Job, Scope, job_id_of
from .refusals import clean
from .retries import Call, Transport
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
    """Creates, reads, lists and stops auto backfill jobs; every method raises `ZuoraBackfillError`."""

    def __init__(self, transport: Transport, credentials: ClientCredentials) -> None:
        """
        Keep the parts; nothing is sent yet.

        Args:
            transport: Sends calls.
            credentials: Knows the tenant.
        """
        self._transport = transport
        self._credentials = credentials

    def tenant_id(self) -> str | None:
        """Return the tenant that the token names; asks for a token where there is none yet, with the patience of any other call."""
        return self._transport.patiently("get a token", lambda _: self._credentials.tenant_id())

    def create(
        self, request: BackfillRequest, scope: Scope, *, idempotency_key: str, track_id: str
    ) -> Started:
        """
        Start a job, or get the saved answer of an earlier request with this key.

        Sends one POST; where its outcome stays open, the same one again, with the same key.

        Args:
            request: The body.
            scope: Entity and organisations.
            idempotency_key: Up to 254 ASCII characters; Zuora keeps it for 24 hours.
            track_id: ``Zuora-Track-Id``, up to 64 characters.
        """
        call = Call(
            operation="start the backfill job",
            method="POST",
            path=JOBS_PATH,
            headers=scope.headers()
            | {"Idempotency-Key": idempotency_key, "Zuora-Track-Id": track_id},
            json_body=request.to_wire(),
        )
        return self._transport.send(
            call,
            lambda answer: Started(
                job_id=job_id_of(answer.body.get("jobId")), request_id=answer.request_id
            ),
        )

    def get(self, job_id: str, scope: Scope, *, within_s: float | None = None) -> Job:
        """
        Read one job.

        Args:
            job_id: Its id.
            scope: The entity and the organisations it runs in.
            within_s: How long to try it where there is less time than a call may take.

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

    def list(self, scope: Scope) -> tuple[Job, ...]:
        """Read all jobs of the tenant, whatever their type; Zuora knows no filter and no paging here."""

        def understand(answer: Answer) -> tuple[Job, ...]:
            jobs = answer.body.get("jobs")
            if not isinstance(jobs, list):
                raise ValueError("it holds no list of jobs")
            return tuple(Job.from_wire(job, seen_at=answer.date) for job in jobs)

        return self._transport.send(
            Call(
                operation="list the backfill jobs",
                method="GET",
                path=JOBS_PATH,
                headers=scope.headers(),
            ),
            understand,
        )

    def stop(self, job_id: str, scope: Scope) -> None:
        """Ask a job to stop. Zuora refuses an ``Idempotency-Key`` on PUT, and asking twice changes nothing."""
        call = Call(
            operation=f"stop job {job_id}",
            method="PUT",
            path=_path_of(job_id),
            headers=scope.headers(),
            json_body={"status": "Stopping"},
        )
        self._transport.send(call, lambda answer: None)


def _path_of(job_id: str) -> str:
    """Return the path of a job; what is no id could lead to another one."""
    try:
        return f"{JOBS_PATH}/{job_id_of(job_id)}"
    except ValueError:
        raise InputError(
            f"{clean(job_id)!r} is no job id: it has to be {JOB_ID_LENGTH} characters long."
        ) from None
