"""What a program says of a job, and what a stack's state says of it, as a user reads both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import pulumi

from tests.world import STACK, urn

HAS_TRIGGER = "replacement_trigger" in signature(pulumi.ResourceOptions).parameters


@dataclass(frozen=True, kw_only=True)
class Declared:
    """
    One job in the program.

    Attributes:
        label: What it is called here, whatever its name is; its track id, by which Zuora's records
            tell whose a request is.
        name: Its name in the program now.
        type: Its type.
        dry_run: Whether it is a dry run.
        guard: Its guard, where one is declared.
        triggers: A change asks for another job.
        batch_size: A change asks for nothing.
        reason: A change asks for nothing.
        trigger: Pulumi's own `replacement_trigger`: a change asks for another job.
        alias: The name that it had before.
        known: The jobs that a person has accepted.
        stack: Its stack.
    """

    label: str
    name: str
    type: str = "RatePlanCharge"
    dry_run: bool = True
    guard: str | None = None
    triggers: Any = None
    batch_size: int = 1000
    reason: str | None = None
    trigger: int = 0
    alias: str | None = None
    known: tuple[str, ...] = ()
    stack: str = STACK

    @property
    def urn(self) -> str:
        """Its URN under its name of now."""
        return urn(self.name, self.stack)

    @property
    def asked(self) -> tuple[object, ...]:
        """Everything whose change asks for another job."""
        return *self.intent, self.trigger if HAS_TRIGGER else None

    @property
    def intent(self) -> tuple[object, ...]:
        """What makes one job another one, as the user sees it."""
        return self.type, self.dry_run, json.dumps(self.triggers)

    @property
    def guarded(self) -> str:
        """The guard in force."""
        return self.guard or ("none" if self.dry_run else "once")

    @property
    def source(self) -> str:
        """Its line in the program."""
        options = {"replacement_trigger": self.trigger} if HAS_TRIGGER else {}
        aliases = f"aliases=[pulumi.Alias(name={self.alias!r})], " if self.alias else ""
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        return (
            f"BackfillJob({self.name!r}, type={self.type!r}, dry_run={self.dry_run}, "
            f"guard={self.guard!r}, triggers={self.triggers!r}, batch_size={self.batch_size}, "
            f"known_job_ids={list(self.known)!r}, reason={self.reason!r}, track_id={self.label!r}, "
            f"opts=pulumi.ResourceOptions({aliases}{given}))"
        )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """
    One job in the state.

    Attributes:
        document: All of it.
    """

    document: Mapping[str, Any]

    @property
    def urn(self) -> str:
        """Its URN, which is that of an older program as long as no update has come."""
        return str(self.document["urn"])

    @property
    def id(self) -> str:
        """Its id, which is no job's where the outcome of a start was once not known."""
        return str(self.document["id"])

    @property
    def job(self) -> str | None:
        """The job that it holds; none where the outcome of its start is not known."""
        return self.outputs.get("jobId")

    @property
    def outputs(self) -> Mapping[str, Any]:
        """What the job looked like."""
        outputs: Mapping[str, Any] = self.document["outputs"]
        return outputs

    @property
    def pending(self) -> bool:
        """Whether its job was let go of and its successor is still missing."""
        return bool(self.document.get("pendingReplacement"))

    @property
    def tainted(self) -> bool:
        """Whether the user marked it for replacement."""
        return bool(self.document.get("taint"))
