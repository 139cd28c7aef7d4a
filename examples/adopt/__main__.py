"""Take over a job that a script, a person or a lost stack has started. Nothing new is started."""

import pulumi

from pulumi_zuora_backfill import BackfillCompletion, BackfillJob

job = BackfillJob(
    "charges",
    type="RatePlanCharge",  # must be the type of that job
    existing_job_id=pulumi.Config().require("existingJobId"),
)
done = BackfillCompletion("charges-done", job_ids=[job.job_id])

pulumi.export("jobId", job.job_id)
pulumi.export("startedBy", job.zuora_user)
