"""How the resources of a state speak of each other: by URN, which must be there."""

from __future__ import annotations

from collections.abc import Iterable

from .state import Resource
from .urns import reference_to


def dangling(resources: Iterable[Resource]) -> str:
    """Say which resource depends on one that is not there; empty: all is in order."""
    listed = list(resources)
    known = {resource.urn for resource in listed}
    for resource in listed:
        for missing in sorted(resource.prerequisites() - known):
            return f"resource {resource.urn} refers to missing dependency {missing}"
    return ""


def renamed(resource: Resource, new_names: dict[str, str]) -> Resource:
    """Let a resource speak of renamed ones by their new names; its own old names are then of no more use."""

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


def repaired(resources: list[Resource]) -> list[Resource]:
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
