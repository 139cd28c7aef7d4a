"""
What the stack's own state holds when the program starts: which job stands under this resource's URN, and which other jobs are the stack's.

The engine does not always tell a provider about the past (a repeated ``--replace``, ``replacement_trigger`` and a tainted resource come as a bare
create), so the program asks for it, once per run, and hands it over as an internal input.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.settings import get_monitor

from pulumi_zuora_backfill.contract.history import History
from pulumi_zuora_backfill.properties import DRY_RUN_SUFFIX, is_verified
from pulumi_zuora_backfill.zuora.texts import clean

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
_PLACE = (
    "jobId",
    "baseUrl",
    "tenantId",
    "entityId",
    "orgIds",
    "effectiveEntityId",
    "effectiveOrgIds",
)
_NAMED_AT_MOST = 5
_PAUSES_S = (0.05, 0.2, 0.5)


@dataclass(frozen=True, kw_only=True)
class StackJobs:
    """The stack's jobs: their outputs by URN, their ids as one text, as every resource carries the ids of all, and some that are live."""

    by_urn: Mapping[str, Mapping[str, Any]]
    ids: str
    live: list[dict[str, Any]]

    def first_of(self, urns: Iterable[str]) -> Mapping[str, Any]:
        """Return the outputs of the first of these resources that state holds; empty where it holds none."""
        return next((self.by_urn[urn] for urn in urns if urn in self.by_urn), {})


# One read per run: a monitor lives exactly as long as its run, and an Automation API program may run many in one process.
_reads: weakref.WeakKeyDictionary[Any, asyncio.Future[StackJobs]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Past:
    """
    What state told, as the provider receives it.

    Attributes:
        predecessor: Outputs of the job under this URN, in wire names; empty where there is none.
        dry_run: Where the dry run of a `VerifiedBackfill` ran, for its live job; empty for any other job, and where state does not hold it yet.
        job_ids: All jobs that the stack's resources have, or have had.
        others: Some live jobs that were under other URNs when there was none under this one: URN, type, job id and place of each.
    """

    predecessor: Mapping[str, Any]
    job_ids: frozenset[str]
    dry_run: Mapping[str, Any] = field(default_factory=dict)
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
        predecessor, dry_run = past.get("predecessor"), past.get("dryRun")
        job_ids, others = past.get("jobIds"), past.get("others")
        return cls(
            predecessor=predecessor if isinstance(predecessor, Mapping) else {},
            dry_run=dry_run if isinstance(dry_run, Mapping) else {},
            job_ids=frozenset(job_ids.split()) if isinstance(job_ids, str) else frozenset(),
            others=tuple(
                other
                for other in (others if isinstance(others, list) else ())
                if isinstance(other, Mapping) and {"urn", "type", "jobId"} <= other.keys()
            ),
        )


async def past_input(urns: Awaitable[Iterable[str]]) -> dict[str, Any]:
    """
    Return the internal input for one resource.

    Args:
        urns: The resource's URN, then its aliases.
    """
    jobs, known = await stack_jobs(), list(await urns)
    found = jobs.first_of(known)
    dry_run = jobs.first_of(urn + DRY_RUN_SUFFIX for urn in known if is_verified(urn))
    predecessor = _part(found, _KEPT)
    if "secretHistory" in predecessor:
        # The engine hands out in plain what it has encrypted in state.
        predecessor["history"] = pulumi.Output.secret(predecessor["history"])
    past = {"predecessor": predecessor, "jobIds": jobs.ids}
    if dry_run:
        past["dryRun"] = _part(dry_run, _PLACE)
    # A job that became a `VerifiedBackfill` has left the state when the live job comes: its dry run keeps what there was.
    handed_on = (found or dry_run).get("others")
    if found and any(urn.removesuffix(DRY_RUN_SUFFIX) in jobs.by_urn for urn in known):
        handed_on = None  # the live job has come meanwhile, whichever way the reviewer decided
    others = [*([] if found else jobs.live), *(handed_on if isinstance(handed_on, list) else ())]
    if others:
        past["others"] = others
    return past


def _part(outputs: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: outputs[name] for name in names if outputs.get(name) is not None}


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
            if urn.split("::")[2].split("$")[-1] == TYPE_TOKEN
            and isinstance(resource.get("outputs"), dict)
        }
    except (
        Exception
    ) as error:  # an engine without this invoke, or a backend that does not answer: go on without
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
    return StackJobs(by_urn=by_urn, ids=" ".join(sorted(had)), live=_live(by_urn))


def _live(by_urn: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tell of some live jobs of each type and place; always of the same ones, as an update plan compares what a preview and the update saw."""
    counts: Counter[str] = Counter()
    live = []
    for urn, outputs in sorted(by_urn.items()):
        if outputs.get("dryRun") is not False:
            continue
        what = {
            "type": outputs.get("type"),
            "entityId": outputs.get("effectiveEntityId"),
            "orgIds": outputs.get("effectiveOrgIds"),
        }
        counts[str(what)] += 1
        if counts[str(what)] <= _NAMED_AT_MOST:
            live.append({"urn": urn, "jobId": outputs["jobId"], **what})
    return live
