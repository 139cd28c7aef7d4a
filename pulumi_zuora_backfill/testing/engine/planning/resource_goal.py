"""What a program wants: a resource with its options, before the engine knows what that takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pulumi_zuora_backfill.testing.engine.property_values import Properties
from pulumi_zuora_backfill.testing.engine.state import Resource
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import Alias


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
