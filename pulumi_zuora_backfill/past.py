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

from .history import History
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
    "history",
    "secretHistory",
)
_NAMED_AT_MOST = 5
_PAUSES_S = (0.05, 0.2, 0.5)


@dataclass(frozen=True, kw_only=True)
class StackJobs:
    """The stack's jobs: their outputs by URN, their ids as one text, as every resource carries the ids of all, and some that are live."""

    by_urn: Mapping[str, Mapping[str, Any]]
    ids: str
    live: list[dict[str, Any]]


# One read per run: a monitor lives exactly as long as its run, and an Automation API program may run many in one process.
_reads: weakref.WeakKeyDictionary[Any, asyncio.Future[StackJobs]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Past:
    """
    What state told, as the provider receives it.

    Attributes:
        predecessor: Outputs of the job under this URN, in wire names; empty where there is none.
        job_ids: All jobs that the stack's resources have, or have had.
        others: Some live jobs under other URNs, where there is none under this one: URN, type, job id and place of each.
    """

    predecessor: Mapping[str, Any]
    job_ids: frozenset[str]
    others: tuple[Mapping[str, Any], ...] = ()

    @property
    def history(self) -> History:
        """What this resource has had."""
        return History.from_state(self.predecessor.get("history"))

    @property
    def secret_history(self) -> bool:
        """Whether it was made of secret triggers."""
        return bool(self.predecessor.get("secretHistory"))

    @classmethod
    def from_input(cls, value: object) -> Past:
        """Read the internal input; anything unusable counts as nothing known."""
        past = value if isinstance(value, Mapping) else {}
        predecessor, job_ids, others = past.get("predecessor"), past.get("jobIds"), past.get("others")
        return cls(
            predecessor=predecessor if isinstance(predecessor, Mapping) else {},
            job_ids=frozenset(job_ids.split()) if isinstance(job_ids, str) else frozenset(),
            others=tuple(other for other in others if isinstance(other, Mapping)) if isinstance(others, list) else (),
        )


async def past_input(urns: Awaitable[Iterable[str]]) -> dict[str, Any]:
    """
    Return the internal input for one resource.

    Args:
        urns: The resource's URN, then its aliases.
    """
    jobs = await stack_jobs()
    found = next((jobs.by_urn[urn] for urn in await urns if urn in jobs.by_urn), None)
    if found is None:
        return {"predecessor": {}, "jobIds": jobs.ids, **({"others": jobs.live} if jobs.live else {})}
    predecessor = {name: found[name] for name in _KEPT if found.get(name) is not None}
    if "secretHistory" in predecessor:
        # The engine hands out in plain what it has encrypted in state.
        predecessor["history"] = pulumi.Output.secret(predecessor["history"])
    return {"predecessor": predecessor, "jobIds": jobs.ids}


async def stack_jobs() -> StackJobs:
    """Read the jobs of the own stack: one call per run, whoever asks first."""
    monitor = get_monitor()
    if monitor not in _reads:
        _reads[monitor] = asyncio.ensure_future(_read())
    return await _reads[monitor]


async def _ask(stack: str) -> Any:
    """Ask the engine, a few times: the read fails where it meets the engine's own writing to a backend in files."""
    for pause_s in _PAUSES_S:
        try:
            return await pulumi.runtime.invoke_async(_READ_STATE, {"stackName": stack})
        except Exception:  # said by the last attempt
            await asyncio.sleep(pause_s)
    return await pulumi.runtime.invoke_async(_READ_STATE, {"stackName": stack})


async def _read() -> StackJobs:
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    try:
        answer = await _ask(stack)
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
    had = {
        job_id
        for outputs in by_urn.values()
        for job_id in (outputs["jobId"], *History.from_state(outputs.get("history")).job_ids)
    }
    live = [
        {
            "urn": urn,
            "type": outputs.get("type"),
            "jobId": outputs["jobId"],
            "entityId": outputs.get("effectiveEntityId"),
            "orgIds": outputs.get("effectiveOrgIds"),
        }
        for urn, outputs in by_urn.items()
        if outputs.get("dryRun") is False
    ]
    return StackJobs(by_urn=by_urn, ids=" ".join(sorted(had)), live=live[:_NAMED_AT_MOST])
