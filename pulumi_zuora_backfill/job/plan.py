"""What a preview finds out about a start: what refuses it, and what the reviewer is told. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pulumi_zuora_backfill.contract.attempt import Attempt
from pulumi_zuora_backfill.contract.guard import second_live_job
from pulumi_zuora_backfill.contract.intent import Intent, key_for
from pulumi_zuora_backfill.contract.tenant_check import ids_in, scope_in_force
from pulumi_zuora_backfill.errors import ConfigurationError, InputError
from pulumi_zuora_backfill.input_checks import is_unknown
from pulumi_zuora_backfill.properties import PYTHON_NAMES, name_in
from pulumi_zuora_backfill.settings.loading import Settings

from .announcements import Announcement, Replaced, announce_continuation, announce_start
from .dry_run_proof import ensure_approved, ensure_same_run
from .identity import Identity, ensure_settings_arrive
from .refused_by_state import refuse_by_state
from .run_memory import RunMemory
from .stack_state import StackState


def is_open_attempt(outputs: Mapping[str, Any]) -> bool:
    """Tell whether state holds an attempt whose outcome is not known, and no job."""
    return "attempt" in outputs and "jobId" not in outputs


def ensure_startable(
    inputs: Mapping[str, Any],
    settings: Settings,
    stack_keys: Collection[str],
    state: StackState,
    run: RunMemory,
    urn: str,
) -> None:
    """
    Refuse in the preview what can never start; what is only missing passes.

    Args:
        inputs: The checked inputs.
        settings: Today's settings.
        stack_keys: The keys of the configuration that reach the provider.
        state: What the stack's state holds.
        run: What this run has seen.
        urn: The resource.

    Raises:
        ZuoraBackfillError: It can never start as it is declared; the text says what to do.
    """
    if settings.faults:
        raise ConfigurationError(
            "Zuora's settings are not usable:\n  " + "\n  ".join(settings.faults),
            "Nothing was sent to Zuora.",
        )
    identity = Identity.of(inputs)
    if identity is None:
        return  # said when something is to be sent
    ensure_settings_arrive(identity, settings, stack_keys)
    before = run.before(urn)
    refuse_by_state(
        identity, inputs, settings, state, state.predecessor if before is None else before
    )
    live = inputs.get("dryRun") is False and inputs.get("existingJobId") is None
    if live and not is_unknown([inputs.get(name) for name in ("type", "entityId", "orgIds")]):
        scope = scope_in_force(inputs, settings)
        other = run.starts_beside(inputs["type"], scope, urn)
        if other and inputs.get("guard") != "none":
            raise second_live_job(other, inputs["type"])
    verified = inputs.get("verified")
    if live and isinstance(verified, Mapping):
        ensure_approved(name_in(urn), verified)
        ensure_same_run(name_in(urn), verified, inputs)


def plan_start(
    urn: str,
    inputs: Mapping[str, Any],
    settings: Settings,
    before: Mapping[str, Any] | None,
    changed: tuple[str, ...],
    run: RunMemory,
    now: datetime,
) -> Announcement:
    """
    Say what a start, or a replacement, will do.

    Args:
        urn: The resource.
        inputs: The checked inputs.
        settings: Today's settings.
        before: Outputs of what is replaced; ``None`` if nothing is.
        changed: The inputs that ask for the replacement.
        run: What this run has seen.
        now: The time.
    """
    if before is not None and not changed and _continues(urn, inputs, before, now):
        return continuation_of(urn, inputs, before, settings, now)
    replaced = (
        Replaced(outputs=before, changed=changed, kept_by=run.kept_by(before.get("jobId"), urn))
        if before is not None
        else None
    )
    return announce_start(name_in(urn), inputs, settings, replaced)


def continuation_of(
    urn: str,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    settings: Settings,
    now: datetime,
) -> Announcement:
    """Say what becomes of an attempt in state that no change of the program replaces."""
    name = name_in(urn)
    if inputs.get("existingJobId") is not None:
        return announce_start(name, inputs, settings)
    attempt = Attempt.from_state(outputs.get("attempt"))
    if attempt is None:
        return Announcement(
            text="An earlier attempt may have started a job.\n`pulumi up` asks Zuora first.",
            warning=True,
        )
    if attempt.refused:
        return announce_start(name, inputs, settings)
    return announce_continuation(inputs, attempt, _continues(urn, inputs, outputs, now))


def _continues(
    urn: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any], now: datetime
) -> bool:
    """Tell whether `up` goes on under an attempt's key; a renamed resource has another."""
    attempt = Attempt.from_state(outputs.get("attempt")) if is_open_attempt(outputs) else None
    if attempt is None:
        return False
    intent = Intent(
        urn=urn,
        base_url=str(outputs.get("baseUrl")),
        tenant_id=str(outputs.get("tenantId")),
        entity_id=outputs.get("effectiveEntityId"),
        org_ids=ids_in(outputs.get("effectiveOrgIds")),
        type=str(inputs.get("type")),
        dry_run=inputs.get("dryRun") is True,
        triggers=inputs.get("triggers"),
    )
    return attempt.continues(key_for(intent), now) and attempt.can_be_continued(
        str(inputs.get("guard"))
    )


def adopts_what_it_replaces(job_id: str, changed: tuple[str, ...] = ()) -> InputError:
    """Return the error for a replacement that would take over the job that it replaces."""
    names = ", ".join(PYTHON_NAMES.get(name, name) for name in changed)
    asks = f"a change of {names}" if names else "--replace, taint or a trigger"
    return InputError(
        f"Nothing was done: existing_job_id is {job_id}, the very job that {asks} asks to replace.",
        "To keep this job, take that back. To start a new one, remove existing_job_id.",
    )
