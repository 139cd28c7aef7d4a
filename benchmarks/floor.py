"""The floors: dynamic resources that do nothing, so that what is measured is Pulumi alone."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

from pulumi_zuora_backfill.properties import INPUTS, camel
from pulumi_zuora_backfill.properties import OUTPUTS as PYTHON_OUTPUTS

# A job that has not ended has no counts.
OUTPUTS = tuple(camel(name) for name in PYTHON_OUTPUTS[:12])


class FloorProvider(ResourceProvider):
    """Makes nothing, and finds no difference."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make up an id."""
        return CreateResult("nothing", props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Find no difference."""
        return DiffResult(changes=False)


class WideFloorProvider(FloorProvider):
    """Does nothing either, and returns as many outputs as a job of ours has."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make up an id and the outputs."""
        return CreateResult(
            "nothing", {**props, **{name: f"{name}, some text or other" for name in OUTPUTS}}
        )


class Floor(Resource, module="benchmarks", name="Floor"):
    """A resource that does nothing."""

    def __init__(self, name: str) -> None:
        """Declare it."""
        super().__init__(FloorProvider(), name, {"type": "RatePlanCharge"})


class WideFloor(Resource, module="benchmarks", name="WideFloor"):
    """A resource that does nothing, with the properties of a `BackfillJob`.

    What Pulumi takes to carry them.
    """

    def __init__(self, name: str) -> None:
        """Declare it."""
        given = {
            "type": "RatePlanCharge",
            "batchSize": 1000,
            "dryRun": False,
            "guard": "once",
            "onDelete": "leave",
        }
        unset = dict.fromkeys(camel(name) for name in INPUTS)
        internal = {
            "identity": {"urn": name, "organization": "o", "preview": False},
            "past": {"predecessor": {}},
        }
        super().__init__(
            WideFloorProvider(), name, {**unset, **given, **internal, **dict.fromkeys(OUTPUTS)}
        )
