"""A Zuora backfill that runs dry first, and goes live when a person has approved the dry run."""

import pulumi

from pulumi_zuora_backfill import VerifiedBackfill

backfill = VerifiedBackfill(
    "charges",
    type="RatePlanCharge",  # or "OrderLineItem"
    approval="wait",  # second pull request: the line that `pulumi up` prints
    # reason="…",  # such as a ticket; shown in previews
)

pulumi.export("dryRunJobId", backfill.dry_run_job_id)
pulumi.export("jobId", backfill.job_id)  # null until the dry run is approved
pulumi.export("state", backfill.state)  # "awaiting-approval" or "live"
