"""
What a reviewer reads in a preview before a job is started: in the terminal, and in the comment on a pull request.

Pure; texts only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_zuora_backfill.program.stack_state import TYPE_TOKEN, Past
from pulumi_zuora_backfill.properties import DRY_RUN_SUFFIX, PYTHON_NAMES, is_verified
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.validation import is_unknown
from pulumi_zuora_backfill.zuora.models import ENDED, Scope

from .inputs import scope_of, secrets_of

_DECISIVE = ("dryRun", "existingJobId", "entityId", "orgIds")


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """
    One text for the reviewer.

    Attributes:
        text: What will happen.
        warning: Whether data of the tenant will change.
    """

    text: str
    warning: bool


def announce_start(
    inputs: Mapping[str, Any],
    past: Past,
    settings: Settings,
    changed: tuple[str, ...] = (),
    twin: str | None = None,
) -> Announcement:
    """
    Say what the start, or the replacement, of a job will do.

    Args:
        inputs: The checked inputs.
        past: What state held, with the outputs of the job that is replaced.
        settings: Today's settings; nothing of them is needed.
        changed: The inputs that ask for a replacement; empty where it was asked for by hand.
        twin: Another live job of the stack for the same type and place.
    """
    live = inputs.get("dryRun") is not True
    existing = inputs.get("existingJobId")
    told = isinstance(inputs.get("reason"), str) and "reason" not in secrets_of(inputs)
    reason = f" Reason: {inputs['reason']}." if told else ""
    predecessor = past.predecessor
    if isinstance(existing, str) and existing == predecessor.get("jobId"):
        return Announcement(
            text=f"Will take job {existing} back, which a replacement that did not finish had let go of; no job is started. "
            f"Where --replace, taint or a trigger asks to replace it now, that is refused.{reason}",
            warning=False,
        )
    replaced = (
        f" {_about_predecessor(predecessor, live and not isinstance(existing, str), changed)}"
        if predecessor
        else ""
    )
    if isinstance(existing, str):
        return Announcement(
            text=f"Will take over job {existing} {_place(inputs, settings)}; no job is started.{replaced}{reason}",
            warning=bool(replaced),
        )
    kind = inputs["type"] if isinstance(inputs.get("type"), str) else "(type not known yet)"
    unsure = _unsure(inputs)
    others = _about_others(past, kind, inputs, settings)
    if not live:
        # Once the live job that it is for is approved, a job that left the program for it has left the state too.
        twice = others if is_verified(_urn(inputs)) else ""
        return Announcement(
            text=f"Will start a dry run of the {kind} backfill{unsure} {_place(inputs, settings)}; no data is changed.{twice}{replaced}{reason}",
            warning=bool(twice),
        )
    twins = (
        f" The stack declares ANOTHER live backfill of this type in the same place, {twin}: both run."
        if twin
        else ""
    )
    return Announcement(
        text=f"Will start a LIVE {kind} backfill{unsure} {_place(inputs, settings)}: it changes revenue fields of existing records and cannot be undone; "
        f"records created later are not covered.{twins}{others}{replaced}{reason}",
        warning=True,
    )


def _unsure(inputs: Mapping[str, Any]) -> str:
    """Name what is not known yet and could make it another start than is told: none at all, or one in another place."""
    names = [PYTHON_NAMES[name] for name in _DECISIVE if is_unknown(inputs.get(name))]
    return (
        f" ({' and '.join(names)} {'is' if len(names) == 1 else 'are'} not known yet)"
        if names
        else ""
    )


def _scope(inputs: Mapping[str, Any], settings: Settings) -> Scope:
    declared = scope_of({name: value for name, value in inputs.items() if not is_unknown(value)})
    scope = settings.scope_for(declared.entity_id, declared.org_ids)
    return Scope(
        entity_id=None if is_unknown(inputs.get("entityId")) else scope.entity_id,
        org_ids=() if is_unknown(inputs.get("orgIds")) else scope.org_ids,
    )


def _may_be_at(scope: Scope, inputs: Mapping[str, Any], settings: Settings) -> bool:
    """Tell whether a job may run there; what is not known yet may come out as anything."""
    here = _scope(inputs, settings)
    return (is_unknown(inputs.get("entityId")) or scope.entity_id == here.entity_id) and (
        is_unknown(inputs.get("orgIds")) or scope.org_ids == here.org_ids
    )


def _place(inputs: Mapping[str, Any], settings: Settings) -> str:
    scope = _scope(inputs, settings)
    parts = [f"tenant {settings.tenant_id}"] if settings.tenant_id else []
    parts += [f"entity {scope.entity_id}"] if scope.entity_id else []
    parts += [f"organisations {', '.join(scope.org_ids)}"] if scope.org_ids else []
    where = (
        f"at {settings.base_url}"
        if settings.base_url
        else "(no usable base URL is configured here)"
    )
    return where + (f" ({', '.join(parts)})" if parts else "")


def _about_others(past: Past, kind: str, inputs: Mapping[str, Any], settings: Settings) -> str:
    own = _urn(inputs).removesuffix(DRY_RUN_SUFFIX)
    found = {
        other["jobId"]: other
        for other in past.others
        if other["type"] == kind
        and other["urn"] != own
        and _may_be_at(scope_of(other), inputs, settings)
    }
    if not found:
        return ""
    others = list(found.values())
    held = ", ".join(f'{other["jobId"]} ("{other["urn"].rsplit("::", 1)[-1]}")' for other in others)
    last, alias, way = others[-1], others[-1]["urn"], ": give it"
    if is_verified(own):
        # Aliases are the component's here: of another component, as it hands them down, and not of a mere job.
        alias = last["urn"].replace(f"${TYPE_TOKEN}::", "::") if is_verified(last["urn"]) else None
        way = ", unless the VerifiedBackfill has"
    if alias:
        way += f'  opts=pulumi.ResourceOptions(aliases=["{alias}"])  or'
    return (
        f" This stack has, or had, live jobs of this type under other names: {held}. If this is the same backfill in another place of the program, it would "
        f'run AGAIN{way}  existing_job_id="{last["jobId"]}".'
    )


def _urn(inputs: Mapping[str, Any]) -> str:
    return str(inputs.get("identity", {}).get("urn"))


def _about_predecessor(predecessor: Mapping[str, Any], live: bool, changed: tuple[str, ...]) -> str:
    status = predecessor.get("status", "UNKNOWN")
    was_live = predecessor.get("dryRun") is not True
    if status in ENDED:
        fate = "it is done"
    elif predecessor.get("onDelete") == "stop":
        fate = "if it still runs it is stopped first"
    else:
        fate = "if it still runs this is refused until it has ended"
    why = (
        f"changed: {', '.join(PYTHON_NAMES.get(name, name) for name in changed)}"
        if changed
        else "asked for by --replace, taint or a trigger, or left over from a replacement that did not finish"
    )
    text = f"It replaces {'live' if was_live else 'dry-run'} job {predecessor.get('jobId')} (last known: {status}; {fate}; {why})."
    if live:
        text += (
            " This is ANOTHER live run of this resource."
            + (
                ""
                if changed
                else f' To keep that job instead, add  existing_job_id="{predecessor.get("jobId")}".'
            )
            if was_live
            else " This is the first live run of this resource after a dry run."
        )
    return text
