"""Reads the message with which a program registers a resource.

What this engine does not do is refused here by name, so that no option is ever quietly ignored.
"""

from __future__ import annotations

import re
from typing import Any

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.planning import Goal
from pulumi_zuora_backfill.testing.engine.property_paths import parse_path
from pulumi_zuora_backfill.testing.engine.property_values import Properties
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import (
    DYNAMIC_PACKAGE,
    Alias,
    is_provider_type,
    package_of,
)

_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class NotSupportedError(Exception):
    """A program asks for what only the real engine does."""

    def __init__(self, what: str) -> None:
        """Name it."""
        super().__init__(
            f"EmbeddedStack does not support {what}; run this program with the Pulumi CLI"
        )


def goal_of(request: Any) -> Goal:
    """Read a `RegisterResourceRequest`.

    Raises:
        NotSupportedError: It asks for something that this engine does not do.
        ValueError: It is not in order.
    """
    _refuse(request)
    inputs = values.from_struct(request.object)
    for path in (*request.ignoreChanges, *request.replaceOnChanges):
        parse_path(path)
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        inputs=inputs,
        provider=request.provider,
        dependencies=sorted(request.dependencies),
        property_dependencies=_property_dependencies(request, inputs),
        aliases=[Alias(urn=urn) for urn in request.aliasURNs]
        + [_alias(alias) for alias in request.aliases],
        protect=_optional(request, "protect"),
        retain_on_delete=_optional(request, "retainOnDelete"),
        deleted_with=request.deletedWith,
        delete_before_replace=(
            request.deleteBeforeReplace
            if request.deleteBeforeReplaceDefined or request.deleteBeforeReplace
            else None
        ),
        ignore_changes=list(request.ignoreChanges),
        replace_on_changes=list(request.replaceOnChanges),
        hidden_diffs=list(getattr(request, "hideDiffs", ())),
        replacement_trigger=(
            values.from_value(request.replacement_trigger)
            if _has(request, "replacement_trigger")
            else None
        ),
        additional_secret_outputs=list(request.additionalSecretOutputs),
        custom_timeouts=_timeouts(request.customTimeouts),
    )


def _refuse(request: Any) -> None:
    if request.remote:
        raise NotSupportedError(f"remote components ({request.type})")
    if request.importId:
        raise NotSupportedError("the resource option import_")
    if request.transforms:
        raise NotSupportedError("the resource option transforms")
    if _has(request, "hooks") and any(names for _, names in request.hooks.ListFields()):
        raise NotSupportedError("the resource option hooks")
    if getattr(request, "replace_with", ()):
        raise NotSupportedError("the resource option replace_with")
    if getattr(request, "state_migrations", ()):
        raise NotSupportedError("the resource option state_migrations")
    if request.custom:
        refuse_package(request.type)


def refuse_package(type_: str) -> None:
    """Refuse a custom resource, or a provider, that is not a dynamic one."""
    if package_of(type_) != DYNAMIC_PACKAGE:
        what = "providers" if is_provider_type(type_) else "resources"
        raise NotSupportedError(f"{what} of other packages than dynamic providers ({type_})")


def _has(message: Any, field: str) -> bool:
    """Tell whether a field is set that older SDKs do not know."""
    return field in message.DESCRIPTOR.fields_by_name and message.HasField(field)


def _optional(message: Any, field: str) -> bool | None:
    """Read a flag that may be left open; SDKs from before it could be send false then."""
    if message.DESCRIPTOR.fields_by_name[field].has_presence:
        return bool(getattr(message, field)) if message.HasField(field) else None
    return getattr(message, field) or None


def _property_dependencies(request: Any, inputs: Properties) -> dict[str, list[str]]:
    if not request.propertyDependencies:
        return {key: sorted(request.dependencies) for key in inputs}
    given = {
        key: sorted(dependencies.urns) for key, dependencies in request.propertyDependencies.items()
    }
    return {**{key: [] for key in inputs}, **given}


def _alias(message: Any) -> Alias:
    if message.WhichOneof("alias") == "urn":
        return Alias(urn=message.urn)
    spec = message.spec
    return Alias(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn if spec.WhichOneof("parent") == "parentUrn" else "",
        no_parent=spec.noParent if spec.WhichOneof("parent") == "noParent" else False,
    )


def _timeouts(message: Any) -> dict[str, float]:
    named = {name: getattr(message, name, "") for name in ("create", "update", "delete", "read")}
    seconds = {name: duration_s(text) for name, text in named.items() if text}
    return {
        name: int(number) if number.is_integer() else number for name, number in seconds.items()
    }


def duration_s(text: str) -> float:
    """Read a duration such as `1h30m` in seconds.

    Raises:
        ValueError: The text is no duration.
    """
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"unable to parse customTimeout Value {text}")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
