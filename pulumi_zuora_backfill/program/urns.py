"""The URN that the engine will give a resource: it tells it to no dynamic provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.runtime import resource as sdk

_STACK_TYPE = "pulumi:pulumi:Stack"


async def urn_of(type_token: str, name: str, parent: pulumi.Resource | None) -> str:
    """
    Compute a URN.

    A plain coroutine: a `pulumi.Output` that depends on the parent would be a circular dependency
    inside a component.

    Args:
        type_token: The resource's type token.
        name: Its name.
        parent: Its parent; the root stack counts as none.
    """
    base = f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::"
    if parent is None:
        return f"{base}{type_token}::{name}"
    parent_urn = await parent.urn.future()
    if parent_urn is None:
        raise pulumi.RunError(f"The parent of {name} has no URN yet.")
    parent_type = parent_urn.split("::", 3)[2]
    qualified = (
        type_token if parent_type.split("$")[-1] == _STACK_TYPE else f"{parent_type}${type_token}"
    )
    return f"{base}{qualified}::{name}"


async def alias_urns_of(
    resource: pulumi.Resource, type_token: str, name: str, parent: pulumi.Resource | None
) -> list[str]:
    """
    Compute the URNs that a resource had before.

    Its own aliases, those that its parents hand down, and those that a transformation added.
    """
    aliases: Sequence[pulumi.Input[str]] = sdk.all_aliases(
        resource._aliases, name, type_token, parent
    )
    return [urn for urn in [await _value(alias) for alias in aliases] if isinstance(urn, str)]


async def _value(value: Any) -> Any:
    return await pulumi.Output.from_input(value).future()
