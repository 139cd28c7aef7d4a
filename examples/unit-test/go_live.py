"""What the stack consists of, as a function, so that tests can call it."""

from __future__ import annotations

import pulumi

from pulumi_zuora_backfill import VerifiedBackfill


def declare(approval: str) -> VerifiedBackfill:
    """Declare the backfill and the stack's outputs."""
    backfill = VerifiedBackfill("charges", type="RatePlanCharge", approval=approval)
    pulumi.export("dryRunJobId", backfill.dry_run_job_id)
    pulumi.export("jobId", backfill.job_id)
    return backfill
