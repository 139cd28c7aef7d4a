"""The tenant that a command talks to: the provider's settings, and the provider's client."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.connection import connect
from pulumi_zuora_backfill.errors import ConfigurationError
from pulumi_zuora_backfill.settings import Settings, load_settings
from pulumi_zuora_backfill.zuora.client import BackfillClient
from pulumi_zuora_backfill.zuora.models import Scope

from .stack_config import read_stack

ENVIRONMENT_ONLY = (
    "Without --stack, only the environment is read. `--stack NAME` reads the configuration of a "
    "stack too."
)


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """
    A connection to one tenant.

    Attributes:
        client: The provider's own.
        scope: The entity and the organisations that every request names.
        clock: Time.
        wait_timeout_s: The longest that a wait may take by the settings, or ``None``.
    """

    client: BackfillClient
    scope: Scope
    clock: Clock
    wait_timeout_s: float | None = None

    def described(self) -> str:
        """Say which tenant it is, by the token that Zuora gave."""
        return f"tenant {self.client.tenant_id()} at {self.client.base_url}"


def read_settings(stack: str | None) -> Settings:
    """
    Read the settings as the provider does: the environment, then the configuration of a stack.

    Args:
        stack: The name of a stack of the project in today's folder; ``None`` for the environment
            only.
    """
    config = {} if stack is None else read_stack(stack, os.environ)
    return load_settings(os.environ, config.get, config)


def connect_to(settings: Settings, report: Callable[[str], None]) -> Tenant:
    """
    Connect to the tenant that the settings name; nothing is sent yet.

    Args:
        settings: Today's settings.
        report: Takes a line about what is tried again.

    Raises:
        ConfigurationError: The settings are not usable.
    """
    zuora = connect(settings, Clock(), report)
    return Tenant(
        client=zuora.client,
        scope=settings.scope,
        clock=zuora.clock,
        wait_timeout_s=settings.wait_timeout_s,
    )


def open_tenant(stack: str | None, report: Callable[[str], None]) -> Tenant:
    """
    Read the settings, and connect to the tenant that they name; nothing is sent yet.

    Args:
        stack: As with `read_settings`.
        report: As with `connect_to`.

    Raises:
        ConfigurationError: The settings are not usable.
    """
    try:
        return connect_to(read_settings(stack), report)
    except ConfigurationError as error:
        if stack is None:
            error.add_hint(ENVIRONMENT_ONLY)
        raise
