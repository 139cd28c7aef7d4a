"""
The safe way to go live as one component: dry run → its completion → live job → its completion.
"""

from __future__ import annotations

from typing import Any, Literal

import pulumi

from pulumi_zuora_backfill.errors import InputError
from pulumi_zuora_backfill.job.dry_run_proof import APPROVALS
from pulumi_zuora_backfill.properties import DRY_RUN_SUFFIX, INPUTS, TYPE_TOKEN, VERIFIED_TYPE
from pulumi_zuora_backfill.zuora.models import BackfillType, job_id_of

from .arguments import (
    ensure_declared,
    ensure_no_deleted_with,
    ensure_no_retain_on_delete,
    shareable,
)
from .list_of import ListOf
from .registration import register_job
from .resources import BackfillCompletion, BackfillJob, BackfillTypeName
from .state_reader import jobs_in_state
from .urns import urn_of


class VerifiedBackfill(pulumi.ComponentResource):
    """
    A dry run, and after it the live backfill, by default once a person has approved the dry run.

    The children are ``<name>-dry-run``, ``<name>-dry-run-done``, ``<name>`` and ``<name>-done``;
    another value of ``triggers`` runs the whole chain again. With ``approval="wait"``, the default,
    only the dry run and its completion are there, and `up` prints the line that approves it. Put
    the dry run's job id into ``approval``, in a second pull request, and the live job starts. With
    ``approval="auto"`` it starts without asking, as soon as the dry run has completed cleanly.

    The live job's provider asks for proof: the dry run's own outputs and what its completion has
    seen. Without them, with ``--exclude`` or ``--target``, it refuses. It cannot see who approved.

    What a dry run proves: Zuora accepted and finished one of this type, with these triggers, in
    this tenant, with at most ``max_errors`` failed records. Whether a dry run counts failed records
    at all is not documented. If Zuora tells no number, a warning says so, and the live job may
    start.

    While a dry run waits for approval, ``job_id`` is null and ``depends_on=[backfill]`` is
    satisfied. Declare a resource that needs the live run only ``if backfill.goes_live``, with
    ``depends_on``.

    Attributes:
        dry_run_job_id: The dry run.
        job_id: The live job; null while approval is awaited.
        state: ``"awaiting-approval"`` or ``"live"``.
        goes_live: Whether this program starts, or has, the live job: a plain ``bool``.

    Source:
        https://docs.zuora.com/en/zuora-billing/configure-revenue-settings/data-backfill/perform-data-backfill
    """

    dry_run_job_id: pulumi.Output[str]
    job_id: pulumi.Output[str | None]
    state: pulumi.Output[str]
    goes_live: bool

    def __init__(
        self,
        resource_name: str,
        *,
        type: pulumi.Input[BackfillType | BackfillTypeName],
        approval: str = "wait",
        batch_size: pulumi.Input[int] = 1000,
        triggers: pulumi.Input[Any] = None,
        max_errors: pulumi.Input[int] = 0,
        timeout: pulumi.Input[str | float] = "2h",
        reason: pulumi.Input[str] | None = None,
        entity_id: pulumi.Input[str] | None = None,
        org_ids: pulumi.Input[ListOf[pulumi.Input[str]]] | None = None,
        guard: pulumi.Input[Literal["once", "none"]] | None = None,
        known_job_ids: pulumi.Input[ListOf[pulumi.Input[str]]] | None = None,
        on_delete: pulumi.Input[Literal["stop", "leave"]] | None = None,
        existing_job_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        Declare the chain.

        Args:
            resource_name: The name in the stack, of the component and of its live job.
            type: ``"RatePlanCharge"`` or ``"OrderLineItem"``.
            approval: ``"wait"`` stops after the dry run; the job id of the dry run approves it;
                ``"auto"`` goes live after a clean dry run without asking. Default: ``"wait"``.
            batch_size: Records a batch, 1 to 1000, of both jobs.
            triggers: Any JSON value; another value runs the whole chain again.
            max_errors: How many failed records each of the two jobs may have.
            timeout: How long to wait for each of the two jobs.
            reason: Free text for the audit.
            entity_id: ``Zuora-Entity-Ids``; default from configuration.
            org_ids: ``Zuora-Org-Ids``; default from configuration.
            guard: Of the live job, as in `BackfillJob`.
            known_job_ids: Of the live job, as in `BackfillJob`; its dry run need not be named.
            on_delete: Of the live job, as in `BackfillJob`.
            existing_job_id: Of the live job, as in `BackfillJob`: it is taken over instead of
                started, after the dry run all the same, and without an approval.
            opts: Pulumi's resource options; ``custom_timeouts`` are those of both waits.

        Raises:
            InputError: ``approval`` is neither ``"wait"``, ``"auto"`` nor a job id, or one of the
                options ``import_``, ``deleted_with``, ``replace_with`` and ``retain_on_delete`` was
                asked for.
        """
        _ensure_approval(resource_name, approval)
        ensure_declared("VerifiedBackfill", resource_name, opts)
        ensure_no_deleted_with("VerifiedBackfill", resource_name, opts)
        ensure_no_retain_on_delete("VerifiedBackfill", resource_name, opts)
        super().__init__(VERIFIED_TYPE, resource_name, None, opts)
        job = shareable(
            {
                "type": type.value if isinstance(type, BackfillType) else type,
                "batch_size": batch_size,
                "triggers": triggers,
                "reason": reason,
                "entity_id": entity_id,
                "org_ids": org_ids,
            }
        )
        wait = shareable(
            {
                "timeout": timeout,
                "max_errors": max_errors,
                "entity_id": job["entity_id"],
                "org_ids": job["org_ids"],
            }
        )
        child = pulumi.ResourceOptions(parent=self)
        waiting = pulumi.ResourceOptions(
            parent=self, custom_timeouts=opts.custom_timeouts if opts else None
        )
        self.goes_live = approval != "wait" or existing_job_id is not None

        dry_run = self._job(
            f"{resource_name}{DRY_RUN_SUFFIX}",
            {**job, "dry_run": True, "verified": {"approval": approval}},
            child,
        )
        dry_run_done = BackfillCompletion(
            f"{resource_name}{DRY_RUN_SUFFIX}-done", job_ids=[dry_run.job_id], **wait, opts=waiting
        )
        self.dry_run_job_id = dry_run.job_id
        self.job_id = pulumi.Output.from_input(None)
        self.state = pulumi.Output.from_input("awaiting-approval")
        if self.goes_live:
            proof = {
                "approval": approval,
                "dryRun": dry_run.job_id,
                "createdOn": dry_run.created_on,
                "ran": dry_run.ran,
                "completed": dry_run_done.jobs,
                "maxErrors": wait["max_errors"],
            }
            live = self._job(
                resource_name,
                {
                    **job,
                    "dry_run": False,
                    "guard": guard,
                    "known_job_ids": known_job_ids,
                    "on_delete": on_delete,
                    "existing_job_id": existing_job_id,
                    "verified": proof,
                },
                child,
            )
            BackfillCompletion(f"{resource_name}-done", job_ids=[live.job_id], **wait, opts=waiting)
            self.job_id = live.job_id
            # Only once the job is there: an update that was refused has gone live nowhere.
            self.state = live.job_id.apply(lambda _: "live")
        else:
            _leaving: pulumi.Output[None] = pulumi.Output.from_input(resource_name).apply(
                self._say_what_leaves
            )
            pulumi.Output.all(dry_run.job_id, dry_run_done.error_count).apply(
                lambda done: self._ask(resource_name, *done)
            )
        self.register_outputs(
            {
                "dryRunJobId": self.dry_run_job_id,
                "jobId": self.job_id,
                "state": self.state,
            }
        )

    def _job(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> BackfillJob:
        """Declare a job with what only a component may tell its provider."""
        job = BackfillJob.__new__(BackfillJob)
        register_job(job, name, {**dict.fromkeys(INPUTS), **props}, opts)
        return job

    async def _say_what_leaves(self, name: str) -> None:
        """
        Tell the reviewer of a live job that the program no longer declares: it leaves state too.
        """
        urn = await urn_of(TYPE_TOKEN, name, self)
        live = (await jobs_in_state()).first_of([urn])
        if live:
            stopped = ", and stops it if it still runs" if live.get("onDelete") == "stop" else ""
            job_id = live.get("jobId")
            keep = (
                f'To keep it, add  existing_job_id="{job_id}"  which starts nothing and needs no '
                "approval.\nOtherwise the next live run has to accept it:  "
                f'known_job_ids=["{job_id}"]'
                if job_id
                else "It is not known whether it was started: set the approval back to find out."
            )
            pulumi.log.warn(
                f'approval="wait" takes the live job {job_id or "(id not known)"} out of the '
                f"state{stopped}.\n{keep}",
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
            f"The dry run {job_id} completed{failed}. To start the live job of {name!r}, put into "
            f'the program:\n  approval="{job_id}"',
            resource=self,
        )


def _ensure_approval(name: str, approval: str) -> None:
    """
    Make sure that an approval can be one, before anything is declared.

    Raises:
        InputError: It is neither ``auto`` nor ``wait`` nor a job id.
    """
    if approval in APPROVALS:
        return
    try:
        job_id_of(approval)
    except ValueError:
        raise InputError(
            f'VerifiedBackfill {name!r}: approval must be "wait", "auto" or the job id of the dry '
            f"run (32 characters), not {approval!r}.",
            "Nothing was declared.",
        ) from None
