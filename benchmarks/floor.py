"""The floor: a dynamic resource that does nothing, so that what is measured is Pulumi alone."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class FloorProvider(ResourceProvider):
    """Makes nothing, and finds no difference."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make up an id."""
        return CreateResult("nothing", props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Find no difference."""
        return DiffResult(changes=False)


class Floor(Resource, module="benchmarks", name="Floor"):
    """A resource that does nothing."""

    def __init__(self, name: str) -> None:
        """Declare it."""
        super().__init__(FloorProvider(), name, {"type": "RatePlanCharge"})
