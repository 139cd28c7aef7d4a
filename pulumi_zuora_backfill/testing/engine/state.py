"""The state of a stack: its resources, and the JSON file that keeps them.

The file has the shape of `pulumi stack export --show-secrets`, so secrets stand in it in plain text.  It is
written after every step, whole and in one move, so that a crash loses nothing that was finished.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
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


class BrokenStateError(Exception):
    """A resource in the state speaks of one that is not there."""


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


class Checkpoint:
    """The state while a run changes it.

    `base` is what the run began with.  Each step adds what it made to `news` and crosses off what it dealt with;
    the state is then `news`, followed by what is left of `base`.  A preview changes the lists, never the file.
    """

    def __init__(self, path: Path, *, dry_run: bool) -> None:
        """Read the state file."""
        self._path = path
        self._dry_run = dry_run
        self._lock = threading.RLock()
        self._closed = False
        deployment = read_state(path)["deployment"]
        self.base = [Resource.from_json(document) for document in deployment.get("resources") or []]
        self._news: list[Resource] = []
        self._done: set[Resource] = set()
        self.interrupted: list[dict[str, Any]] = deployment.get("pending_operations") or []
        """What an earlier run was doing when it was killed."""
        self._lost_creates = [
            operation for operation in self.interrupted if operation["type"] == "creating"
        ]
        self._pending: dict[Resource, str] = {}

    def begin(self, resource: Resource, doing: str) -> None:
        """Save that a step is under way: should this process be killed now, the next run can say so."""
        with self._lock:
            self._pending[resource] = doing
            self.save()

    def end(
        self, resource: Resource, *, old: Resource | None = None, new: Resource | None = None
    ) -> None:
        """Save that a step is over: `old` is dealt with, `new` exists.

        Raises:
            BrokenStateError: What was saved is not in order; it is saved all the same, as by the real engine.
        """
        with self._lock:
            self._pending.pop(resource, None)
            if old is not None:
                self._done.add(old)
            if new is not None:
                self._news.append(new)
            if old is None or new is None or old.to_json() != new.to_json():
                self.save()
                if not self._dry_run and (trouble := dangling_reference(self.resources())):
                    raise BrokenStateError(
                        f"failed to save snapshot: {self._path}: snapshot integrity failure; it was already written, "
                        f"but is invalid: {trouble}"
                    )

    def rebase(self, resources: Iterable[Resource]) -> None:
        """Begin anew from other resources, as after a refresh; interrupted operations are settled by it."""
        with self._lock:
            self.base = _without_dangling_references(list(resources))
            self._lost_creates = []
            self.save()

    def resources(self) -> list[Resource]:
        """List the resources as they would be saved now."""
        with self._lock:
            listed = [
                *self._news,
                *(resource for resource in self.base if resource not in self._done),
            ]
            renamed = {old: resource.urn for resource in self._news for old in resource.aliases}
            return (
                [_with_new_names(resource, renamed) for resource in listed] if renamed else listed
            )

    def save(self) -> None:
        """Write the file, unless this is a preview or the run was terminated."""
        with self._lock:
            if self._dry_run or self._closed:
                return
            deployment: dict[str, Any] = {
                "resources": [resource.to_json() for resource in self.resources()]
            }
            pending = [
                {"resource": each.to_json(), "type": doing} for each, doing in self._pending.items()
            ]
            if pending or self._lost_creates:
                deployment["pending_operations"] = [*self._lost_creates, *pending]
            write_state(self._path, {"version": 3, "deployment": deployment})

    def close(self) -> None:
        """Write nothing more: after a hard stop the file must stay as the last finished step left it."""
        with self._lock:
            self._closed = True


def dangling_reference(resources: Iterable[Resource]) -> str:
    """Say which resource depends on one that is not there; empty: all is in order."""
    listed = list(resources)
    known = {resource.urn for resource in listed}
    for resource in listed:
        for missing in sorted(resource.prerequisites() - known):
            return f"resource {resource.urn} refers to missing dependency {missing}"
    return ""


def _with_new_names(resource: Resource, renamed: dict[str, str]) -> Resource:
    """Let a resource speak of renamed ones by their new names; its own old names are then of no more use."""

    def new_name(urn: str) -> str:
        return renamed.get(urn, urn)

    return resource.copy(
        aliases=[],
        parent=new_name(resource.parent),
        deleted_with=new_name(resource.deleted_with),
        dependencies=[new_name(urn) for urn in resource.dependencies],
        property_dependencies={
            key: [new_name(urn) for urn in urns]
            for key, urns in resource.property_dependencies.items()
        },
    )


def _without_dangling_references(resources: list[Resource]) -> list[Resource]:
    """Drop references to resources that do not come before the one that refers to them."""
    known: set[str] = set()
    repaired = []
    for resource in resources:
        repaired.append(
            resource.copy(
                parent=resource.parent if resource.parent in known else "",
                deleted_with=resource.deleted_with if resource.deleted_with in known else "",
                dependencies=[urn for urn in resource.dependencies if urn in known],
                property_dependencies={
                    key: [urn for urn in urns if urn in known]
                    for key, urns in resource.property_dependencies.items()
                },
            )
        )
        known.add(resource.urn)
    return repaired
