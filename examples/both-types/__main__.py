"""Rate plan charges first, then order line items: two jobs, never at the same time."""

import pulumi

from pulumi_zuora_backfill import BackfillCompletion, BackfillJob

charges = BackfillJob("charges", type="RatePlanCharge")
charges_done = BackfillCompletion("charges-done", job_ids=[charges.job_id])

order_lines = BackfillJob(
    "order-lines",
    type="OrderLineItem",
    # Whether Zuora runs two jobs at once is not documented, so the second waits for the first.
    opts=pulumi.ResourceOptions(depends_on=[charges_done]),
)
order_lines_done = BackfillCompletion("order-lines-done", job_ids=[order_lines.job_id])

pulumi.export("chargesJobId", charges.job_id)
pulumi.export("orderLinesJobId", order_lines.job_id)
