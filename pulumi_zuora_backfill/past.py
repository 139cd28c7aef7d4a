"""
What the stack's own state holds when the program starts: which job stands under this resource's URN, and which other jobs are the stack's.

The engine does not always tell a provider about the past (a repeated ``--replace``, ``replacement_trigger`` and a tainted resource come as a bare
create), so the program asks for it, once per run, and hands it over as an internal input.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.settings import get_monitor

from .errors import clean

TYPE_TOKEN: Final = "pulumi-python:dynamic/zuora:BackfillJob"
_READ_STATE = "pulumi:pulumi:readStackResourceOutputs"
_KEPT = (
    "jobId",
    "status",
    "dryRun",
    "onDelete",
    "baseUrl",
    "tenantId",
    "entityId",
    "orgIds",
    "effectiveEntityId",
    "effectiveOrgIds",
)

# One read per run: a monitor lives exactly as long as its run, and an Automation API program may run many in one process.
_reads: weakref.WeakKeyDictionary[Any, asyncio.Future[Mapping[str, Any]]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Past:
    """
    What state told, as the provider receives it.

    Attributes:
        predecessor: Outputs of the job under this URN, in wire names; empty where there is none.
        job_ids: All jobs of the stack.
    """

    predecessor: Mapping[str, Any]
    job_ids: frozenset[str]

    @classmethod
    def from_input(cls, value: object) -> Past:
        """Read the internal input; anything unusable counts as nothing known."""
        past = value if isinstance(value, Mapping) else {}
        predecessor, job_ids = past.get("predecessor"), past.get("jobIds")
        return cls(
            predecessor=predecessor if isinstance(predecessor, Mapping) else {},
            job_ids=frozenset(id for id in job_ids if isinstance(id, str))
            if isinstance(job_ids, list)
            else frozenset(),
        )


async def past_input(urns: Awaitable[Iterable[str]]) -> dict[str, Any]:
    """
    Return the internal input for one resource.

    Args:
        urns: The resource's URN, then its aliases.
    """
    jobs = {urn: outputs for urn, outputs in (await _stack_outputs()).items() if _is_job(urn, outputs)}
    predecessor: Mapping[str, Any] = next((jobs[urn] for urn in await urns if urn in jobs), {})
    return {
        "predecessor": {name: predecessor[name] for name in _KEPT if predecessor.get(name) is not None},
        "jobIds": sorted({outputs["jobId"] for outputs in jobs.values()}),
    }


def _is_job(urn: str, outputs: Mapping[str, Any]) -> bool:
    return urn.split("::")[2].split("$")[-1] == TYPE_TOKEN and isinstance(outputs.get("jobId"), str)


async def _stack_outputs() -> Mapping[str, Any]:
    """Read the outputs of all resources of the own stack, by URN: one call per run, whoever asks first."""
    monitor = get_monitor()
    if monitor not in _reads:
        _reads[monitor] = asyncio.ensure_future(_read())
    return await _reads[monitor]


async def _read() -> Mapping[str, Any]:
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    try:
        answer = await pulumi.runtime.invoke_async(_READ_STATE, {"stackName": stack})
        resources = (answer or {}).get("outputs", {})  # a mocked monitor answers with nothing
        return {
            urn: {name: rpc.unwrap_rpc_secret(value) for name, value in resource["outputs"].items()}
            for urn, resource in resources.items()
            if isinstance(resource.get("outputs"), dict)
        }
    except Exception as error:  # an engine without this invoke, or a backend that does not answer: go on without
        pulumi.log.warn(
            f"The state of stack {stack} could not be read ({clean(error)}), so nothing is known of earlier backfill jobs: "
            "a forced replacement within 24 hours may take its predecessor's job over instead of starting a new one."
        )
        return {}
