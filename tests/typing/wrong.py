"""A user's program in which each line that ends with `# wrong` is wrong, and no other."""

from __future__ import annotations

from datetime import timedelta

import pulumi

from pulumi_zuora_backfill import BackfillCompletion, BackfillJob, BackfillType, VerifiedBackfill

job = BackfillJob("charges", type="RatePlanCharge")
JOB_ID = "ead81f43b884bff4b7cc1d280b8360d6"

BackfillJob("a")  # wrong: no type
BackfillJob("b", "RatePlanCharge")  # wrong: by position
BackfillJob("c", type="rateplancharge")  # wrong: no such type
BackfillJob("d", type=BackfillType)  # wrong: the enum itself
BackfillJob("e", type="RatePlanCharge", batch_size="500")  # wrong: text for a number
BackfillJob("f", type="RatePlanCharge", batch_size=None)  # wrong: None is no number
BackfillJob("g", type="RatePlanCharge", dry_run="yes")  # wrong: text for a truth
BackfillJob("h", type="RatePlanCharge", dryrun=True)  # wrong: misspelt
BackfillJob("i", type="RatePlanCharge", guard="strict")  # wrong: no such guard
BackfillJob("j", type="RatePlanCharge", on_delete="cancel")  # wrong: no such way
BackfillJob("k", type="RatePlanCharge", org_ids="12")  # wrong: one text for a list
BackfillJob("l", type="RatePlanCharge", known_job_ids=JOB_ID)  # wrong: one text for a list
BackfillJob("m", type="RatePlanCharge", known_job_ids=job.job_id)  # wrong: one id for a list
BackfillJob("n", type="RatePlanCharge", known_job_ids=[1])  # wrong: a number for an id
BackfillJob("o", type="RatePlanCharge", existing_job_id=[JOB_ID])  # wrong: a list for one id
BackfillJob("p", type="RatePlanCharge", reason=1432)  # wrong: a number for a text
BackfillJob("q", type="RatePlanCharge", opts={"protect": True})  # wrong: no options
BackfillJob.get("r")  # wrong: no id

BackfillCompletion("a")  # wrong: no jobs
BackfillCompletion("b", job_ids="abc")  # wrong: one text for a list
BackfillCompletion("c", job_ids=job.job_id)  # wrong: one id for a list
BackfillCompletion("d", job_ids=[job])  # wrong: the resource itself
BackfillCompletion("e", job_ids=[JOB_ID], timeout=timedelta(hours=1))  # wrong: no JSON value
BackfillCompletion("f", job_ids=[JOB_ID], max_errors="3")  # wrong: text for a number

VerifiedBackfill("a", type="RatePlanCharge", approval=job.job_id)  # wrong: known too late
VerifiedBackfill("b", type="RatePlanCharge", approval=True)  # wrong: no job id
VerifiedBackfill("c", type="RatePlanCharge", dry_run=True)  # wrong: not its argument
VerifiedBackfill("d", type="RatePlanCharge", org_ids="12")  # wrong: one text for a list
VerifiedBackfill("e", type="RatePlanCharge", known_job_ids=JOB_ID)  # wrong: one text for a list

number: pulumi.Output[int] = job.job_id  # wrong: a text
text: str = job.job_id  # wrong: an output
errors: pulumi.Output[int] = job.error_count  # wrong: null until the job has ended
live: str = VerifiedBackfill("f", type="RatePlanCharge").goes_live  # wrong: a truth
job.status.apply(lambda status: status + 1)  # wrong: a text
job.jobId  # wrong: the name on the wire
job.job_ids  # wrong: no such output
