"""Who depends on whom in a state: each resource comes after all it names by URN."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pulumi_zuora_backfill.testing.engine.urns_and_aliases import provider_urn_of, reference_to

from .resource_record import Resource


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
    """Find what a resource needs directly; of a component, all below it that comes before."""
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
    """Put resources into groups: one may be deleted at once, after all groups before it."""
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


def dangling_reference(resources: Iterable[Resource]) -> str:
    """Say which resource depends on one that is not there; empty: all is in order."""
    listed = list(resources)
    known = {resource.urn for resource in listed}
    for resource in listed:
        for missing in sorted(resource.prerequisites() - known):
            return f"resource {resource.urn} refers to missing dependency {missing}"
    return ""


def with_new_urns(resource: Resource, new_names: dict[str, str]) -> Resource:
    """Let a resource name renamed ones by their new URNs; its own aliases are used up."""

    def new_name(urn: str) -> str:
        return new_names.get(urn, urn)

    provider_urn, _, provider_id = resource.provider.rpartition("::")
    return resource.copy(
        aliases=[],
        provider=reference_to(new_name(provider_urn), provider_id) if provider_urn else "",
        parent=new_name(resource.parent),
        deleted_with=new_name(resource.deleted_with),
        dependencies=[new_name(urn) for urn in resource.dependencies],
        property_dependencies={
            key: [new_name(urn) for urn in urns]
            for key, urns in resource.property_dependencies.items()
        },
    )


def without_dangling_references(resources: list[Resource]) -> list[Resource]:
    """Drop references to resources that do not come before the one that refers to them."""
    known: set[str] = set()
    result = []
    for resource in resources:
        result.append(
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
    return result


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
