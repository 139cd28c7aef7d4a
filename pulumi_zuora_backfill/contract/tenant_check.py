"""
Whether a job in state is where today's settings lead: endpoint, tenant, entity, organisations.

Asked before anything is sent. Properties are in wire names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_zuora_backfill.errors import WrongTenantError
from pulumi_zuora_backfill.job.inputs import ids_in, scope_of
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.zuora.models import Scope

_SET_BACK = (
    "Set base URL, tenant and entity back (environment or zuora:* configuration); for a tenant that is meant to be new, use a stack of its own or "
    "`pulumi state delete` with the URN of the job's resource (`pulumi stack --show-urns` lists it)."
)


def place_of(base_url: str, tenant_id: str | None, scope: Scope) -> dict[str, Any]:
    """Return the outputs that keep where a job runs."""
    return {
        "baseUrl": base_url,
        "tenantId": tenant_id,
        "effectiveEntityId": scope.entity_id,
        "effectiveOrgIds": list(scope.org_ids) or None,
    }


def scope_in_state(properties: Mapping[str, Any], settings: Settings) -> Scope:
    """Return the entity and the organisations that the job was started in; today's for one that is looked up."""
    if "baseUrl" not in properties:
        declared = scope_of(properties)
        return settings.scope_for(declared.entity_id, declared.org_ids)
    return _scope_then(properties)


def ensure_same_place(base_url: str, state: Mapping[str, Any], settings: Settings) -> None:
    """
    Make sure that a job in state is where today's settings lead; nothing is sent.

    Raises:
        WrongTenantError: The base URL, the configured tenant, the entity or the organisations differ.
    """
    mismatch = place_mismatch(base_url, state, settings)
    if mismatch:
        raise WrongTenantError(
            f"Job {state.get('jobId')} in state belongs to {mismatch}; nothing was sent.",
            _SET_BACK,
        )


def ensure_same_address(base_url: str, state: Mapping[str, Any], settings: Settings) -> None:
    """
    Make sure that a job in state is at today's address and in the configured tenant, whatever its entity; nothing is sent.

    Raises:
        WrongTenantError: It is not.
    """
    mismatch = _address_mismatch(base_url, state, settings)
    if mismatch:
        raise WrongTenantError(
            f"Job {state.get('jobId')} in state belongs to {mismatch}; nothing was sent.", _SET_BACK
        )


def ensure_ran_here(
    dry_run: Mapping[str, Any], base_url: str, scope: Scope, settings: Settings
) -> None:
    """
    Make sure that a live job starts where its dry run ran, whoever declared that place; nothing is sent.

    Raises:
        WrongTenantError: The base URL, the configured tenant, the entity or the organisations differ.
    """
    ensure_same_address(base_url, dry_run, settings)
    if "baseUrl" in dry_run and (was := _scope_then(dry_run)) != scope:
        raise WrongTenantError(
            f"The dry run {dry_run.get('jobId')} ran in {_shown(was)}, but the live job would run in {_shown(scope)}; nothing was sent.",
            "Set entity and organisations back (in the program, the environment or zuora:* configuration), or run dry there first: drop --target.",
        )


def ensure_same_scope(state: Mapping[str, Any], declared: Scope, scope: Scope) -> None:
    """
    Make sure that configuration does not lead a replacement to another entity unnoticed; nothing is sent.

    Raises:
        WrongTenantError: The predecessor's entity or organisations came from configuration, and so do today's, and they differ.
    """
    if "baseUrl" not in state:
        return
    said, was = scope_of(state), _scope_then(state)
    lost = not (said.entity_id or declared.entity_id) and was.entity_id != scope.entity_id
    if lost or (not (said.org_ids or declared.org_ids) and was.org_ids != scope.org_ids):
        raise WrongTenantError(
            f"Job {state.get('jobId')} in state belongs to {_shown(was)}, but the settings say {_shown(scope)}; nothing was sent.",
            "Set entity and organisations back (environment or zuora:* configuration), or declare entity_id and org_ids in the program.",
        )


def _scope_then(state: Mapping[str, Any]) -> Scope:
    return Scope(
        entity_id=state.get("effectiveEntityId"), org_ids=ids_in(state.get("effectiveOrgIds"))
    )


def _shown(scope: Scope) -> str:
    return f"entity {scope.entity_id or '(none)'} and organisations {', '.join(scope.org_ids) or '(none)'}"


def _address_mismatch(
    base_url: str | None, state: Mapping[str, Any], settings: Settings
) -> str | None:
    was_at = state.get("baseUrl")
    if was_at and base_url and was_at != base_url:
        return f"{was_at}, but the settings say {base_url}"
    was_in = state.get("tenantId")
    if was_in and settings.tenant_id and str(was_in) != settings.tenant_id:
        return f"tenant {was_in}, but the settings say tenant {settings.tenant_id}"
    return None


def place_mismatch(
    base_url: str | None,
    state: Mapping[str, Any],
    settings: Settings,
    declared: Scope | None = None,
) -> str | None:
    """
    Say where state and settings disagree; ``None`` where they do not, or where one of them does not tell.

    Args:
        base_url: Today's address.
        state: The job's outputs.
        settings: Today's settings.
        declared: What the program declares today; what state or program declare is no business of the settings.
    """
    mismatch = _address_mismatch(base_url, state, settings)
    if mismatch or "baseUrl" not in state:
        return mismatch
    said, was, declared = scope_of(state), _scope_then(state), declared or Scope()
    if (
        not (said.entity_id or declared.entity_id)
        and settings.entity_id
        and was.entity_id != settings.entity_id
    ):
        return (
            f"entity {was.entity_id or '(none)'}, but the settings say entity {settings.entity_id}"
        )
    if (
        not (said.org_ids or declared.org_ids)
        and settings.org_ids
        and was.org_ids != settings.org_ids
    ):
        return f"organisations {', '.join(was.org_ids) or '(none)'}, but the settings say {', '.join(settings.org_ids)}"
    return None


def ensure_same_tenant(tenant_id: str | None, state: Mapping[str, Any]) -> None:
    """
    Make sure that the token belongs to the tenant that a job in state runs in.

    Raises:
        WrongTenantError: It belongs to another one; only a token was asked for.
    """
    was_in = state.get("tenantId")
    if was_in and tenant_id and str(was_in) != tenant_id:
        raise WrongTenantError(
            f"Job {state.get('jobId')} in state belongs to tenant {was_in}, but the credentials to tenant {tenant_id}; only a token was asked for.",
            "Use the credentials of that tenant; for a tenant that is meant to be new, use a stack of its own.",
        )
