"""One backfill job: started once, its id a stack output."""

import pulumi

from pulumi_zuora_backfill import BackfillJob

job = BackfillJob("charges", type="RatePlanCharge", batch_size=500, reason="go-live rehearsal")

# Not `job.status`: a stack output keeps what the last `up` saw, and no refresh renews it.
pulumi.export("jobId", job.job_id)
