"""
How the resources are registered with the engine, with everything their providers have to know.

In the program's process, a resource finds out what the engine tells no dynamic provider: its URN,
what is declared and what is secret, which settings the stack has, and what its state holds. All of
it goes to the provider as internal inputs; none of them is ever a change.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from inspect import signature
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from pulumi_zuora_backfill.properties import (
    CUSTOM_TIMEOUTS,
    INTERNAL,
    OUTPUTS,
    TYPE_TOKEN,
    WIRE_NAMES,
)
from pulumi_zuora_backfill.provider import BackfillJobProvider
from pulumi_zuora_backfill.settings.loading import NAMES

from .arguments import (
    ensure_delete_before_replace,
    ensure_json,
    ensure_no_deleted_with,
    ensure_no_replace_on_changes,
    ensure_no_retain_on_delete,
    shareable,
    warn_of_plain_secret,
)
from .declared_jobs import DeclaredJob, note_declaration
from .state_reader import note_take_over, past_input
from .urns import alias_urns_of, urn_of

# What the engine does not tell us is no news to a reviewer either; older SDKs show it.
HIDDEN: Any = (
    {"hide_diffs": list(INTERNAL)}
    if "hide_diffs" in signature(pulumi.ResourceOptions).parameters
    else {}
)
_OPTIONS_WITH_NAMES = ("ignore_changes", "additional_secret_outputs", "hide_diffs")
# What has no default: None is no way of leaving it away.
_ALWAYS_DECLARED = ("type", "dry_run")


def wired(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Spell the names of properties as state does."""
    return {WIRE_NAMES.get(name, name): value for name, value in properties.items()}


def wired_options(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Return a copy of the options that names properties as state does, whichever way they came."""
    copy = pulumi.ResourceOptions.merge(opts, None)
    for option in _OPTIONS_WITH_NAMES:
        paths = getattr(copy, option, None)
        if paths:
            setattr(copy, option, [re.sub(r"^\w+", _wire_name, path) for path in paths])
    return copy


def custom_timeouts(opts: pulumi.ResourceOptions, *kinds: str) -> dict[str, str] | None:
    """Return the custom timeouts that a resource knows; ``None`` if none is set."""
    given = opts.custom_timeouts
    if given is None:
        return None
    values = given if isinstance(given, Mapping) else vars(given)
    return {kind: values[kind] for kind in kinds if values.get(kind)} or None


def identity_of(
    type_token: str, name: str, parent: pulumi.Resource | None, props: Mapping[str, Any]
) -> Coroutine[Any, Any, dict[str, Any]]:
    """Say which resource this is and what it declares, as no provider is told it."""

    async def identity() -> dict[str, Any]:
        declared = [n for n, value in props.items() if value is not None or n in _ALWAYS_DECLARED]
        return {
            "urn": await urn_of(type_token, name, parent),
            "preview": pulumi.runtime.is_dry_run(),
            "secrets": [WIRE_NAMES.get(n, n) for n in declared if await _is_secret(props[n])],
            "declared": [WIRE_NAMES.get(n, n) for n in declared],
            **await _not_known(declared, props),
            **await _nulls_in_triggers(props.get("triggers")),
            "settings": [key for _, key in NAMES.values() if pulumi.runtime.get_config(key)],
        }

    return identity()


def register_job(
    job: Resource, name: str, props: Mapping[str, Any], opts: pulumi.ResourceOptions | None
) -> None:
    """Register with the engine, with everything the provider has to know."""
    opts = wired_options(opts)
    ensure_delete_before_replace("BackfillJob", name, opts)
    ensure_no_replace_on_changes("BackfillJob", name, opts)
    ensure_no_deleted_with("BackfillJob", name, opts)
    ensure_no_retain_on_delete("BackfillJob", name, opts)
    ensure_json("BackfillJob", name, props)
    props = {argument: shareable(value) for argument, value in props.items()}
    warn_of_plain_secret()
    note_take_over(name, props.get("existing_job_id"))
    opts = pulumi.ResourceOptions.merge(
        opts, pulumi.ResourceOptions(delete_before_replace=True, **HIDDEN)
    )
    parent = opts.parent

    async def urns() -> list[str]:
        """List the URN and those that it had before, once transformations have had their say."""
        aliases = await alias_urns_of(job, TYPE_TOKEN, name, parent)
        return [await urn_of(TYPE_TOKEN, name, parent), *aliases]

    beside = note_declaration(DeclaredJob(name=name, arguments=props, urns=urns))
    internal = {
        "identity": identity_of(TYPE_TOKEN, name, parent, props),
        "past": past_input(urns(), beside),
    }
    declared = {**props, CUSTOM_TIMEOUTS: custom_timeouts(opts, "create", "delete")}
    # An output appears only where it was named at the start.
    inputs = wired({**dict.fromkeys(OUTPUTS), **declared, **internal})
    Resource.__init__(job, BackfillJobProvider(), name, inputs, opts)


def _wire_name(match: re.Match[str]) -> str:
    return WIRE_NAMES.get(match[0], match[0])


async def _is_secret(value: Any) -> bool:
    """Tell whether a value, or anything in it, is a secret; most are plain, and that is quick."""
    if isinstance(value, str | int | float | None):
        return False
    return await pulumi.Output.from_input(value).is_secret()


async def _nulls_in_triggers(triggers: Any) -> dict[str, Any]:
    """Name the nulls inside of the triggers, which the SDK drops on their way to the provider."""
    if isinstance(triggers, str | int | float | None):
        return {}
    output = pulumi.Output.from_input(triggers)
    nulls = list(_nulls(await output.future(), "triggers")) if await output.is_known() else []
    return {"nulls": nulls} if nulls else {}


def _nulls(value: Any, where: str) -> Iterator[str]:
    items = (
        value.items()
        if isinstance(value, Mapping)
        else enumerate(value)
        if isinstance(value, list | tuple)
        else ()
    )
    for key, item in items:
        if item is None and isinstance(value, Mapping):
            yield f"{where}[{key!r}]"
        yield from _nulls(item, f"{where}[{key!r}]")


async def _not_known(declared: Iterable[str], props: Mapping[str, Any]) -> dict[str, Any]:
    """Name what is not known in an update, whole or in part: it is dropped on its way."""
    if pulumi.runtime.is_dry_run():
        return {}
    names = [
        WIRE_NAMES.get(name, name)
        for name in declared
        if not isinstance(props[name], str | int | float | None)
        and not await pulumi.Output.from_input(props[name]).is_known()
    ]
    return {"unknown": names} if names else {}
