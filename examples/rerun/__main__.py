"""Another version of the product catalogue asks for another run."""

import json
from pathlib import Path

import pulumi

from pulumi_zuora_backfill import BackfillCompletion, BackfillJob

# Change this file in the pull request that changes the catalogue's revenue fields.
catalogue = json.loads(Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8"))

job = BackfillJob(
    "charges",
    type="RatePlanCharge",
    triggers={"catalogue": catalogue["version"]},  # any JSON value; another value is another run
)
done = BackfillCompletion("charges-done", job_ids=[job.job_id])

pulumi.export("jobId", job.job_id)
pulumi.export("catalogue", catalogue["version"])
