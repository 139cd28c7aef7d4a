"""What every tenant gets. What differs between tenants stands in the row of the stack."""

import pulumi
from tenants import TableError, chosen, load

from pulumi_zuora_backfill import VerifiedBackfill

try:
    (row,) = chosen(load(), [pulumi.get_stack()])
except TableError as error:
    raise pulumi.RunError(str(error)) from None

backfill = VerifiedBackfill("charges", **row.arguments)

pulumi.export("state", backfill.state)
pulumi.export("dryRunJobId", backfill.dry_run_job_id)
pulumi.export("jobId", backfill.job_id)
