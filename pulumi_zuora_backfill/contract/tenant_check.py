"""
Whether a job in state is where today's settings lead: address, tenant, entity, organisations.

Asked before anything is sent. Properties are in wire names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pulumi_zuora_backfill.errors import WrongTenantError
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.zuora.models import Scope

_SET_BACK: Final = (
    "Set base URL, tenant and entity back (environment or zuora:* configuration). For another "
    "tenant, use another stack."
)


def scope_of(properties: Mapping[str, Any]) -> Scope:
    """Return the declared entity and organisations."""
    return Scope(entity_id=properties.get("entityId"), org_ids=ids_in(properties.get("orgIds")))


def scope_in_force(properties: Mapping[str, Any], settings: Settings) -> Scope:
    """Return the declared entity and organisations, or the configured ones."""
    declared = scope_of(properties)
    return settings.scope_for(declared.entity_id, declared.org_ids)


def ids_in(value: object) -> tuple[str, ...]:
    """Read a list of ids; state may hold anything, and what is no list counts as none."""
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def place_of(base_url: str, tenant_id: str, scope: Scope) -> dict[str, Any]:
    """Return the outputs that say where a job runs."""
    return {
        "baseUrl": base_url,
        "tenantId": tenant_id,
        "effectiveEntityId": scope.entity_id,
        "effectiveOrgIds": list(scope.org_ids) or None,
    }


def scope_in_state(properties: Mapping[str, Any], settings: Settings) -> Scope:
    """Return the entity and organisations of a job; today's for one that is looked up."""
    if "baseUrl" not in properties:
        return scope_in_force(properties, settings)
    return _scope_then(properties)


def place_mismatch(
    base_url: str | None,
    state: Mapping[str, Any],
    settings: Settings,
    declared: Scope | None = None,
) -> str | None:
    """
    Say where state and settings disagree; ``None`` if they do not, or if one of them does not tell.

    Args:
        base_url: Today's address.
        state: The job's outputs.
        settings: Today's settings.
        declared: What the program declares: that is no business of the settings.
    """
    mismatch = _address_mismatch(base_url, state, settings.tenant_id)
    if mismatch or "baseUrl" not in state:
        return mismatch
    said, was, declared = scope_of(state), _scope_then(state), declared or Scope()
    if (
        not (said.entity_id or declared.entity_id)
        and settings.entity_id
        and was.entity_id != settings.entity_id
    ):
        was_in = was.entity_id or "(none)"
        return f"entity {was_in}, but the settings say entity {settings.entity_id}"
    if (
        not (said.org_ids or declared.org_ids)
        and settings.org_ids
        and was.org_ids != settings.org_ids
    ):
        was_in = ", ".join(was.org_ids) or "(none)"
        return f"organisations {was_in}, but the settings say {', '.join(settings.org_ids)}"
    return None


def ensure_same_place(base_url: str, state: Mapping[str, Any], settings: Settings) -> None:
    """
    Make sure that a job in state is where today's settings lead.

    Raises:
        WrongTenantError: Address, configured tenant, entity or organisations differ.
    """
    _refuse(state, place_mismatch(base_url, state, settings))


def ensure_replaced_in_place(
    base_url: str, state: Mapping[str, Any], settings: Settings, declared: Scope, scope: Scope
) -> None:
    """
    Make sure that configuration does not lead a replacement elsewhere unnoticed.

    Raises:
        WrongTenantError: The address or the configured tenant differ, or an entity or organisations
            that nobody declares.
    """
    mismatch = _address_mismatch(base_url, state, settings.tenant_id)
    if not mismatch and "baseUrl" in state:
        said, was = scope_of(state), _scope_then(state)
        lost = not (said.entity_id or declared.entity_id) and was.entity_id != scope.entity_id
        if lost or (not (said.org_ids or declared.org_ids) and was.org_ids != scope.org_ids):
            mismatch = f"{was.listed()}, but the settings say {scope.listed()}"
    _refuse(state, mismatch)


def ensure_same_tenant(tenant_id: str, state: Mapping[str, Any]) -> None:
    """
    Make sure that the token belongs to the tenant that a job in state runs in.

    Raises:
        WrongTenantError: It belongs to another one; only a token was asked for.
    """
    _refuse(state, _address_mismatch(None, state, tenant_id, "the credentials belong to"))


def ensure_one_tenant(
    jobs: Iterable[Mapping[str, Any]], base_url: str | None, tenant_id: str | None
) -> None:
    """
    Make sure that the stack's jobs and a new one are in one tenant.

    Raises:
        WrongTenantError: A job in state is at another address, or in another tenant.
    """
    for job in jobs:
        _refuse(job, _address_mismatch(base_url, job, tenant_id, "the new job would run in"))


def _refuse(state: Mapping[str, Any], mismatch: str | None) -> None:
    if mismatch:
        raise WrongTenantError(
            f"Nothing was sent: job {state.get('jobId', '(id not known)')} in state belongs to "
            f"{mismatch}.",
            _SET_BACK,
        )


def _scope_then(state: Mapping[str, Any]) -> Scope:
    return Scope(
        entity_id=state.get("effectiveEntityId"), org_ids=ids_in(state.get("effectiveOrgIds"))
    )


def _address_mismatch(
    base_url: str | None,
    state: Mapping[str, Any],
    tenant_id: str | None,
    today: str = "the settings say",
) -> str | None:
    was_at = state.get("baseUrl")
    if was_at and base_url and was_at != base_url:
        return f"{was_at}, but the settings say {base_url}"
    was_in = state.get("tenantId")
    if was_in and tenant_id and str(was_in) != tenant_id:
        return f"tenant {was_in}, but {today} tenant {tenant_id}"
    return None
