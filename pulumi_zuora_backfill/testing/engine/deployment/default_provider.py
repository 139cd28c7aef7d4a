"""The provider of a resource that names none: the stack's configuration is its configuration."""

from __future__ import annotations

import json

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.planning import Goal, StepPlanner
from pulumi_zuora_backfill.testing.engine.property_values import Properties
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import (
    DYNAMIC_PACKAGE,
    is_provider_type,
    reference_to,
)

from .step_executor import StepExecutor

_DISABLED = "pulumi:disable-default-providers"


class DefaultProviders:
    """Registers default providers, each once in a run."""

    def __init__(self, config: Properties, planner: StepPlanner, executor: StepExecutor) -> None:
        """Take the stack's configuration, and what brings a resource about."""
        self._config = config
        self._planner = planner
        self._executor = executor
        self._references: dict[str, str] = {}

    def provider_of(self, type_: str, explicit: str) -> str:
        """Return the reference to a resource's provider; providers themselves have none.

        Raises:
            ValueError: The stack's configuration forbids default providers.
        """
        if explicit or is_provider_type(type_):
            return explicit
        if is_default_denied(self._config, DYNAMIC_PACKAGE):
            raise ValueError(
                f"Default provider for '{DYNAMIC_PACKAGE}' disabled. "
                f"'{type_}' must use an explicit provider."
            )
        return self.register(DYNAMIC_PACKAGE)

    def register(self, package: str) -> str:
        """Register the provider of a package; it keeps the configuration in the state."""
        if package not in self._references:
            goal = Goal(
                type=f"pulumi:providers:{package}",
                name="default",
                custom=True,
                parent="",
                inputs=self._config if package == DYNAMIC_PACKAGE else {},
            )
            step = self._planner.plan(goal, "")[-1]
            self._executor.run(step)
            self._references[package] = reference_to(step.resource.urn, step.resource.id)
        return self._references[package]


def is_default_denied(config: Properties, package: str) -> bool:
    """Tell whether the stack's configuration forbids the default provider of a package.

    Raises:
        ValueError: The list of forbidden ones is none.
    """
    text = values.revealed(config.get(_DISABLED, ""))
    if not text:
        return False
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise ValueError(f"Failed to parse {text}: {error}") from None
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise ValueError(f"{_DISABLED} must be a list of names")
    return any(name.strip() in ("*", package) for name in listed)
