"""
What a reviewer reads before a job is started: in the terminal and in the pull-request comment.

The first words carry the news. The engine prints a warning three times in a comment, so the texts
are short. Pure; texts only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_zuora_backfill.contract.attempt import Attempt
from pulumi_zuora_backfill.contract.history import History
from pulumi_zuora_backfill.contract.tenant_check import scope_in_force
from pulumi_zuora_backfill.input_checks import is_unknown
from pulumi_zuora_backfill.properties import PYTHON_NAMES
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.zuora.models import DID_NOTHING_MORE, ENDED, iso
from pulumi_zuora_backfill.zuora.texts import clean

from .inputs import secrets_of

_IRREVERSIBLE = (
    "It changes revenue fields of existing records and cannot be undone. Records created later are "
    "not covered."
)
_DECISIVE = ("dryRun", "existingJobId", "entityId", "orgIds")


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """
    One text for the reviewer.

    Attributes:
        text: What will happen.
        warning: Whether data of the tenant may change.
    """

    text: str
    warning: bool


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """
    The job that a start replaces.

    Attributes:
        outputs: Its outputs.
        changed: The inputs that ask for the replacement; empty if it was asked for by hand.
        kept_by: The resource that holds or takes over the job, which is not stopped then.
    """

    outputs: Mapping[str, Any]
    changed: tuple[str, ...] = ()
    kept_by: str | None = None


def announce_start(
    name: str, inputs: Mapping[str, Any], settings: Settings, replaced: Replaced | None = None
) -> Announcement:
    """
    Say what the start, or the replacement, of a job will do.

    Args:
        name: The resource's name.
        inputs: The checked inputs.
        settings: Today's settings; nothing of them is needed.
        replaced: The job that is replaced.
    """
    existing = inputs.get("existingJobId")
    if isinstance(existing, str):
        return _take_over(existing, inputs, settings, replaced)
    if inputs.get("dryRun") is True:
        return _dry_run(inputs, settings, replaced)
    return _live(name, inputs, settings, replaced)


def announce_continuation(
    inputs: Mapping[str, Any], attempt: Attempt, continues: bool
) -> Announcement:
    """Say what becomes of an attempt whose outcome is not known."""
    kind, began = _kind(inputs), iso(attempt.began)
    live = "" if inputs.get("dryRun") is True else "LIVE "
    if continues:
        return Announcement(
            text=f"CONTINUES the {live}{kind} backfill of {began}, whose outcome is not known.\n"
            f"Until {iso(attempt.until)} `pulumi up` finds its job, or starts the one that is "
            "missing." + (f"\n{_IRREVERSIBLE}" if live else ""),
            warning=bool(live),
        )
    return Announcement(
        text=f"The {live}{kind} backfill of {began} may have been started; its outcome was never "
        "known.\n`pulumi up` asks Zuora first. It starts nothing if the job is there, and starts "
        "it "
        "if it is not." + (f"\n{_IRREVERSIBLE}" if live else ""),
        warning=True,
    )


def _live(
    name: str, inputs: Mapping[str, Any], settings: Settings, replaced: Replaced | None
) -> Announcement:
    approved = _approval(inputs.get("verified"))
    news = f"LIVE {_kind(inputs)} backfill{_not_known(inputs)} {_where(inputs, settings)}"
    first = f"{'APPROVED ' if approved else ''}{news}.{_reason(inputs)}"
    lines = [first, *approved, *_unguarded(inputs), _IRREVERSIBLE]
    accepted = _accepted(inputs)
    if accepted:
        lines = [
            f"ANOTHER LIVE RUN may follow: known_job_ids accepts earlier backfills: {accepted}.",
            *lines,
        ]
    if replaced and _had_live_jobs(replaced.outputs):
        lines = [
            f"SECOND LIVE RUN of {name!r} ({_why(replaced)}): Zuora Billing and Zuora Revenue may "
            "disagree afterwards.",
            *lines,
        ]
    job_id = _can_be_kept(replaced)
    keep = [f'To keep that job and start none, add  existing_job_id="{job_id}"'] if job_id else []
    return Announcement(text="\n".join([*lines, *_fate(replaced), *keep]), warning=True)


def _had_live_jobs(outputs: Mapping[str, Any]) -> bool:
    """Tell whether a resource has, or ever had, a live job."""
    history = History.from_state(outputs.get("history"))
    live = "jobId" in outputs and outputs.get("dryRun") is not True
    return live or bool(history.live_job_ids)


def _dry_run(
    inputs: Mapping[str, Any], settings: Settings, replaced: Replaced | None
) -> Announcement:
    news = f"Dry run of the {_kind(inputs)} backfill{_not_known(inputs)} {_where(inputs, settings)}"
    verified = inputs.get("verified")
    approval = verified.get("approval") if isinstance(verified, Mapping) else None
    then = ["No live job starts: `pulumi up` stops after it and prints the line that approves it."]
    if approval == "auto":
        then = ['approval="auto": if it completes cleanly, the LIVE job starts without asking.']
    elif approval is None:
        then = []
    elif approval != "wait":
        then = [
            f"approval names {approval}: unless this is that very dry run, `pulumi up` stops after "
            'it. Better write approval="wait"'
        ]
    lines = [f"{news}; no data is changed.{_reason(inputs)}", *then, *_fate(replaced)]
    return Announcement(
        text="\n".join(lines), warning=approval == "auto" or approval not in (None, "wait")
    )


def _take_over(
    job_id: str, inputs: Mapping[str, Any], settings: Settings, replaced: Replaced | None
) -> Announcement:
    if replaced and replaced.outputs.get("jobId") == job_id:
        text = f"Takes job {job_id} back, which a replacement that did not finish had given up."
        return Announcement(text=f"{text} No job is started.", warning=False)
    lines = [
        f"Takes over job {job_id} {_where(inputs, settings)}. No job is started.{_reason(inputs)}",
        *_fate(replaced),
    ]
    return Announcement(text="\n".join(lines), warning=bool(replaced))


def _kind(inputs: Mapping[str, Any]) -> str:
    kind = inputs.get("type")
    return kind if isinstance(kind, str) else "(type not known yet)"


def _reason(inputs: Mapping[str, Any]) -> str:
    reason = inputs.get("reason")
    if not isinstance(reason, str) or "reason" in secrets_of(inputs):
        return ""
    return f" Reason: {clean(reason)}."


def _not_known(inputs: Mapping[str, Any]) -> str:
    """Name what is not known yet and could make it another start than is told."""
    names = [PYTHON_NAMES[name] for name in _DECISIVE if is_unknown(inputs.get(name))]
    verb = "is" if len(names) == 1 else "are"
    return f" ({' and '.join(names)} {verb} not known yet)" if names else ""


def _where(inputs: Mapping[str, Any], settings: Settings) -> str:
    told = {name: value for name, value in inputs.items() if not is_unknown(value)}
    scope = scope_in_force(told, settings)
    parts = [f"tenant {settings.tenant_id}"] if settings.tenant_id else ["the credentials' tenant"]
    if scope.entity_id and not is_unknown(inputs.get("entityId")):
        parts.append(f"entity {_shown(scope.entity_id, 'entityId', inputs)}")
    if scope.org_ids and not is_unknown(inputs.get("orgIds")):
        parts.append(f"organisations {_shown(', '.join(scope.org_ids), 'orgIds', inputs)}")
    at = settings.base_url or "(set ZUORA_BASE_URL or zuora:baseUrl)"
    return f"in {', '.join(parts)} at {at}"


def _unguarded(inputs: Mapping[str, Any]) -> Sequence[str]:
    """Say that the program itself switches the guard off."""
    if inputs.get("guard") == "none":
        return ('guard="none": earlier backfills of this tenant are NOT looked for.',)
    return ()


def _accepted(inputs: Mapping[str, Any]) -> str:
    """Name the earlier jobs that the guard looks past."""
    accepted = inputs.get("knownJobIds")
    if inputs.get("guard") == "none" or not isinstance(accepted, list) or is_unknown(accepted):
        return ""
    return _shown(", ".join(map(str, accepted)), "knownJobIds", inputs)


def _shown(value: str, name: str, inputs: Mapping[str, Any]) -> str:
    """Show a value unless the program declares it as a secret."""
    return "[secret]" if name in secrets_of(inputs) else value


def _approval(verified: object) -> Sequence[str]:
    """Say by the facts in state what was approved."""
    if not isinstance(verified, Mapping) or verified.get("approval") in (None, "auto", "wait"):
        return ()
    job_id, completed = verified.get("dryRun"), verified.get("completed")
    for job in completed if isinstance(completed, list) else ():
        if isinstance(job, Mapping) and job.get("jobId") == job_id:
            errors = job.get("errorCount")
            failed = (
                f"{errors:.0f} failed records"
                if isinstance(errors, int | float)
                else "how many records failed is not known"
            )
            batches = ""
            if isinstance(sent := job.get("batchSentCount"), int | float):
                done = job.get("batchFinishedCount") or 0
                batches = f"{done:.0f} of {sent:.0f} batches, "
            created = f", created {verified['createdOn']}" if verified.get("createdOn") else ""
            return (
                f"Approved: dry run {job_id}{created}: {job.get('status')}, {batches}{failed}.",
            )
    return ()


def _why(replaced: Replaced) -> str:
    names = [PYTHON_NAMES.get(name, name) for name in replaced.changed]
    if names:
        return f"{', '.join(names)} changed"
    return "asked for by --replace, taint or a trigger, or left by a replacement that failed"


def _can_be_kept(replaced: Replaced | None) -> str | None:
    """Name the job that nobody's change asks to replace, unless it has done nothing more."""
    if replaced is None or replaced.changed or replaced.outputs.get("status") in DID_NOTHING_MORE:
        return None
    return replaced.outputs.get("jobId")


def _fate(replaced: Replaced | None) -> Sequence[str]:
    """Say what becomes of the job before."""
    if replaced is None:
        return ()
    job_id, status = replaced.outputs.get("jobId"), replaced.outputs.get("status", "UNKNOWN")
    if job_id is None:
        attempt = Attempt.from_state(replaced.outputs.get("attempt"))
        if attempt and attempt.refused:
            return ()
        return ("An earlier attempt may have started a job: `pulumi up` asks Zuora first.",)
    kind = "dry run" if replaced.outputs.get("dryRun") is True else "job"
    if status in ENDED:
        return (f"The {kind} before, {job_id}, is {status} and stays as it is.",)
    if replaced.kept_by:
        return (f"The {kind} before, {job_id}, goes on: {replaced.kept_by!r} holds it.",)
    if replaced.outputs.get("onDelete") == "stop":
        return (f"The {kind} before, {job_id} (last seen {status}), is stopped if it still runs.",)
    return (
        f"The {kind} before, {job_id} (last seen {status}), must have ended: while it runs, "
        "`pulumi up` refuses.",
    )
