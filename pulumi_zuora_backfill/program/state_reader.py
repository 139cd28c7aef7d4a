"""
What the stack's own state holds when the program starts, for the providers of its jobs.

The engine does not always show a provider the past (a repeated ``--replace``,
``replacement_trigger`` and a tainted resource come as a bare create), so the program asks for it
once per run and passes it on as the internal input ``past``.
"""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.settings import get_monitor

from pulumi_zuora_backfill.contract.history import History
from pulumi_zuora_backfill.job.outputs import SECRET_BY
from pulumi_zuora_backfill.properties import TYPE_TOKEN
from pulumi_zuora_backfill.zuora.texts import clean

if TYPE_CHECKING:
    from .declared_jobs import DeclaredJob

_READ_STATE = "pulumi:pulumi:readStackResourceOutputs"
_OF_EVERY_JOB = (
    "jobId",
    "status",
    "createdOn",
    "type",
    "dryRun",
    "baseUrl",
    "tenantId",
    "effectiveEntityId",
    "effectiveOrgIds",
)
_OF_THE_PREDECESSOR = (
    *_OF_EVERY_JOB,
    "onDelete",
    "entityId",
    "orgIds",
    "history",
    "secretHistory",
    "secretPlace",
    "attempt",
)
_PAUSES_S = (0.05, 0.2, 0.5)


@dataclass(frozen=True, kw_only=True)
class JobsInState:
    """
    The stack's jobs, as state held them when the program started.

    Attributes:
        by_urn: Their outputs by URN.
        text: All of them as one text: a list of n entries in each of n resources costs time.
        unreadable: Why nothing is known, or ``None``.
    """

    by_urn: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    text: str = ""
    unreadable: str | None = None

    def first_of(self, urns: Iterable[str]) -> Mapping[str, Any]:
        """Return the outputs of the first of these resources that state holds; empty if none."""
        return next((self.by_urn[urn] for urn in urns if urn in self.by_urn), {})


# A monitor lives as long as its run; an Automation API program may run many in one process.
_reads: weakref.WeakKeyDictionary[Any, asyncio.Future[JobsInState]] = weakref.WeakKeyDictionary()
_taken_over: weakref.WeakKeyDictionary[Any, dict[str, str]] = weakref.WeakKeyDictionary()


def note_take_over(name: str, job_id: object) -> None:
    """Note a job that a resource takes over, so that no other resource stops it in this run."""
    if isinstance(job_id, str):
        _taken_over.setdefault(get_monitor(), {})[job_id] = name


async def past_input(
    urns: Awaitable[Iterable[str]], beside: Iterable[DeclaredJob] = ()
) -> dict[str, Any]:
    """
    Return the internal input ``past`` for one resource.

    Args:
        urns: The resource's URN, then its aliases.
        beside: The jobs that the program has declared before it.
    """
    jobs, known = await jobs_in_state(), list(await urns)
    if jobs.unreadable:
        return {"unreadable": jobs.unreadable}
    former = next((urn for urn in known if urn in jobs.by_urn), None)
    predecessor = _part(jobs.first_of(known), _OF_THE_PREDECESSOR)
    # The engine hands out in plain what it has encrypted in state.
    for marker, names in SECRET_BY.items():
        secret = [name for name in names if marker in predecessor and name in predecessor]
        predecessor |= {name: pulumi.Output.secret(predecessor[name]) for name in secret}
    hidden = any("secretPlace" in outputs for outputs in jobs.by_urn.values())
    past: dict[str, Any] = {
        "predecessor": predecessor,
        "jobs": pulumi.Output.secret(jobs.text) if hidden else jobs.text,
        "urns": known,
    }
    if former not in (None, known[0]):
        past["formerUrn"] = former
    if starts := [start for other in beside if (start := await other.live_start(jobs))]:
        text = json.dumps([start.told for start in starts])
        past["beside"] = pulumi.Output.secret(text) if any(s.secret for s in starts) else text
    taken = _taken_over.get(get_monitor())
    return past | ({"takenOver": json.dumps(taken, sort_keys=True)} if taken else {})


async def jobs_in_state() -> JobsInState:
    """Read the jobs of the own stack: one call per run, whoever asks first."""
    monitor = get_monitor()
    if monitor not in _reads:
        _reads[monitor] = asyncio.ensure_future(_read())
    return await _reads[monitor]


def _part(outputs: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: outputs[name] for name in names if outputs.get(name) is not None}


async def _ask() -> Any:
    """
    Ask the engine, a few times: the read fails while the engine itself writes to a file backend.

    A self-managed backend with the legacy layout knows a stack by its bare name only.
    """
    full = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    for pause_s in _PAUSES_S:
        for stack in (full, pulumi.get_stack()):
            try:
                return await pulumi.runtime.invoke_async(_READ_STATE, {"stackName": stack})
            except Exception:  # said by the last attempt
                continue
        await asyncio.sleep(pause_s)
    return await pulumi.runtime.invoke_async(_READ_STATE, {"stackName": full})


async def _read() -> JobsInState:
    try:
        answer = await _ask()
        resources = (answer or {}).get("outputs", {})  # a mocked monitor answers with nothing
        by_urn = {
            urn: {name: rpc.unwrap_rpc_secret(value) for name, value in resource["outputs"].items()}
            for urn, resource in resources.items()
            if urn.split("::")[2].split("$")[-1] == TYPE_TOKEN
            and isinstance(resource.get("outputs"), dict)
        }
    except Exception as error:  # a backend that does not answer: unknown is not empty
        return JobsInState(unreadable=clean(error) or type(error).__name__)
    # A job that is only looked up (`BackfillJob.get`) has no declared inputs: it is nobody's start.
    by_urn = {urn: outputs for urn, outputs in by_urn.items() if "batchSize" in outputs}
    return JobsInState(by_urn=by_urn, text=_text(by_urn))


def _text(by_urn: Mapping[str, Mapping[str, Any]]) -> str:
    """
    Write all jobs down, always in the same order: an update plan compares inputs.

    Only what the resource has started as a dry run is one: a job that it took over may be live.
    """
    entries = []
    for urn, outputs in sorted(by_urn.items()):
        job_id, dry_runs = outputs.get("jobId"), History.from_state(outputs.get("history")).dry_runs
        told = _part(outputs, _OF_EVERY_JOB)
        if job_id is not None and job_id not in dry_runs:
            told["dryRun"] = False
        entries.append([urn, told, sorted(dry_runs - {job_id})])
    return json.dumps(entries, sort_keys=True, separators=(",", ":"))
