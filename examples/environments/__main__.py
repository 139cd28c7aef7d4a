"""Dev, sandbox and production from one program. What differs stands in `Pulumi.<stack>.yaml`."""

import pulumi

from pulumi_zuora_backfill import VerifiedBackfill

config = pulumi.Config()

backfill = VerifiedBackfill(
    "charges",
    type="RatePlanCharge",
    # Required: a stack whose file forgets it must fail, not guess. "auto" in dev and sandbox;
    # "wait" in production, until a second pull request puts the dry run's job id there.
    approval=config.require("approval"),
    reason=f"go-live of {pulumi.get_stack()}",
)

pulumi.export("dryRunJobId", backfill.dry_run_job_id)
pulumi.export("jobId", backfill.job_id)
