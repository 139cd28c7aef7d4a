"""The state while a run changes it: written after every step, so that a crash loses nothing that was finished."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import references
from .state import Resource, read_state, write_state


class BrokenStateError(Exception):
    """A resource in the state speaks of one that is not there."""


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
                if not self._dry_run and (trouble := references.dangling(self.resources())):
                    raise BrokenStateError(
                        f"failed to save snapshot: {self._path}: snapshot integrity failure; it was already written, "
                        f"but is invalid: {trouble}"
                    )

    def rebase(self, resources: Iterable[Resource]) -> None:
        """Begin anew from other resources, as after a refresh; interrupted operations are settled by it."""
        with self._lock:
            self.base = references.repaired(list(resources))
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
                [references.renamed(resource, renamed) for resource in listed]
                if renamed
                else listed
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
