"""
The rules, as pure functions: a job in, what is wrong with it out, or ``None``.

A job that would change data is *live*; one that `existing_job_id` names is there already and starts
nothing. What is not known in a preview is refused. No text repeats a value of the program: a policy
sees secrets in plain text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeGuard

from steady_values import unsteady


class Unknown(Enum):
    """A value that a preview does not know yet."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True)
class Job:
    """
    A `BackfillJob`, as a policy sees it.

    Attributes:
        urn: Its URN.
        inputs: Its inputs in wire names, and its outputs if it is in state and does not change.
        settings: The stack's configuration, such as ``zuora:tenantId``.
    """

    urn: str
    inputs: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def live(self) -> bool:
        """Whether it may change data: all but a job that is known to run dry."""
        return self.inputs.get("dryRun") is not True

    @property
    def starts(self) -> bool:
        """Whether this update may start it: neither taken over nor there already."""
        return not (
            _is_text(self.inputs.get("existingJobId")) or _is_text(self.inputs.get("jobId"))
        )


def needs_reason(job: Job, pattern: str = "") -> str | None:
    """
    Ask a live job for a reason.

    Args:
        job: The job.
        pattern: A regular expression that the reason must contain, such as a ticket.
    """
    reason = job.inputs.get("reason")
    if not job.live:
        return None
    if reason is UNKNOWN:
        return _not_known("reason")
    if not _is_text(reason):
        return 'Say who asked for it, such as reason="REV-1432".'
    try:
        fits = re.search(pattern, reason)
    except re.error:
        return f"Repair the pattern of this rule: {pattern!r} is no regular expression."
    return None if fits else f"Its reason does not contain {pattern!r}. Name the ticket."


def needs_guard(job: Job) -> str | None:
    """Ask a live job to look for earlier jobs."""
    guard = job.inputs.get("guard")
    if not job.live or guard == "once":
        return None
    if guard == "none":
        return (
            'guard="none" does not look for earlier jobs. Remove it, and accept an earlier job '
            "with known_job_ids."
        )
    return _not_known("guard")


def needs_approval(job: Job) -> str | None:
    """Ask a live job for the approval of one dry run, by its id."""
    if not job.live or not job.starts:
        return None
    verified = job.inputs.get("verified")
    if verified is UNKNOWN:
        return _not_known("approval")
    if not isinstance(verified, Mapping):
        return (
            "Declare it with VerifiedBackfill, which runs dry first. To keep a job that is there "
            "already, name it with existing_job_id."
        )
    approval, dry_run = verified.get("approval"), verified.get("dryRun")
    if approval is UNKNOWN:
        return _not_known("approval")
    if not _is_text(approval) or approval in ("auto", "wait"):
        return "Put the job id of the dry run into approval, instead of a word."
    if not _is_text(dry_run):
        return (
            "Its dry run starts, or changes, in the same update. Change that first, with "
            'approval="wait". If the live job is there already, name it with existing_job_id.'
        )
    return None if approval == dry_run else "The approval names another job than its dry run."


def not_in_live_tenant(
    job: Job, tenants: Collection[str] | None = None, base_urls: Collection[str] | None = None
) -> str | None:
    """
    Refuse to start a live job where the books are open already.

    Args:
        job: The job.
        tenants: The ids of the tenants that are live; ``None`` if nobody said.
        base_urls: The base URLs behind which every tenant is live.
    """
    if not job.live or not job.starts:
        return None
    if tenants is None and base_urls is None:
        return "List the tenants that are live in the configuration of this rule; [] if none is."
    places: tuple[tuple[str, str, set[str]], ...] = (
        ("zuora:tenantId", "tenant", {_plain(tenant) for tenant in tenants or ()}),
        ("zuora:baseUrl", "address", {_plain(url) for url in base_urls or ()}),
    )
    for key, what, live in places:
        here = job.settings.get(key)
        if not live:
            continue
        if not _is_text(here):
            return (
                f"Set {key} in the stack's configuration: a policy does not see the environment, "
                f"so it cannot tell which {what} this is."
            )
        if _plain(here) in live:
            return (
                f"This {what} is live. Remove the job from the program, or name the job that is "
                "there with existing_job_id."
            )
    return None


def is_not_stopped(job: Job) -> str | None:
    """Refuse that a destroy stops a live job halfway."""
    on_delete = job.inputs.get("onDelete")
    if not job.live or on_delete == "leave":
        return None
    if on_delete == "stop":
        return (
            'on_delete="stop" leaves half of the records changed. Remove it, or name this resource '
            "in the exceptions of this rule."
        )
    return _not_known("on_delete")


def has_steady_triggers(job: Job) -> str | None:
    """Refuse triggers that look as if each run had new ones: each run would start a job."""
    if not job.starts:
        return None
    found = list(dict.fromkeys(_unsteady_in(job.inputs.get("triggers"))))
    if not found:
        return None
    if "" in found:
        return _not_known("triggers")
    return (
        f"triggers contains {' and '.join(found)}. A value that is new in each run starts a job in "
        "each run. Write down why it runs again, such as the version of your catalogue."
    )


def at_most(jobs: Sequence[Job], limit: float = 1) -> str | None:
    """
    Refuse an update that may start too many live jobs.

    Args:
        jobs: All jobs of the stack.
        limit: How many one update may start.
    """
    names = sorted(job.name for job in jobs if job.live and job.starts)
    if len(names) <= limit:
        return None
    return (
        f"{len(names)} live jobs may start in this update: {', '.join(names)}. The limit is "
        f"{limit:.0f}. A job that only changes counts, too; name one that is there with "
        "existing_job_id."
    )


def is_excepted(job: Job, exceptions: Collection[str]) -> bool:
    """Tell whether a rule leaves a resource alone, by its name or its URN."""
    return job.name in exceptions or job.urn in exceptions


def _unsteady_in(value: object) -> Iterator[str]:
    """Name what is not steady in a JSON value; an empty name is an unknown value."""
    if value is UNKNOWN:
        yield ""
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unsteady_in(key)
            yield from _unsteady_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _unsteady_in(item)
    elif (what := unsteady(value)) is not None:
        yield what


def _not_known(argument: str) -> str:
    return (
        f"{argument} is not known in this preview, so nobody can review it. Give it a plain value, "
        "or deploy what supplies it first."
    )


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _plain(value: str) -> str:
    """Bring an id or an address into one form."""
    return re.sub(r"(?::443)?/*$", "", value.strip().lower())
