"""The safe way to go live as one component: dry run → its completion → live job → its completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import pulumi

from pulumi_zuora_backfill.errors import InputError
from pulumi_zuora_backfill.job.inputs import same
from pulumi_zuora_backfill.properties import DRY_RUN_SUFFIX, VERIFIED_TYPE, WIRE_NAMES
from pulumi_zuora_backfill.zuora.models import BackfillType, job_id_of

from .arguments import ensure_no_import, shareable
from .resources import BackfillCompletion, BackfillJob, BackfillTypeName
from .stack_state import (  # what state held before this run, read once for all who ask
    TYPE_TOKEN,
    stack_jobs,
)
from .urns import alias_urns_of, urn_of

_IN_FORCE: Final = {"entity_id": "effectiveEntityId", "org_ids": "effectiveOrgIds"}


class VerifiedBackfill(pulumi.ComponentResource):
    """
    A live backfill that starts only after its dry run completed cleanly, and, where asked for, after a person approved it.

    The children are ``<name>-dry-run``, ``<name>-dry-run-done``, ``<name>`` and ``<name>-done``; another value of ``triggers`` runs the whole chain again.
    With ``approval="wait"`` only the dry run and its completion are there; `up` prints the line that approves it. Put the dry run's job id into
    ``approval``, in a second pull request, and the live job starts. Another id is refused.

    What the gate proves: Zuora accepted and finished a dry run of this type with at most ``max_errors`` failed records. Whether a dry run of Zuora reports
    counts at all is not documented: where it tells no number, a warning says so and the gate opens; zero errors may mean that none were counted.

    With ``--target`` the live job does not pass by its dry run: it is refused while the dry run in state is for another type, other triggers, or another
    place than declared.

    Attributes:
        dry_run_job_id: The dry run.
        job_id: The live job; null while approval is awaited.

    Source: https://docs.zuora.com/en/zuora-billing/configure-revenue-settings/data-backfill/perform-data-backfill
    """

    dry_run_job_id: pulumi.Output[str]
    job_id: pulumi.Output[str | None]

    def __init__(
        self,
        resource_name: str,
        *,
        type: pulumi.Input[BackfillType | BackfillTypeName],
        approval: str = "auto",
        batch_size: pulumi.Input[int] = 1000,
        triggers: pulumi.Input[Any] = None,
        max_errors: pulumi.Input[int] = 0,
        timeout: pulumi.Input[str] = "2h",
        reason: pulumi.Input[str] | None = None,
        entity_id: pulumi.Input[str] | None = None,
        org_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        guard: pulumi.Input[Literal["once", "strict", "none"]] | None = None,
        known_job_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        on_delete: pulumi.Input[Literal["stop", "leave"]] | None = None,
        existing_job_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        Declare the chain.

        Args:
            resource_name: The name in the stack, of the component and of its live job.
            type: ``"RatePlanCharge"`` or ``"OrderLineItem"``.
            approval: ``"auto"`` goes live after a clean dry run, ``"wait"`` stops there; the job id of the dry run approves it.
            batch_size: Records a batch, 1 to 1000, of both jobs.
            triggers: Any JSON value; another value runs the whole chain again.
            max_errors: How many failed records each of the two jobs may have.
            timeout: How long to wait for each of the two jobs.
            reason: Free text for the audit.
            entity_id: ``Zuora-Entity-Ids``; default from configuration.
            org_ids: ``Zuora-Org-Ids``; default from configuration.
            guard: Of the live job, as in `BackfillJob`.
            known_job_ids: Of the live job, as in `BackfillJob`; its own dry run need not be named.
            on_delete: Of the live job, as in `BackfillJob`.
            existing_job_id: Of the live job, as in `BackfillJob`: it is taken over instead of started, after the dry run all the same, and without an approval.
            opts: Pulumi's resource options; ``custom_timeouts`` are those of both waits.

        Raises:
            InputError: ``approval`` can be none, or the option ``import_`` was asked for.
        """
        _ensure_approval(resource_name, approval)
        ensure_no_import("VerifiedBackfill", resource_name, opts)
        super().__init__(VERIFIED_TYPE, resource_name, None, opts)
        job = shareable(
            {"type": type, "batch_size": batch_size, "triggers": triggers, "reason": reason}
        )
        place = shareable({"entity_id": entity_id, "org_ids": org_ids})
        wait = shareable({"timeout": timeout, "max_errors": max_errors})
        existing_job_id = shareable(existing_job_id)
        child = pulumi.ResourceOptions(parent=self)
        waiting = pulumi.ResourceOptions(
            parent=self, custom_timeouts=opts.custom_timeouts if opts else None
        )

        dry_run = BackfillJob(
            f"{resource_name}{DRY_RUN_SUFFIX}", dry_run=True, **job, **place, opts=child
        )
        dry_run_done = BackfillCompletion(
            f"{resource_name}{DRY_RUN_SUFFIX}-done",
            job_ids=[dry_run.job_id],
            **wait,
            **place,
            opts=waiting,
        )
        self.dry_run_job_id = dry_run.job_id
        self.job_id = pulumi.Output.from_input(None)
        if approval == "wait" and existing_job_id is None:
            _leaving: pulumi.Output[None] = pulumi.Output.from_input(resource_name).apply(
                self._say_what_leaves
            )
            pulumi.Output.all(dry_run.job_id, dry_run_done.error_count).apply(
                lambda done: self._ask(resource_name, *done)
            )
        else:
            declared = pulumi.Output.all(type=job["type"], triggers=job["triggers"], **place)
            if existing_job_id is None:
                _approving: pulumi.Output[None] = declared.apply(
                    lambda asked: self._warn(resource_name, approval, dry_run.job_id, asked)
                )
            approved = pulumi.Output.all(dry_run.job_id, existing_job_id).apply(
                lambda ids: _approved(resource_name, approval, *ids)
            )
            gate: pulumi.Output[str] = pulumi.Output.all(
                approved, dry_run_done.job_ids, existing_job_id, declared
            ).apply(lambda run: _verified(resource_name, *run))
            # Through the gate it depends on the dry run's completion. Secret triggers make no secret of a job id.
            known = pulumi.Output.all(pulumi.Output.unsecret(gate), known_job_ids).apply(
                lambda ids: [ids[0], *(ids[1] or ())]
            )
            live = BackfillJob(
                resource_name,
                guard=guard,
                known_job_ids=known,
                on_delete=on_delete,
                existing_job_id=existing_job_id,
                **job,
                **place,
                opts=child,
            )
            BackfillCompletion(
                f"{resource_name}-done", job_ids=[live.job_id], **wait, **place, opts=waiting
            )
            self.job_id = live.job_id
        self.register_outputs({"dryRunJobId": self.dry_run_job_id, "jobId": self.job_id})

    async def _warn(
        self, name: str, approval: str, dry_run_id: pulumi.Output[str], declared: Mapping[str, Any]
    ) -> None:
        """Tell the reviewer in a preview, which does not know the dry run to come, of an approval of the one before it."""
        changed = _otherwise(await _run_of(approval), declared)
        if changed and not await dry_run_id.is_known():
            pulumi.log.warn(
                f"VerifiedBackfill {name!r}: approval names job {approval}, the dry run in state, but {_listed(changed)} changed, so another dry run is "
                'started. It has to be approved anew: this up will stop after it, before the live job. Better put  approval="wait"  into the program.',
                resource=self,
            )

    async def _say_what_leaves(self, name: str) -> None:
        """Tell the reviewer of a live job that the program no longer declares: it leaves the state too."""
        aliases = await alias_urns_of(TYPE_TOKEN, name, pulumi.ResourceOptions(parent=self))
        live = (await stack_jobs()).first_of([await urn_of(TYPE_TOKEN, name, self), *aliases])
        if live:
            stopped = ", and stops it if it still runs" if live.get("onDelete") == "stop" else ""
            pulumi.log.warn(
                f'VerifiedBackfill {name!r}: approval="wait" takes the live job {live["jobId"]} out of the program and so out of the state{stopped}. '
                f'To keep it, add  existing_job_id="{live["jobId"]}"  which needs no approval, as nothing is started.',
                resource=self,
            )

    def _ask(self, name: str, job_id: str, errors: float | None) -> None:
        """Print the line that approves the dry run."""
        failed = (
            "; Zuora does not tell how many records failed"
            if errors is None
            else f" with {errors:.0f} failed records"
        )
        pulumi.log.info(
            f"The dry run {job_id} completed{failed}. To start the live job of {name!r}, put into the program:\n"
            f'  approval="{job_id}"',
            resource=self,
        )


