"""A dry run, and the live run as soon as the dry run has completed cleanly."""

import pulumi

from pulumi_zuora_backfill import VerifiedBackfill

backfill = VerifiedBackfill(
    "charges",
    type="RatePlanCharge",
    approval="auto",  # goes live without asking; leave it out to be asked
    max_errors=0,  # for each of the two runs
)

pulumi.export("dryRunJobId", backfill.dry_run_job_id)
pulumi.export("jobId", backfill.job_id)
