"""The state of a stack: its resources, and the JSON file that keeps them.

The file has the shape of `pulumi stack export --show-secrets`, so secrets stand in it in plain text.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import values
from .values import Properties

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
        """Return the URNs of all this resource depends on: parent and options included, its provider not."""
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


def read_state(path: Path) -> dict[str, Any]:
    """Read a state file; a stack that was never run has an empty state."""
    if not path.exists():
        return {"version": 3, "deployment": {"resources": []}}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if document.get("version") != 3:
        raise ValueError(f"{path} has version {document.get('version')}, expected 3")
    return document


def write_state(path: Path, document: dict[str, Any]) -> None:
    """Write a state file in one move: whoever reads it sees the old one or the new one."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(json.dumps(document, indent=2), encoding="utf-8")
    os.replace(draft, path)
