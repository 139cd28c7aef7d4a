"""
What the stack's state holds, as the program tells the provider.

The engine does not always show the past (a repeated ``--replace``, a tainted resource and
``replacement_trigger`` come as a bare create), so the program reads state and passes it on. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi_zuora_backfill.contract.tenant_check import ids_in
from pulumi_zuora_backfill.zuora.models import DID_NOTHING_MORE, JobStatus, Scope

_STANDS_AGAINST_NOTHING = (*DID_NOTHING_MORE, JobStatus.REFUSED)


@dataclass(frozen=True, kw_only=True)
class StackJob:
    """
    One job resource of the stack, as state holds it.

    Attributes:
        urn: Its URN.
        outputs: Its outputs in wire names, as far as they matter here; no ``jobId`` if the outcome
            of its start is not known.
        earlier: The dry runs that the resource has had before.
    """

    urn: str
    outputs: Mapping[str, Any]
    earlier: tuple[str, ...] = ()

    @property
    def job_id(self) -> str | None:
        """The job; ``None`` if the outcome of its start is not known."""
        return self.outputs.get("jobId")

    @property
    def dry_run(self) -> bool:
        """Whether it changes no data; what does not say so is live."""
        return self.outputs.get("dryRun") is True

    @property
    def scope(self) -> Scope:
        """The entity and the organisations that it runs in."""
        return Scope(
            entity_id=self.outputs.get("effectiveEntityId"),
            org_ids=ids_in(self.outputs.get("effectiveOrgIds")),
        )


@dataclass(frozen=True, kw_only=True)
class StackState:
    """
    What state told.

    Attributes:
        predecessor: Outputs of the job under this URN, or an alias of it; empty if there is none.
        former_urn: The alias under which it was found; ``None`` where it has this URN.
        jobs: All job resources of the stack.
        urns: The URNs that this resource has, or has had.
        taken_over: Names of the resources that take a job over (``existing_job_id``), by job.
        beside: Live jobs that the program declares before this one and that have no job yet: name
            of the resource, type, entity and organisations.
        unreadable: Why nothing is known, or ``None``.
    """

    predecessor: Mapping[str, Any] = field(default_factory=dict)
    former_urn: str | None = None
    jobs: tuple[StackJob, ...] = ()
    urns: frozenset[str] = frozenset()
    taken_over: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[tuple[str, str, Scope], ...] = ()
    unreadable: str | None = None

    @classmethod
    def from_input(cls, value: object) -> StackState:
        """Read the internal input; what is missing is unknown, not empty."""
        if not isinstance(value, Mapping) or not isinstance(value.get("jobs"), str):
            told = value.get("unreadable") if isinstance(value, Mapping) else None
            return cls(unreadable=str(told or "the program did not tell what state holds"))
        predecessor = value.get("predecessor")
        return cls(
            predecessor=predecessor if isinstance(predecessor, Mapping) else {},
            former_urn=value.get("formerUrn"),
            jobs=tuple(
                StackJob(urn=urn, outputs=outputs, earlier=tuple(earlier))
                for urn, outputs, earlier in json.loads(value["jobs"])
            ),
            urns=frozenset(map(str, value.get("urns") or ())),
            taken_over=json.loads(value.get("takenOver") or "{}"),
            beside=tuple(
                (
                    name,
                    job_type,
                    Scope(entity_id=entity_id, org_ids=tuple(sorted(set(ids_in(org_ids))))),
                )
                for name, job_type, entity_id, org_ids in json.loads(value.get("beside") or "[]")
            ),
        )

    def held_by(self) -> dict[str, str]:
        """Return the URN of the resource that holds each job."""
        return {job.job_id: job.urn for job in self.jobs if job.job_id}

    def is_dry_run(self, job_id: object) -> bool:
        """Tell whether a job is known as a dry run of the stack."""
        return job_id is not None and any(
            job.dry_run and job_id in (job.job_id, *job.earlier) for job in self.jobs
        )

    def not_counted(self, scope: Scope) -> frozenset[str]:
        """Name the jobs that are no second live run here: dry runs, and those of other entities."""
        return frozenset(
            job_id
            for job in self.jobs
            if job.dry_run or job.scope.apart_from(scope)
            for job_id in (job.job_id, *job.earlier)
            if job_id
        )

    def live_jobs(self, job_type: str, scope: Scope, own: Iterable[str]) -> list[StackJob]:
        """
        Return the live jobs of a type and scope that other resources hold.

        Args:
            job_type: The type.
            scope: The entity and the organisations.
            own: URN and job ids of the resource that asks, and jobs that a person accepted.
        """
        mine = self.urns | frozenset(own)
        return [
            job
            for job in self.jobs
            if not job.dry_run
            and job.outputs.get("type") == job_type
            and not job.scope.apart_from(scope)
            and job.outputs.get("status") not in _STANDS_AGAINST_NOTHING
            and mine.isdisjoint({job.urn, job.job_id})
        ]
