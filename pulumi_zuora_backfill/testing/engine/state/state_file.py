"""The JSON file that keeps a stack's state, secrets in plain text; each step of a run writes it.

A crash loses nothing that was finished.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .dependencies import dangling_reference, with_new_urns, without_dangling_references
from .resource_record import Resource


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


def temporary_state_file(owner: object) -> Path:
    """Make a folder for a state file that lives as long as its owner."""
    folder = tempfile.mkdtemp(prefix="embedded-stack-")
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder, "state.json")


def taint(path: Path, urn: str) -> None:
    """Mark a resource in a state file, so that the next run replaces it."""
    document = read_state(path)
    found = [
        each
        for each in document["deployment"]["resources"]
        if each["urn"] == urn and not each.get("delete")
    ]
    if not found:
        raise KeyError(f"No such resource {urn!r} exists in the current state")
    for each in found:
        each["taint"] = True
    write_state(path, document)


class BrokenStateError(Exception):
    """A resource in the state speaks of one that is not there."""


class Checkpoint:
    """The state while a run changes it.

    `base` is what the run began with. Each step adds what it made to `news` and crosses off what it
    dealt with; the state is then `news`, followed by what is left of `base`. A preview changes the
    lists, never the file.
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
        """Save that a step is under way: if this process is killed now, the next run can say so."""
        with self._lock:
            self._pending[resource] = doing
            self.save()

    def end(
        self, resource: Resource, *, old: Resource | None = None, new: Resource | None = None
    ) -> None:
        """Save that a step is over: `old` is dealt with, `new` exists.

        Raises:
            BrokenStateError: What was saved is not in order; it is saved all the same, as by the
                real engine.
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
                        f"failed to save snapshot: {self._path}: snapshot integrity failure; "
                        f"it was already written, but is invalid: {trouble}"
                    )

    def rebase(self, resources: Iterable[Resource]) -> None:
        """Begin anew from other resources, as after a refresh; nothing is interrupted any more."""
        with self._lock:
            self.base = without_dangling_references(list(resources))
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
            return [with_new_urns(resource, renamed) for resource in listed] if renamed else listed

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
        """Write nothing more: a hard stop leaves the file as the last finished step left it."""
        with self._lock:
            self._closed = True
