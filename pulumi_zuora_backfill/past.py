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

from .reasons import clean

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


@dataclass(frozen=True, kw_only=True)
class _Jobs:
    """The stack's jobs: their outputs by URN, and their ids as one text, as every resource carries the ids of all."""

    by_urn: Mapping[str, Mapping[str, Any]]
    ids: str


# One read per run: a monitor lives exactly as long as its run, and an Automation API program may run many in one process.
_reads: weakref.WeakKeyDictionary[Any, asyncio.Future[_Jobs]] = weakref.WeakKeyDictionary()


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
            job_ids=frozenset(job_ids.split()) if isinstance(job_ids, str) else frozenset(),
        )


async def past_input(urns: Awaitable[Iterable[str]]) -> dict[str, Any]:
    """
    Return the internal input for one resource.

    Args:
        urns: The resource's URN, then its aliases.
    """
    jobs = await _stack_jobs()
    predecessor: Mapping[str, Any] = next((jobs.by_urn[urn] for urn in await urns if urn in jobs.by_urn), {})
    return {
        "predecessor": {name: predecessor[name] for name in _KEPT if predecessor.get(name) is not None},
        "jobIds": jobs.ids,
    }


async def _stack_jobs() -> _Jobs:
    """Read the jobs of the own stack: one call per run, whoever asks first."""
    monitor = get_monitor()
    if monitor not in _reads:
        _reads[monitor] = asyncio.ensure_future(_read())
    return await _reads[monitor]


async def _read() -> _Jobs:
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    try:
        answer = await pulumi.runtime.invoke_async(_READ_STATE, {"stackName": stack})
        resources = (answer or {}).get("outputs", {})  # a mocked monitor answers with nothing
        by_urn = {
            urn: {name: rpc.unwrap_rpc_secret(value) for name, value in resource["outputs"].items()}
            for urn, resource in resources.items()
            if urn.split("::")[2].split("$")[-1] == TYPE_TOKEN and isinstance(resource.get("outputs"), dict)
        }
    except Exception as error:  # an engine without this invoke, or a backend that does not answer: go on without
        pulumi.log.warn(
            f"The state of stack {stack} could not be read ({clean(error)}), so nothing is known of earlier backfill jobs: "
            "a forced replacement within 24 hours may take its predecessor's job over instead of starting a new one."
        )
        by_urn = {}
    # A job that is only looked up (`BackfillJob.get`) has no declared inputs: looking is neither starting nor accepting.
    by_urn = {
        urn: outputs
        for urn, outputs in by_urn.items()
        if isinstance(outputs.get("jobId"), str) and "batchSize" in outputs
    }
    return _Jobs(by_urn=by_urn, ids=" ".join(sorted({outputs["jobId"] for outputs in by_urn.values()})))
