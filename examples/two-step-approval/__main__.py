"""The first `up` runs dry and prints a line. A second pull request adds it and goes live."""

import pulumi

from pulumi_zuora_backfill import VerifiedBackfill

backfill = VerifiedBackfill(
    "charges",
    type="RatePlanCharge",
    approval="wait",  # second pull request: the job id of the dry run
    reason="go-live",
)

pulumi.export("dryRunJobId", backfill.dry_run_job_id)
pulumi.export("jobId", backfill.job_id)  # null until the dry run is approved
pulumi.export("state", backfill.state)  # "awaiting-approval" or "live"
