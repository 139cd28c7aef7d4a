"""What a run is about and what it has seen so far; planning looks things up here and notes them down."""

from __future__ import annotations

from dataclasses import dataclass, field

from pulumi_zuora_backfill.testing.engine.goal import Goal
from pulumi_zuora_backfill.testing.engine.planning.targets import Selection
from pulumi_zuora_backfill.testing.engine.state import Resource
from pulumi_zuora_backfill.testing.engine.urns import (
    ROOT_STACK_TYPE,
    Aliases,
    is_provider_type,
    make_urn,
    provider_urn_of,
)


class BailError(Exception):
    """The run cannot go on; the user has been told why."""


class PlanError(Exception):
    """The run cannot go on, and this is why; to be told under this resource."""

    def __init__(self, urn: str, message: str) -> None:
        """Keep the resource with the message."""
        super().__init__(message)
        self.urn = urn


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a run is about."""

    stack: str
    project: str
    dry_run: bool
    replace: Selection = field(default_factory=lambda: Selection(()))
    targets: Selection = field(default_factory=lambda: Selection(()))
    """Touch only these; none: touch everything."""
    target_dependents: bool = False
    excludes: Selection = field(default_factory=lambda: Selection(()))
    """Do not touch these."""

    def includes(self, urn: str) -> bool:
        """Tell whether the run may touch a resource for its own sake."""
        return urn in self.targets if self.targets else urn not in self.excludes


@dataclass(kw_only=True)
class Ledger:
    """The old state, and what has become of it."""

    scope: Scope
    base: list[Resource]
    seen: set[str] = field(default_factory=set)
    """Every URN that the program has registered."""
    operated: set[str] = field(default_factory=set)
    """URNs that need no deletion at the end."""
    replaced: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    skipped_creates: set[str] = field(default_factory=set)
    """URNs that would have been created, were they not left out."""
    deleted: dict[str, bool] = field(default_factory=dict)
    pending_deletes: set[Resource] = field(default_factory=set)
    """Old resources that are already being deleted for the sake of what they depend on."""
    failed: bool = False
    """Something was wrong that a preview shows and goes on from."""

    def __post_init__(self) -> None:
        """Look up old resources by URN; one that waits for its deletion is not what is meant."""
        self.olds = {resource.urn: resource for resource in self.base if not resource.delete}
        self.aliases = Aliases(self.scope.stack, self.scope.project)
        self._drawn: set[str] = set()

    def claim_urn(self, type_: str, name: str, parent: str) -> str:
        """Form the URN of a resource; each may be registered once."""
        if parent and parent not in self.seen:
            raise PlanError("", f"could not find parent resource {parent}")
        urn = make_urn(self.scope.stack, self.scope.project, parent, type_, name)
        if urn in self.seen:
            raise PlanError(urn, f"Duplicate resource URN '{urn}'; try giving it a unique name")
        self.seen.add(urn)
        return urn

    def find_old(self, urn: str, goal: Goal) -> tuple[Resource | None, str]:
        """Find the resource in the old state, and the old name it was found under, if by an alias."""
        if urn in self.aliases.new_urns:
            raise PlanError(
                urn, f"Duplicate resource URN '{urn}': another resource has it as an alias"
            )
        for candidate in (
            urn,
            *self.aliases.candidates(goal.type, goal.name, goal.parent, goal.aliases),
        ):
            old = self.olds.get(candidate)
            if old is None:
                continue
            if candidate == urn:
                return old, ""
            if candidate in self.seen or candidate in self.aliases.new_urns:
                raise PlanError(
                    urn, f"Duplicate resource alias '{candidate}' applied to resource '{urn}'"
                )
            self.aliases.take(urn, candidate)
            return old, candidate
        return None, ""

    def is_operated(self, urn: str) -> bool:
        """Tell whether the program still wants what the state has under this URN, perhaps by another name."""
        return self.aliases.new_urns.get(urn, urn) in self.operated

    def is_replacement_wanted(self, urn: str, old: Resource | None) -> bool:
        """Tell whether the user wants this resource replaced, whatever the provider thinks."""
        return urn in self.scope.replace or (old is not None and old.taint)

    def is_targeted(self, resource: Resource) -> bool:
        """Tell whether this run may touch a resource; one that it may draws its dependents along, if that is wanted."""
        if is_provider_type(resource.type) or resource.type == ROOT_STACK_TYPE:
            return True
        if self.scope.includes(resource.urn):
            return True
        if not (self.scope.targets and self.scope.target_dependents):
            return False
        needs = {*resource.prerequisites(), provider_urn_of(resource.provider)}
        if any(urn in self.scope.targets or urn in self._drawn for urn in needs):
            self._drawn.add(resource.urn)
            return True
        return False

    def unsettled_needs(self, resource: Resource) -> list[Resource]:
        """List what an old resource needs and no step was made for, what comes first in front."""
        found: list[Resource] = []
        for urn in sorted({*resource.prerequisites(), provider_urn_of(resource.provider)}):
            old = self.olds.get(urn)
            if old is None or self.aliases.new_urns.get(urn, urn) in self.touched():
                continue
            self.operated.add(urn)
            self.seen.add(urn)
            found += [*self.unsettled_needs(old), old]
        return found

    def touched(self) -> set[str]:
        """Return the URNs that steps were made for: what comes before in a program cannot depend on what follows."""
        return (
            self.operated
            | self.created
            | self.replaced
            | {urn for urn, gone in self.deleted.items() if gone}
        )
