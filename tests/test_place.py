"""Whether a job in state is where today's settings lead: each part of a place, told by state, by the program or by configuration."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_zuora_backfill.contract.tenant_check import (
    ensure_ran_here,
    ensure_same_scope,
    place_mismatch,
)
from pulumi_zuora_backfill.errors import WrongTenantError
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.zuora.models import Scope

STATE: dict[str, Any] = {"jobId": "a" * 32, "baseUrl": "https://z", "tenantId": "1"}
IN_E: dict[str, Any] = {**STATE, "effectiveEntityId": "e"}
IN_AB: dict[str, Any] = {**STATE, "effectiveOrgIds": ["a", "b"]}


@pytest.mark.parametrize(
    ("state", "settings", "mismatch"),
    [
        (STATE, {}, None),
        (STATE, {"tenant_id": "1"}, None),
        (STATE, {"tenant_id": "2"}, "tenant 1, but the settings say tenant 2"),
        (STATE, {"entity_id": "e"}, "entity (none), but the settings say entity e"),
        (IN_E, {"entity_id": "e"}, None),
        (IN_E, {}, None),
        (IN_E, {"entity_id": "f"}, "entity e, but the settings say entity f"),
        ({**IN_E, "entityId": "e"}, {"entity_id": "f"}, None),
        (STATE, {"org_ids": ("a",)}, "organisations (none), but the settings say a"),
        (IN_AB, {"org_ids": ("a", "b")}, None),
        (IN_AB, {}, None),
        (IN_AB, {"org_ids": ("a", "c")}, "organisations a, b, but the settings say a, c"),
        ({**IN_AB, "orgIds": ["a", "b"]}, {"org_ids": ("c",)}, None),
        ({"jobId": "a" * 32}, {"entity_id": "e", "org_ids": ("a",)}, None),
    ],
)
def test_where_state_and_settings_disagree(
    state: dict[str, Any], settings: dict[str, Any], mismatch: str | None
) -> None:
    """Only where both of them tell, and never about what the program declared itself."""
    assert place_mismatch("https://z", state, Settings(**settings)) == mismatch


def test_another_address_is_told_first() -> None:
    """Whatever else differs there; no address is no disagreement."""
    settings = Settings(tenant_id="2")
    assert (
        place_mismatch("https://y", STATE, settings) == "https://z, but the settings say https://y"
    )
    assert place_mismatch(None, STATE, Settings()) is None


def test_what_the_program_declares_today_is_no_business_of_the_settings() -> None:
    """An entity that comes from configuration may be declared when configuration changes."""
    settings = Settings(entity_id="f", org_ids=("c",))
    in_both = {**IN_E, "effectiveOrgIds": ["a"]}
    assert (
        place_mismatch("https://z", in_both, settings, Scope(entity_id="e", org_ids=("a",))) is None
    )
    assert place_mismatch("https://z", in_both, settings, Scope(entity_id="e")) == (
        "organisations a, but the settings say c"
    )


@pytest.mark.parametrize(
    ("dry_run", "settings", "told"),
    [
        ({}, {}, None),
        ({**IN_AB, "effectiveEntityId": "e"}, {}, None),
        (
            {**IN_AB, "effectiveEntityId": "e", "entityId": "e", "tenantId": "2"},
            {"tenant_id": "2"},
            None,
        ),
        (
            {**IN_AB, "effectiveEntityId": "e"},
            {"tenant_id": "2"},
            "belongs to tenant 1, but the settings say tenant 2; nothing was sent.",
        ),
        (
            IN_AB,
            {},
            "ran in entity (none) and organisations a, b, but the live job would run in entity e and organisations a, b; nothing was sent.",
        ),
        (
            {**IN_E, "orgIds": ["c"], "effectiveOrgIds": ["c"]},
            {},
            "ran in entity e and organisations c, but the live job would run in entity e and organisations a, b; nothing was sent.",
        ),
    ],
)
def test_a_live_job_starts_where_its_dry_run_ran(
    dry_run: dict[str, Any], settings: dict[str, Any], told: str | None
) -> None:
    """Whoever declared the place: what was in force then has to be in force now."""
    scope = Scope(entity_id="e", org_ids=("a", "b"))
    if told is None:
        ensure_ran_here(dry_run, "https://z", scope, Settings(**settings))
        return
    with pytest.raises(WrongTenantError) as error:
        ensure_ran_here(dry_run, "https://z", scope, Settings(**settings))
    assert error.value.message.endswith(told)


@pytest.mark.parametrize(
    ("state", "declared", "scope", "places"),
    [
        (IN_E, Scope(), Scope(entity_id="e"), None),
        (
            IN_E,
            Scope(),
            Scope(),
            ("entity e and organisations (none)", "entity (none) and organisations (none)"),
        ),
        (IN_E, Scope(entity_id="f"), Scope(entity_id="f"), None),
        ({**IN_E, "entityId": "e"}, Scope(), Scope(), None),
        (IN_AB, Scope(), Scope(org_ids=("a", "b")), None),
        (
            IN_AB,
            Scope(),
            Scope(org_ids=("a",)),
            ("entity (none) and organisations a, b", "entity (none) and organisations a"),
        ),
        (IN_AB, Scope(org_ids=("a",)), Scope(org_ids=("a",)), None),
        ({**IN_AB, "orgIds": ["a", "b"]}, Scope(), Scope(), None),
        ({"jobId": "a" * 32}, Scope(), Scope(entity_id="e"), None),
    ],
)
def test_a_place_from_configuration_does_not_change_unnoticed(
    state: dict[str, Any], declared: Scope, scope: Scope, places: tuple[str, str] | None
) -> None:
    """Neither the state nor the program declared it, and it is another one today: that is refused, and a declared change is not."""
    if places is None:
        ensure_same_scope(state, declared, scope)
        return
    with pytest.raises(WrongTenantError) as error:
        ensure_same_scope(state, declared, scope)
    was, now = places
    assert error.value.message == (
        f"Job {'a' * 32} in state belongs to {was}, but the settings say {now}; nothing was sent."
    )
