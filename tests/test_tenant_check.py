"""Whether a job in state is where today's settings lead: address, tenant, entity, organisations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_zuora_backfill.contract.tenant_check import (
    ensure_one_tenant,
    ensure_replaced_in_place,
    ensure_same_place,
    ensure_same_tenant,
    place_mismatch,
    place_of,
    scope_in_state,
    scope_of,
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


NOTHING_SENT = f"Nothing was sent: job {'a' * 32} in state belongs to "
SET_BACK = (
    "Set base URL, tenant and entity back (environment or zuora:* configuration). For another "
    "tenant, use another stack."
)


def told(call: Callable[[], None]) -> str | None:
    """Return what is told, if it is refused; the hint is always the same."""
    try:
        call()
    except WrongTenantError as refusal:
        return refusal.message if refusal.hint == SET_BACK else str(refusal)
    return None


def test_a_job_that_is_elsewhere_is_not_touched() -> None:
    """The text names the job, where it is, and where the settings lead."""
    settings = Settings(tenant_id="2")

    assert told(lambda: ensure_same_place("https://z", STATE, Settings())) is None
    assert told(lambda: ensure_same_place("https://y", STATE, settings)) == (
        f"{NOTHING_SENT}https://z, but the settings say https://y."
    )
    assert told(lambda: ensure_same_place("https://z", STATE, settings)) == (
        f"{NOTHING_SENT}tenant 1, but the settings say tenant 2."
    )


def test_the_token_has_to_belong_to_the_job_s_tenant() -> None:
    """A number and its text are one tenant; a state that names none says nothing."""
    assert told(lambda: ensure_same_tenant("1", {**STATE, "tenantId": 1})) is None
    assert told(lambda: ensure_same_tenant("1", {})) is None
    assert told(lambda: ensure_same_tenant("2", STATE)) == (
        f"{NOTHING_SENT}tenant 1, but the credentials belong to tenant 2."
    )


def test_an_attempt_has_a_tenant_too() -> None:
    """It has no job yet that could be named."""
    attempt = {"baseUrl": "https://z", "tenantId": "1", "attempt": {}}

    assert told(lambda: ensure_same_tenant("2", attempt)) == (
        "Nothing was sent: job (id not known) in state belongs to tenant 1, but the credentials "
        "belong to tenant 2."
    )


@pytest.mark.parametrize(
    ("base_url", "tenant_id", "mismatch"),
    [
        ("https://z", "1", None),
        (None, None, None),
        (None, "1", None),
        ("https://y", "1", "https://z, but the settings say https://y."),
        ("https://z", "2", "tenant 1, but the new job would run in tenant 2."),
        (None, "2", "tenant 1, but the new job would run in tenant 2."),
    ],
)
def test_a_stack_is_in_one_tenant(
    base_url: str | None, tenant_id: str | None, mismatch: str | None
) -> None:
    """One job elsewhere is enough, wherever it stands in the list; no job says nothing."""
    told_of = told(lambda: ensure_one_tenant([{"jobId": "x"}, STATE], base_url, tenant_id))

    assert told_of == (mismatch and NOTHING_SENT + mismatch)
    assert told(lambda: ensure_one_tenant([], base_url, tenant_id)) is None


NONE = "entity (none) and organisations (none)"


@pytest.mark.parametrize(
    ("state", "declared", "scope", "mismatch"),
    [
        (IN_E, Scope(), Scope(entity_id="e"), None),
        (
            IN_E,
            Scope(),
            Scope(),
            f"entity e and organisations (none), but the settings say {NONE}.",
        ),
        (IN_E, Scope(entity_id="f"), Scope(entity_id="f"), None),
        ({**IN_E, "entityId": "e"}, Scope(), Scope(), None),
        (IN_AB, Scope(), Scope(org_ids=("a", "b")), None),
        (
            IN_AB,
            Scope(),
            Scope(org_ids=("a",)),
            "entity (none) and organisations a, b, but the settings say entity (none) and "
            "organisations a.",
        ),
        (IN_AB, Scope(org_ids=("a",)), Scope(org_ids=("a",)), None),
        ({**IN_AB, "orgIds": ["a", "b"]}, Scope(), Scope(), None),
        ({"jobId": "a" * 32}, Scope(), Scope(entity_id="e"), None),
    ],
)
def test_a_replacement_does_not_move_unnoticed(
    state: dict[str, Any], declared: Scope, scope: Scope, mismatch: str | None
) -> None:
    """If nobody declared the entity and configuration changed, it is refused; else it is not."""
    refused = told(
        lambda: ensure_replaced_in_place("https://z", state, Settings(), declared, scope)
    )

    assert refused == (mismatch and NOTHING_SENT + mismatch)


def test_a_replacement_at_another_address_is_refused_first() -> None:
    """Whatever else is declared."""
    refused = told(
        lambda: ensure_replaced_in_place("https://y", IN_E, Settings(), Scope(), Scope())
    )

    assert refused == f"{NOTHING_SENT}https://z, but the settings say https://y."


def test_where_a_job_runs_is_kept_and_read_again() -> None:
    """What is not in force is not kept; a job that is looked up is where today's settings lead."""
    scope = Scope(entity_id="e", org_ids=("a", "b"))
    place = place_of("https://z", "1", scope)
    settings = Settings(entity_id="f", org_ids=("c",))

    assert place == {
        "baseUrl": "https://z",
        "tenantId": "1",
        "effectiveEntityId": "e",
        "effectiveOrgIds": ["a", "b"],
    }
    assert place_of("https://z", "1", Scope())["effectiveOrgIds"] is None
    assert scope_in_state(place, settings) == scope
    assert scope_in_state(STATE, settings) == Scope()
    assert scope_in_state({"entityId": "e"}, settings) == Scope(entity_id="e", org_ids=("c",))


def test_scopes_in_state_are_read_with_tolerance() -> None:
    """A state may have been edited by hand: what is no list of ids is none."""
    scopes = [
        scope_of({"entityId": "e", "orgIds": value})
        for value in (5.0, "ab", None, {"a": 1}, ["a", "b"])
    ]
    assert scopes == [Scope(entity_id="e")] * 4 + [Scope(entity_id="e", org_ids=("a", "b"))]