def _ensure_approval(name: str, approval: str) -> None:
    """
    Make sure that an approval can be one, before anything is declared.

    Raises:
        InputError: It is neither ``auto`` nor ``wait`` nor a job id.
    """
    if approval in ("auto", "wait"):
        return
    try:
        job_id_of(approval)
    except ValueError:
        raise InputError(
            f'VerifiedBackfill {name!r}: approval must be "auto", "wait" or the job id of the dry run, 32 characters, not {approval!r}.',
            "Nothing was declared.",
        ) from None


def _approved(name: str, approval: str, job_id: str, existing_job_id: str | None) -> str:
    """
    Return the dry run's id, once it is approved, or where nothing is to be started.

    Raises:
        RunError: Another job was approved than this dry run, or none.
    """
    if approval not in ("auto", job_id) and not existing_job_id:
        raise pulumi.RunError(
            f"VerifiedBackfill {name!r}: approval is {approval!r}, but the dry run is {job_id}; the live job was not started. "
            f'To approve this dry run, put  approval="{job_id}"  into the program; to wait for an approval, put  approval="wait".'
        )
    return job_id


async def _verified(
    name: str,
    job_id: str,
    completed: Sequence[str],
    existing_job_id: str | None,
    declared: Mapping[str, Any],
) -> str:
    """
    Return the dry run's id, once it is sure that it ran what the live job is to run, and is not itself what is to be taken over for it.

    With ``--target`` of the live job the engine hands over what state holds of the dry run and its completion, whatever the program declares.

    Raises:
        RunError: It ran something else, or did not complete, or is named as the live job.
    """
    if existing_job_id and existing_job_id == job_id:
        raise pulumi.RunError(
            f"VerifiedBackfill {name!r}: existing_job_id is {job_id}, the dry run itself, which can be no live job; nothing was started. "
            f'To approve the dry run, put  approval="{job_id}"  into the program, and take existing_job_id away.'
        )
    changed = _otherwise(await _run_of(job_id), declared)
    if changed or job_id not in completed:
        fault = f"ran with another value of {_listed(changed)}" if changed else "has not completed"
        raise pulumi.RunError(
            f"VerifiedBackfill {name!r}: the dry run in state, {job_id}, {fault}; the live job was not started. The dry run has to come first: "
            f'drop --target, or target "{name}{DRY_RUN_SUFFIX}" and "{name}{DRY_RUN_SUFFIX}-done" too.'
        )
    return job_id


async def _run_of(job_id: str) -> Mapping[str, Any]:
    """Return the outputs of a job that state held before this run; empty where there was none."""
    jobs = await stack_jobs()
    return next((outputs for outputs in jobs.by_urn.values() if outputs["jobId"] == job_id), {})


def _otherwise(ran: Mapping[str, Any], declared: Mapping[str, Any]) -> list[str]:
    """Name what a job in state ran otherwise than it is declared now; a place that is not declared is configuration's business."""
    if not ran:
        return []
    org_ids = declared["org_ids"]
    asked = {**declared, "org_ids": sorted(set(org_ids)) if org_ids else None}
    had = {name: ran.get(WIRE_NAMES[name]) for name in asked}
    had |= {name: ran.get(_IN_FORCE[name]) if asked[name] else None for name in _IN_FORCE}
    return [name for name in asked if not same(had[name], asked[name])]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)
