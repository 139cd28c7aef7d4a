"""What a program wants: one resource registration, read from its message.

What this engine does not do is refused here by name, so that no option is ever quietly ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from . import values
from .hosts import DYNAMIC_PACKAGE
from .paths import parse_path
from .state import Resource
from .urns import Alias, is_provider_type, package_of
from .values import Properties

_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class NotSupportedError(Exception):
    """A program asks for what only the real engine does."""

    def __init__(self, what: str) -> None:
        """Name it."""
        super().__init__(
            f"EmbeddedStack does not support {what}; run this program with the Pulumi CLI"
        )


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A resource as the program wants it."""

    type: str
    name: str
    custom: bool
    parent: str
    inputs: Properties
    provider: str = ""
    """The reference to an explicit provider."""
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    aliases: list[Alias] = field(default_factory=list)
    protect: bool | None = None
    retain_on_delete: bool | None = None
    deleted_with: str = ""
    delete_before_replace: bool | None = None
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    hidden_diffs: list[str] = field(default_factory=list)
    replacement_trigger: Any = None
    additional_secret_outputs: list[str] = field(default_factory=list)
    custom_timeouts: dict[str, float] = field(default_factory=dict)

    def inheriting(self, parent: Goal) -> Goal:
        """Take over from the parent what this resource leaves open."""
        return replace(
            self,
            deleted_with=self.deleted_with or parent.deleted_with,
            protect=parent.protect if self.protect is None else self.protect,
            retain_on_delete=parent.retain_on_delete
            if self.retain_on_delete is None
            else self.retain_on_delete,
        )

    def to_resource(self, urn: str) -> Resource:
        """Form the resource that a step is to make of this."""
        return Resource(
            urn=urn,
            type=self.type,
            custom=self.custom,
            inputs=self.inputs,
            parent=self.parent,
            provider=self.provider,
            dependencies=self.dependencies,
            property_dependencies=self.property_dependencies,
            protect=bool(self.protect),
            retain_on_delete=bool(self.retain_on_delete),
            deleted_with=self.deleted_with,
            ignore_changes=self.ignore_changes,
            replace_on_changes=self.replace_on_changes,
            replacement_trigger=self.replacement_trigger,
            additional_secret_outputs=self.additional_secret_outputs,
            custom_timeouts=self.custom_timeouts,
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
