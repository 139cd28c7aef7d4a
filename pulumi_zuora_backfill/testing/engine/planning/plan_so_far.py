"""What a run has planned so far: which resource of the old state has met which fate."""

from __future__ import annotations

from dataclasses import dataclass, field

from pulumi_zuora_backfill.testing.engine.state import Resource
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import RegisteredUrns, provider_urn_of

from .targets import Scope, TargetedResources


class BailError(Exception):
    """The run cannot go on; the user has been told why."""


class PlanError(Exception):
    """The run cannot go on, and this is why; to be told under this resource."""

    def __init__(self, urn: str, message: str) -> None:
        """Keep the resource with the message."""
        super().__init__(message)
        self.urn = urn


@dataclass(kw_only=True)
class PlanSoFar:
    """The old state, and what has become of it."""

    scope: Scope
    base: list[Resource]
    operated: set[str] = field(default_factory=set)
    """URNs that need no deletion at the end."""
    replaced: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    skipped_creates: set[str] = field(default_factory=set)
    """URNs that would have been created, were they not left out."""
    deleted: set[str] = field(default_factory=set)
    pending_deletes: set[Resource] = field(default_factory=set)
    """Old resources that are already being deleted for the sake of what they depend on."""
    failed: bool = False
    """Something was wrong that a preview shows and goes on from."""

    def __post_init__(self) -> None:
        """Look up old resources by URN; one that waits for its deletion is not what is meant."""
        self.olds = {resource.urn: resource for resource in self.base if not resource.delete}
        self.urns = RegisteredUrns(self.scope.stack, self.scope.project)
        self.targeted = TargetedResources(self.scope)

    def is_operated(self, urn: str) -> bool:
        """Tell whether the program still wants what has this URN, perhaps by another name."""
        return self.urns.new_urns.get(urn, urn) in self.operated

    def is_replacement_wanted(self, urn: str, old: Resource | None) -> bool:
        """Tell whether the user wants this resource replaced, whatever the provider thinks."""
        return urn in self.scope.replace or (old is not None and old.taint)

    def unsettled_needs(self, resource: Resource) -> list[Resource]:
        """List what an old resource needs and no step was made for, what comes first in front."""
        found: list[Resource] = []
        for urn in sorted({*resource.prerequisites(), provider_urn_of(resource.provider)}):
            old = self.olds.get(urn)
            if old is None or self.urns.new_urns.get(urn, urn) in self.touched():
                continue
            self.operated.add(urn)
            self.urns.seen.add(urn)
            found += [*self.unsettled_needs(old), old]
        return found

    def touched(self) -> set[str]:
        """Return the URNs that steps were made for; they cannot depend on what follows."""
        return self.operated | self.created | self.replaced | self.deleted
