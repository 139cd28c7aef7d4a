"""Who depends on whom in a state, where each resource comes after all it depends on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .state import Resource
from .urns import provider_urn_of


def dependents_of(
    root: Resource,
    resources: Sequence[Resource],
    *,
    ignored: Collection[str] = (),
    children: bool = False,
) -> list[Resource]:
    """List what depends on a resource, directly or not, in the order of the state."""
    reached = {root.urn}
    found = []
    for candidate in resources[_index(root, resources) + 1 :]:
        if candidate.urn in ignored:
            continue
        needs = _needs(candidate) if children else _needs_without_parent(candidate)
        if needs & reached:
            found.append(candidate)
            reached.add(candidate.urn)
    return found


def prerequisites_of(resource: Resource, resources: Sequence[Resource]) -> set[Resource]:
    """Find what a resource needs directly: its parent, its provider, and below a component all that comes before."""
    before = resources[: _index(resource, resources)]
    needs = _needs_without_parent(resource)
    found = {
        candidate
        for candidate in before
        if candidate.urn in needs or candidate.urn == resource.parent
    }
    for component in [
        candidate for candidate in found if candidate.urn in needs and not candidate.custom
    ]:
        found |= _descendants(component, before)
    return found


def all_prerequisites_of(resource: Resource, resources: Sequence[Resource]) -> set[Resource]:
    """Find what a resource needs, directly or not."""
    found: set[Resource] = set()
    to_do = [resource]
    while to_do:
        for needed in prerequisites_of(to_do.pop(), resources) - found:
            found.add(needed)
            to_do.append(needed)
    return found


def delete_order(
    condemned: Collection[Resource], resources: Sequence[Resource]
) -> list[list[Resource]]:
    """Put resources into groups: those of one may be deleted at once, after all groups before it."""
    wanted = set(condemned)
    left = [resource for resource in resources if resource in wanted]
    groups = []
    while left:
        remaining = set(left)
        group = [
            resource for resource in left if not prerequisites_of(resource, resources) & remaining
        ]
        groups.append(group)
        left = [resource for resource in left if resource not in group]
    return groups[::-1]


def _index(resource: Resource, resources: Sequence[Resource]) -> int:
    return next(index for index, candidate in enumerate(resources) if candidate is resource)


def _needs(resource: Resource) -> set[str]:
    return resource.prerequisites() | (
        {provider_urn_of(resource.provider)} if resource.provider else set()
    )


def _needs_without_parent(resource: Resource) -> set[str]:
    return _needs(resource.copy(parent=""))


def _descendants(component: Resource, resources: Sequence[Resource]) -> set[Resource]:
    urns = {component.urn}
    found = set()
    for candidate in resources:
        if candidate.parent in urns:
            urns.add(candidate.urn)
            found.add(candidate)
    return found
