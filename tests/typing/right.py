"""A user's program: every line is right, for each type checker and in strict mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from pulumi_zuora_backfill import (
    BackfillCompletion,
    BackfillJob,
    BackfillType,
    JobStatus,
    VerifiedBackfill,
)
from pulumi_zuora_backfill.testing import EmbeddedStack, Sandbox

config = pulumi.Config("zuora")

charges = BackfillJob("charges", type="RatePlanCharge")
order_lines = BackfillJob(
    "order-lines",
    type=BackfillType.ORDER_LINE_ITEM,
    batch_size=500,
    dry_run=True,
    triggers={"catalogue": "2026-03", "run": [1, None, True]},
    reason=config.get("reason"),
    entity_id=config.require_secret("entityId"),
    org_ids=["1", "2"],
    track_id="REV-1432",
    guard="once",
    known_job_ids=[charges.job_id, "ead81f43b884bff4b7cc1d280b8360d6"],
    on_delete="leave",
    opts=pulumi.ResourceOptions(protect=True),
)
adopted = BackfillJob(
    "adopted",
    type=pulumi.Output.from_input("RatePlanCharge"),
    dry_run=charges.dry_run,
    batch_size=charges.batch_size,
    existing_job_id=charges.job_id,
    org_ids=("1", "2"),
)
looked_up: BackfillJob = BackfillJob.get("looked-up", charges.job_id)

ids: list[pulumi.Output[str]] = [charges.job_id, order_lines.job_id]
names: Sequence[str] = ["ead81f43b884bff4b7cc1d280b8360d6"]
later: pulumi.Output[list[str]] = pulumi.Output.all(charges.job_id, order_lines.job_id)
done = BackfillCompletion("done", job_ids=ids, timeout="6h", max_errors=3)
BackfillCompletion("by-names", job_ids=names, timeout=90)
BackfillCompletion("by-tuple", job_ids=(charges.job_id,), timeout=0.5)
BackfillCompletion("by-output", job_ids=later, org_ids=charges.org_ids.apply(lambda _: ["1"]))

backfill = VerifiedBackfill(
    "verified",
    type="RatePlanCharge",
    approval="wait",
    triggers=done.error_count,
    max_errors=2,
    timeout="2h",
    org_ids=["1"],
    known_job_ids=[charges.job_id],
    guard="none",
    on_delete="stop",
)

job_id: pulumi.Output[str] = charges.job_id
status: pulumi.Output[JobStatus] = charges.status.apply(JobStatus)
tenant_id: pulumi.Output[str | None] = charges.tenant_id
recovered: pulumi.Output[bool] = charges.recovered
batches: pulumi.Output[int | None] = charges.batch_sent_count
organisations: pulumi.Output[Sequence[str] | None] = charges.effective_org_ids
triggers: pulumi.Output[Any] = charges.triggers
jobs: pulumi.Output[Sequence[Mapping[str, Any]]] = done.jobs
errors: pulumi.Output[int | None] = done.error_count
live_job_id: pulumi.Output[str | None] = backfill.job_id
if backfill.goes_live:
    pulumi.export("jobId", backfill.job_id)


def test_my_stack() -> None:
    """Test a stack, as the documentation shows."""
    with Sandbox(job_duration_s=0) as zuora:
        stack = EmbeddedStack("dev", ".", env=zuora.environment())
        summary: Mapping[str, int] = stack.preview().change_summary
        assert summary["create"] == 1
        value: Any = stack.up().outputs["jobId"].value
        assert [job.id for job in zuora.jobs] == [value]
