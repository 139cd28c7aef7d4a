"""Which resource this is, and what it declares, as the program tells the provider. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_zuora_backfill.errors import ConfigurationError, InputError
from pulumi_zuora_backfill.properties import PYTHON_NAMES
from pulumi_zuora_backfill.settings.loading import NAMES, Settings


@dataclass(frozen=True, kw_only=True)
class Identity:
    """
    What no dynamic provider is told by the engine.

    Attributes:
        urn: The resource's URN.
        secrets: Inputs that the program declares as secrets.
        declared: Inputs that the program declares at all.
        unknown: Inputs that are not known in an update, whole or in part.
        nulls: Where the triggers hold a null, which Pulumi drops.
        setting_keys: The ``zuora:*`` keys of the stack's configuration that the program sees.
    """

    urn: str
    secrets: frozenset[str]
    declared: frozenset[str]
    unknown: frozenset[str]
    nulls: frozenset[str]
    setting_keys: frozenset[str]

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Identity | None:
        """Read the internal input; ``None`` if it is not there."""
        told = inputs.get("identity")
        if not isinstance(told, Mapping) or not isinstance(told.get("urn"), str):
            return None
        names = {
            name: frozenset(map(str, told.get(name) or ()))
            for name in ("secrets", "declared", "unknown", "nulls", "settings")
        }
        return cls(
            urn=told["urn"],
            secrets=names["secrets"],
            declared=names["declared"],
            unknown=names["unknown"],
            nulls=names["nulls"],
            setting_keys=names["settings"],
        )


def identity_of(inputs: Mapping[str, Any]) -> Identity:
    """
    Return the identity of a resource that is to send something.

    Raises:
        InputError: It is not there, or an input that the program declares has not arrived.
    """
    identity = Identity.of(inputs)
    if identity is None:
        raise InputError(
            "Nothing was sent: the provider was not told which resource this is.",
            "Declare it with the classes of pulumi_zuora_backfill.",
        )
    missing = sorted(PYTHON_NAMES.get(n, n) for n in identity.declared if inputs.get(n) is None)
    if missing:
        raise InputError(
            f"Nothing was sent: {' and '.join(missing)} is declared, but has no value in this "
            "update.",
            "Run `pulumi up` without --exclude or --target of the resource that supplies it.",
        )
    return identity


def ensure_settings_arrive(
    identity: Identity, settings: Settings, stack_keys: Collection[str]
) -> None:
    """
    Make sure that the provider sees the settings that the program sees.

    Raises:
        ConfigurationError: The engine gave the provider other configuration: it gives the stack's
            to default providers only.
    """
    by_key = {key: (name, variable) for name, (variable, key) in NAMES.items()}
    hidden = [
        (key, by_key[key][1])
        for key in sorted(identity.setting_keys - set(stack_keys))
        if key in by_key and settings.sources.get(by_key[key][0]) != by_key[key][1]
    ]
    if hidden:
        keys = ", ".join(key for key, _ in hidden)
        inputs = ", ".join(f'"{key}": "…"' for key, _ in hidden)
        raise ConfigurationError(
            f"Nothing was sent: {keys} of the stack's configuration does not reach this resource, "
            "as Pulumi gives the stack's configuration to default providers only.",
            'Give it to the provider too: pulumi.ProviderResource("pulumi-python", …, '
            f"{{{inputs}}}), or export {', '.join(variable for _, variable in hidden)}.",
        )
