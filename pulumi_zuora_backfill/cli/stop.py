"""`stop`: ask one job to stop, after asking the person."""

from __future__ import annotations

import click

from pulumi_zuora_backfill.errors import ApiError
from pulumi_zuora_backfill.zuora.models import Job, iso

from .exit_codes import ExitCode
from .failures import EndedEarlyError
from .rendering import state_of
from .tenant_access import Tenant, open_tenant
from .terminal import can_ask, say
from .watch import follow


def stop_job(stack: str | None, job_id: str, *, yes: bool, timeout_s: float) -> ExitCode:
    """Stop a job and wait until it has ended; sends one GET, after a yes one PUT, then GETs."""
    if not (yes or can_ask()):
        raise EndedEarlyError(
            "Nothing was sent: stop asks first, and there is no terminal to ask on.\n"
            "To stop the job without a question, add --yes.",
            ExitCode.USAGE,
        )
    tenant = open_tenant(stack, say)
    job = tenant.client.get(job_id, tenant.scope)
    if job.ended:
        say(f"Job {job.id} has ended already: {state_of(job)}. There was nothing to stop.")
        return ExitCode.OK
    if not yes:
        _ask(tenant, job)
    try:
        _send(tenant, job)
        end = [job, *follow(tenant, [job.id], timeout_s, say)][-1]
    except KeyboardInterrupt:
        raise EndedEarlyError(
            "Stopped waiting. The job may have been asked to stop. See what became of it:\n"
            f"  zuora-backfill show {job.id}",
            ExitCode.INTERRUPTED,
        ) from None
    if not end.ended:
        say(
            f"Job {job.id} was asked to stop, and is still {end.status}. It may stop later:\n"
            f"  zuora-backfill watch {job.id}"
        )
        return ExitCode.RUNNING
    say(f"Job {job.id} has ended: {state_of(end)}. What a live job has changed stays changed.")
    return ExitCode.OK


def _ask(tenant: Tenant, job: Job) -> None:
    """Ask the person; raise unless the answer is yes."""
    created = f", created {iso(job.created_on)}" if job.created_on else ""
    by = f" by {job.user}" if job.user else ""
    say(
        f"{job.type or 'Job'} backfill {job.id} is {state_of(job)}{created}{by},\n"
        f"in {tenant.described()}.\n"
        "A live job that is stopped is half done: what it has changed stays changed."
    )
    try:
        agreed = click.confirm("Stop it?", err=True)
    except click.Abort:
        raise EndedEarlyError("\nThe job was not stopped.", ExitCode.INTERRUPTED) from None
    if not agreed:
        raise EndedEarlyError("The job was not stopped.", ExitCode.DECLINED)


def _send(tenant: Tenant, job: Job) -> None:
    """Ask Zuora to stop a job; a refusal of one that has just ended is none."""
    try:
        tenant.client.stop(job.id, tenant.scope)
    except ApiError:
        if not tenant.client.get(job.id, tenant.scope).ended:
            raise
