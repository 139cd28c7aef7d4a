"""Which resource it is, and what it declares: what is declared and does not arrive is a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_zuora_backfill.errors import ConfigurationError, InputError
from pulumi_zuora_backfill.job.identity import Identity, ensure_settings_arrive, identity_of
from pulumi_zuora_backfill.settings.loading import Settings

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/zuora:BackfillJob::charges"


def identity(*setting_keys: str) -> Identity:
    """Return a resource whose program sees these keys of the stack's configuration."""
    return Identity(
        urn=URN,
        secrets=frozenset(),
        declared=frozenset(),
        unknown=frozenset(),
        nulls=frozenset(),
        setting_keys=frozenset(setting_keys),
    )


def test_what_the_program_tells_is_read() -> None:
    """Names that are not told are none."""
    told = {
        "urn": URN,
        "secrets": ["triggers"],
        "declared": ["type", "dryRun"],
        "settings": ["zuora:baseUrl"],
    }

    assert Identity.of({"identity": told}) == Identity(
        urn=URN,
        secrets=frozenset({"triggers"}),
        declared=frozenset({"type", "dryRun"}),
        unknown=frozenset(),
        nulls=frozenset(),
        setting_keys=frozenset({"zuora:baseUrl"}),
    )
    assert Identity.of({"identity": {"urn": URN, "secrets": None}}) == identity()


@pytest.mark.parametrize(
    "inputs",
    [{}, {"identity": None}, {"identity": "x"}, {"identity": {}}, {"identity": {"urn": 5}}],
)
def test_a_resource_that_nobody_told_of_sends_nothing(inputs: dict[str, Any]) -> None:
    """A subclass of another SDK, or an edited state: without a URN there is no key."""
    assert Identity.of(inputs) is None
    with pytest.raises(InputError) as error:
        identity_of(inputs)

    assert (error.value.message, error.value.hint) == (
        "Nothing was sent: the provider was not told which resource this is.",
        "Declare it with the classes of pulumi_zuora_backfill.",
    )


@pytest.mark.parametrize(
    ("arrived", "missing"),
    [
        ({"type": "RatePlanCharge", "dryRun": True}, "entity_id"),
        ({"type": "RatePlanCharge", "dryRun": None, "entityId": "e"}, "dry_run"),
        ({"type": "RatePlanCharge"}, "dry_run and entity_id"),
        ({"dryRun": False, "entityId": "e"}, "type"),
    ],
)
def test_what_is_declared_and_does_not_arrive_is_a_refusal(
    arrived: dict[str, Any], missing: str
) -> None:
    """`up --exclude` of a supplier makes the host drop inputs: a dry run would have become live."""
    told = {"urn": URN, "declared": ["type", "dryRun", "entityId"]}
    with pytest.raises(InputError) as error:
        identity_of({"identity": told, **arrived})

    assert (error.value.message, error.value.hint) == (
        f"Nothing was sent: {missing} is declared, but has no value in this update.",
        "Run `pulumi up` without --exclude or --target of the resource that supplies it.",
    )


def test_what_arrives_as_false_or_nothing_has_arrived() -> None:
    """False, 0 and empty lists are values."""
    told = {"urn": URN, "declared": ["dryRun", "triggers", "orgIds"]}
    found = identity_of({"identity": told, "dryRun": False, "triggers": 0, "orgIds": []})

    assert found.declared == {"dryRun", "triggers", "orgIds"}


def test_settings_that_the_provider_does_not_see_are_a_refusal() -> None:
    """An explicit provider gets no configuration of the stack: another tenant could be meant."""
    wanted = identity("zuora:tenantId", "zuora:baseUrl", "zuora:clientId", "zuora:ownKey")
    settings = Settings(sources={"client_id": "ZUORA_CLIENT_ID"})
    with pytest.raises(ConfigurationError) as error:
        ensure_settings_arrive(wanted, settings, ())

    assert (error.value.message, error.value.hint) == (
        "Nothing was sent: zuora:baseUrl, zuora:tenantId of the stack's configuration does not "
        "reach this resource, as Pulumi gives the stack's configuration to default providers "
        "only.",
        'Give it to the provider too: pulumi.ProviderResource("pulumi-python", …, '
        '{"zuora:baseUrl": '
        '"…", "zuora:tenantId": "…"}), or export ZUORA_BASE_URL, ZUORA_TENANT_ID.',
    )


@pytest.mark.parametrize(
    ("stack_keys", "sources"),
    [
        (("zuora:baseUrl", "zuora:orgIds"), {}),
        ((), {"base_url": "ZUORA_BASE_URL"}),
    ],
)
def test_settings_that_arrive_either_way_are_fine(
    stack_keys: tuple[str, ...], sources: dict[str, str]
) -> None:
    """From the stack's configuration, or from the environment, which wins."""
    settings = Settings(sources=sources)

    ensure_settings_arrive(identity("zuora:baseUrl"), settings, stack_keys)
    ensure_settings_arrive(identity(), Settings(), stack_keys)  # neither raises anything
