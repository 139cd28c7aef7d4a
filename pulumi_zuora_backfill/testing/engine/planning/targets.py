"""Which resources a run is to touch: what a user names with `--target` and the like."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pulumi_zuora_backfill.testing.engine.state import Resource
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import (
    ROOT_STACK_TYPE,
    is_provider_type,
    make_urn,
    provider_urn_of,
)


class Selection:
    """A set of URNs: `**` in a pattern stands for anything, `*` for anything without a colon."""

    def __init__(self, names: Iterable[str]) -> None:
        """Tell names from patterns by their stars."""
        given = set(names)
        self.literals = frozenset(name for name in given if "*" not in name)
        """The names without a star; they alone can be missing."""
        self._patterns = [_compiled(name) for name in given - self.literals]

    def __contains__(self, urn: str) -> bool:
        """Tell whether a resource is meant."""
        return urn in self.literals or any(pattern.fullmatch(urn) for pattern in self._patterns)

    def __bool__(self) -> bool:
        """Tell whether anything was named."""
        return bool(self.literals or self._patterns)


def _compiled(pattern: str) -> re.Pattern[str]:
    pieces = [re.escape(piece) for piece in re.split(r"(\*\*|\*)", pattern)]
    stars = {re.escape("**"): ".*", re.escape("*"): "[^:]*"}
    return re.compile("".join(stars.get(piece, piece) for piece in pieces))


@dataclass(frozen=True)
class Scope:
    """What a run is about."""

    stack: str
    project: str
    dry_run: bool
    replace: Selection
    targets: Selection
    """Touch only these; none: touch everything."""
    excludes: Selection
    """Do not touch these."""
    target_dependents: bool

    @property
    def stack_urn(self) -> str:
        """The URN of the root stack."""
        name = f"{self.project}-{self.stack}"
        return make_urn(self.stack, self.project, "", ROOT_STACK_TYPE, name)

    def includes(self, urn: str) -> bool:
        """Tell whether the run may touch a resource for its own sake."""
        return urn in self.targets if self.targets else urn not in self.excludes


class TargetedResources:
    """The resources that a run may touch: targets may draw their dependents along."""

    def __init__(self, scope: Scope) -> None:
        """Begin with what the user named."""
        self._scope = scope
        self._drawn: set[str] = set()

    def allow(self, resource: Resource) -> bool:
        """Tell whether this run may touch a resource; what it depends on was asked about before."""
        scope = self._scope
        if is_provider_type(resource.type) or resource.type == ROOT_STACK_TYPE:
            return True
        if scope.includes(resource.urn):
            return True
        if not (scope.targets and scope.target_dependents):
            return False
        needs = {*resource.prerequisites(), provider_urn_of(resource.provider)}
        if any(urn in scope.targets or urn in self._drawn for urn in needs):
            self._drawn.add(resource.urn)
            return True
        return False
