"""
How a BackfillJob is registered with the engine, with everything its provider has to know.

Here, in the program's process, a resource finds out what the engine tells no dynamic provider: its URN, what is secret, and what the stack's state holds.
All of it goes to the provider as internal inputs, ``identity`` and ``past``; neither is ever a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from pulumi_zuora_backfill.properties import OUTPUTS, WIRE_NAMES
from pulumi_zuora_backfill.provider import BackfillJobProvider

from .arguments import (
    ensure_delete_before_replace,
    ensure_json,
    ensure_no_import,
    ensure_no_replace_on_changes,
    shareable,
    warn_of_plain_secret,
)
from .stack_state import TYPE_TOKEN, past_input
from .urns import alias_urns_of, urn_of

# What the engine must not tell us is no news to a reviewer either; older SDKs show it.
_HIDDEN: Any = (
    {"hide_diffs": ["identity", "past"]}
    if "hide_diffs" in signature(pulumi.ResourceOptions).parameters
    else {}
)


def wired(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Spell the names of properties as state does."""
    return {WIRE_NAMES.get(name, name): value for name, value in properties.items()}


def register_job(
    job: Resource, name: str, props: Mapping[str, Any], opts: pulumi.ResourceOptions | None
) -> None:
    """Register with the engine, with everything the provider has to know."""
    opts = opts or pulumi.ResourceOptions()
    ensure_no_import("BackfillJob", name, opts)
    ensure_delete_before_replace("BackfillJob", name, opts)
    ensure_no_replace_on_changes("BackfillJob", name, opts)
    ensure_json("BackfillJob", name, props)
    props = {argument: shareable(value) for argument, value in props.items()}
    warn_of_plain_secret()
    opts = pulumi.ResourceOptions.merge(
        opts, pulumi.ResourceOptions(delete_before_replace=True, **_HIDDEN)
    )

    async def identity() -> dict[str, Any]:
        """Say which resource this is, as no provider is told it."""
        return {
            "organization": pulumi.get_organization(),
            "urn": await urn_of(TYPE_TOKEN, name, opts.parent),
            "preview": pulumi.runtime.is_dry_run(),
            "secrets": [
                WIRE_NAMES[argument] for argument, value in props.items() if await _is_secret(value)
            ],
        }

    async def urns() -> list[str]:
        """List the URN and those that it had before."""
        return [
            await urn_of(TYPE_TOKEN, name, opts.parent),
            *await alias_urns_of(TYPE_TOKEN, name, opts),
        ]

    internal = {"identity": identity(), "past": past_input(urns())}
    # An output appears only where it was named at the start.
    Resource.__init__(
        job,
        BackfillJobProvider(),
        name,
        wired({**dict.fromkeys(OUTPUTS), **props, **internal}),
        opts,
    )


async def _is_secret(value: Any) -> bool:
    """Tell whether a value, or anything in it, is a secret; most are plain, and an output of each would cost time."""
    return (
        not isinstance(value, str | int | float | None)
        and await pulumi.Output.from_input(value).is_secret()
    )
