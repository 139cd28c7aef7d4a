"""`pulumi up` ends when the job has ended, and fails if the job did not end well."""

import pulumi

from pulumi_zuora_backfill import BackfillCompletion, BackfillJob

job = BackfillJob("charges", type="RatePlanCharge", batch_size=500)

done = BackfillCompletion(
    "charges-done",
    job_ids=[job.job_id],
    timeout="2h",  # ends the wait, never the job
    max_errors=0,  # how many failed records you accept
)

pulumi.export("jobId", job.job_id)
pulumi.export("failedRecords", done.error_count)  # null if Zuora tells no number
