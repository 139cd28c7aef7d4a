"""One resource as the state keeps it, and its JSON, as in `pulumi stack export --show-secrets`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.property_values import Properties

_PLAIN_FIELDS = {
    "delete": "delete",
    "protect": "protect",
    "taint": "taint",
    "external": "external",
    "pending_replacement": "pendingReplacement",
    "retain_on_delete": "retainOnDelete",
    "parent": "parent",
    "provider": "provider",
    "deleted_with": "deletedWith",
    "dependencies": "dependencies",
    "property_dependencies": "propertyDependencies",
    "init_errors": "initErrors",
    "additional_secret_outputs": "additionalSecretOutputs",
    "aliases": "aliases",
    "custom_timeouts": "customTimeouts",
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
}
"""Our names and those of the file, for what is left out of it when empty."""


@dataclass(eq=False, kw_only=True)
class Resource:
    """One resource in the state; several may share a URN, so identity is what tells them apart."""

    urn: str
    type: str
    custom: bool
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    parent: str = ""
    provider: str = ""
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    protect: bool = False
    taint: bool = False
    external: bool = False
    delete: bool = False
    pending_replacement: bool = False
    init_errors: list[str] = field(default_factory=list)
    additional_secret_outputs: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    retain_on_delete: bool = False
    deleted_with: str = ""
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    replacement_trigger: Any = None

    def copy(self, **changes: Any) -> Resource:
        """Return another resource with the same content, but for the changes."""
        return replace(self, **changes)

    def prerequisites(self) -> set[str]:
        """Return the URNs of all this depends on: parent and options included, provider not."""
        urns = {self.parent, self.deleted_with, *self.dependencies}
        for dependencies in self.property_dependencies.values():
            urns.update(dependencies)
        return urns - {""}

    def to_json(self) -> dict[str, Any]:
        """Write the resource as the state file has it."""
        document: dict[str, Any] = {"urn": self.urn, "custom": self.custom, "type": self.type}
        if self.id:
            document["id"] = self.id
        if self.inputs:
            document["inputs"] = values.to_stored(self.inputs)
        if self.outputs:
            document["outputs"] = values.to_stored(self.outputs)
        document.update(
            {
                theirs: getattr(self, ours)
                for ours, theirs in _PLAIN_FIELDS.items()
                if getattr(self, ours)
            }
        )
        if self.replacement_trigger is not None:
            document["replacementTrigger"] = values.to_stored(self.replacement_trigger)
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Resource:
        """Read a resource from a state file; what this engine does not know is left out."""
        return cls(
            urn=document["urn"],
            type=document["type"],
            custom=document.get("custom", False),
            id=document.get("id", ""),
            inputs=values.from_stored(document.get("inputs") or {}),
            outputs=values.from_stored(document.get("outputs") or {}),
            replacement_trigger=values.from_stored(document.get("replacementTrigger")),
            **{
                ours: document[theirs]
                for ours, theirs in _PLAIN_FIELDS.items()
                if document.get(theirs)
            },
        )
