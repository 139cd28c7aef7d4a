"""What read does: the job is looked up, and never reported gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_zuora_backfill.connection import Voice, Zuora
from pulumi_zuora_backfill.contract.tenant_check import (
    ensure_same_place,
    ensure_same_tenant,
    place_of,
    scope_in_state,
)
from pulumi_zuora_backfill.errors import JobError, NotFoundError
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.zuora.models import Job, JobStatus
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .outputs import kept_of, known, outputs_of, secret_again


def read_job(
    zuora: Zuora, settings: Settings, id_: str, properties: Mapping[str, Any], voice: Voice
) -> dict[str, Any]:
    """
    Look the job up and return its outputs; a job that Zuora does not know keeps its state.

    Args:
        zuora: The connection.
        settings: Today's settings.
        id_: The resource id: the job to look up if there is no state.
        properties: Its outputs.
        voice: How to speak to the user.

    Raises:
        JobError: It is unknown and there is no state either: a ``get`` of a wrong id.
        ZuoraBackfillError: Zuora could not be asked, or is another tenant than the state's.
    """
    kept = kept_of(properties)
    job_id = str(kept.get("jobId", id_))
    ensure_same_place(zuora.base_url, kept, settings)
    tenant_id = zuora.client.tenant_id()
    ensure_same_tenant(tenant_id, kept)
    scope = scope_in_state(kept, settings)
    try:
        job = zuora.client.get(job_id, scope)
    except NotFoundError as error:
        if "jobId" not in kept:
            raise JobError(
                f"Zuora does not know job {job_id} in {scope.described()}.",
                f"Check the id in {WHERE_TO_LOOK}, and the entity (ZUORA_ENTITY_IDS or "
                "zuora:entityIds): a job is only seen from its own entity.",
            ) from error
        voice.warn(
            f"Zuora no longer knows job {job_id}: it was purged, or the tenant was refreshed.\n"
            "State keeps it with the status UNKNOWN. No new job is started because of that."
        )
        return secret_again({**kept, "status": JobStatus.UNKNOWN.value})
    _say_status(job, kept, voice)
    place = place_of(zuora.base_url, tenant_id, scope)
    seen = {**place, "type": job.type, "recovered": False, **kept, **outputs_of(job)}
    return secret_again(known(seen))


def unchanged(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs of an open attempt as they are; nothing is sent."""
    kept = kept_of(properties)
    return secret_again(kept)


def _say_status(job: Job, kept: Mapping[str, Any], voice: Voice) -> None:
    """Tell of a job that has failed or was stopped, and of one that is seen to have ended."""
    if job.status in (JobStatus.FAILED, JobStatus.STOPPED):
        voice.warn(f"Job {job.id} is {job.status}. To run the backfill again, change triggers.")
    elif job.ended and kept.get("status") != job.status:
        errors = "unknown number of" if job.error_count is None else job.error_count
        voice.info(f"Job {job.id} is {job.status}, {errors} failed records.")
