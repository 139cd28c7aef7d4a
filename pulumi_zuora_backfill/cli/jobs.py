"""`jobs` and `show`: what Zuora holds, read once."""

from __future__ import annotations

from rich.text import Text

from pulumi_zuora_backfill.zuora.models import Job, JobStatus
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .exit_codes import ExitCode, outcome_of
from .rendering import COLUMNS, STYLES, aligned, facts_of, json_of, newest_first, row_of
from .tenant_access import open_tenant
from .terminal import console, print_json, say


def list_jobs(stack: str | None, *, as_json: bool) -> ExitCode:
    """Print all jobs of the tenant, the newest first; sends one GET."""
    tenant = open_tenant(stack, say)
    jobs = newest_first(tenant.client.list(tenant.scope))
    if as_json:
        print_json([json_of(job) for job in jobs])
        return ExitCode.OK
    say(f"Backfill jobs in {tenant.described()}: {len(jobs)}.")
    if jobs:
        _print_table(jobs)
    return ExitCode.OK


def show_job(
    stack: str | None, job_id: str, *, as_json: bool, exit_status: bool, max_errors: int
) -> ExitCode:
    """Print one job; sends one GET."""
    tenant = open_tenant(stack, say)
    job = tenant.client.get(job_id, tenant.scope)
    if as_json:
        print_json(json_of(job))
    else:
        out = console()
        for name, value in [*facts_of(job), ("Where", tenant.described())]:
            style = STYLES.get(value, "") if name == "Status" else ""
            out.print(Text.assemble((f"{name:<16}", "bold"), (value, style)))
        if job.status == JobStatus.FAILED:
            say(f"Zuora gives no reason over the API. Look in {WHERE_TO_LOOK}.")
    return outcome_of(job, max_errors) if exit_status else ExitCode.OK


def _print_table(jobs: list[Job]) -> None:
    """Print a line for each job: on a terminal as many columns as fit, in a pipe all."""
    out = console()
    lines = aligned([COLUMNS, *map(row_of, jobs)], out.width if out.is_terminal else None)
    out.print(Text(lines[0], "bold"))
    for job, line in zip(jobs, lines[1:], strict=True):
        text = Text(line)
        text.highlight_words([job.status], STYLES.get(job.status, ""))
        out.print(text)
