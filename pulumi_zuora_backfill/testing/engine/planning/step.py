"""A step: one thing that a run is to do to one resource."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi_zuora_backfill.testing.engine.state import Resource


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """One thing to do; `op` is named as in the engine."""

    op: str
    old: Resource | None = None
    new: Resource | None = None
    detail: str = ""
    skipped: bool = False
    """A resource that is left out and does not exist: nothing is done, nothing is saved."""
    untargeted: bool = False
    """A resource that is left out and stays as it is."""
    delete_later: bool = False
    """The old resource is deleted at the end of the run, after the new one has been created."""
    recreated: bool = False
    """The old resource is deleted now, and stays in the state until the new one exists."""

    @property
    def resource(self) -> Resource:
        """The resource as it should be; when deleting, as it was."""
        found = self.new or self.old
        assert found is not None
        return found
