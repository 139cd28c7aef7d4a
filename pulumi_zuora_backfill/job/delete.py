"""What delete does: the job is asked to stop if it may be stopped, or has to have ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.connection import Voice, Zuora
from pulumi_zuora_backfill.contract.attempt import Attempt
from pulumi_zuora_backfill.contract.stopping import STOP_TIMEOUT_S, ensure_ended, stop_job
from pulumi_zuora_backfill.contract.tenant_check import (
    ensure_same_place,
    ensure_same_tenant,
    scope_in_state,
)
from pulumi_zuora_backfill.properties import (
    CUSTOM_TIMEOUTS,
)
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.settings.parsing import duration_s
from pulumi_zuora_backfill.zuora.models import ENDED, iso
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK


def delete_job(
    connect: Callable[[], Zuora],
    settings: Settings,
    clock: Clock,
    properties: Mapping[str, Any],
    voice: Voice,
    *,
    replacing: bool,
    kept_by: str | None = None,
    ended: bool = False,
) -> None:
    """
    Give up the job: ask it to stop if it may be stopped and may still run.

    Replacing a job that runs and may not be stopped is refused here already. State then stays as it
    is, and the change can be taken back.

    Args:
        connect: Returns the connection, if it is needed.
        settings: Today's settings.
        clock: Time.
        properties: The resource's outputs.
        voice: How to speak to the user.
        replacing: Whether another job replaces it.
        kept_by: The resource that holds the job or takes it over; it is not stopped then.
        ended: Whether this run has seen that the job has ended.

    Raises:
        JobStillRunningError: It did not stop in time, or it is replaced and may not be stopped.
        ZuoraBackfillError: Zuora could not be asked, or is another tenant than the state's.
    """
    job_id = properties.get("jobId")
    if job_id is None:
        _say_attempt_is_left(properties, voice, replacing=replacing)
        return
    if ended or properties.get("status") in ENDED:
        return
    may_be_stopped = properties.get("onDelete") == "stop" and not kept_by
    if not may_be_stopped and not replacing:
        goes_on = f"{kept_by!r} holds it" if kept_by else 'on_delete is "leave"'
        voice.info(
            f"Job {job_id} was not stopped: {goes_on}. If it still runs, Zuora continues it."
        )
        return
    if settings.base_url is not None:
        ensure_same_place(settings.base_url, properties, settings)
    zuora = connect()
    ensure_same_tenant(zuora.client.tenant_id(), properties)
    scope = scope_in_state(properties, settings)
    if not may_be_stopped:
        ensure_ended(
            zuora.client,
            job_id,
            properties.get("status"),
            scope,
            "To keep this job, take the change back: state still has it.",
        )
        return
    timeouts = properties.get(CUSTOM_TIMEOUTS) or {}
    timeout_s = duration_s(str(timeouts["delete"])) if timeouts.get("delete") else STOP_TIMEOUT_S
    job = stop_job(zuora.client, job_id, scope, clock, voice.status, timeout_s)
    if job is None:
        voice.info(f"Zuora no longer knows job {job_id}: there was nothing to stop.")


def _say_attempt_is_left(properties: Mapping[str, Any], voice: Voice, *, replacing: bool) -> None:
    """Say that nobody knows whether there is a job."""
    attempt = Attempt.from_state(properties.get("attempt"))
    if attempt and attempt.refused:
        return
    when = f" of {iso(attempt.began)}" if attempt else ""
    until = f", or may still start it until {iso(attempt.settled_on)}" if attempt else ""
    then = "The guard looks before the next one starts." if replacing else "Nothing was stopped."
    voice.warn(
        f"The attempt{when} may have started a {properties.get('type')} backfill in tenant "
        f"{properties.get('tenantId')}{until}. {then} Look in {WHERE_TO_LOOK}; start nothing else "
        "before."
    )
