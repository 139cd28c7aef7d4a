"""One backfill job: started once, its id a stack output."""

import pulumi

from pulumi_zuora_backfill import BackfillJob

job = BackfillJob("charges", type="RatePlanCharge", batch_size=500, reason="go-live rehearsal")

pulumi.export("jobId", job.job_id)
pulumi.export("status", job.status)
