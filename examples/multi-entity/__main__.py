"""One backfill for each entity, one after the other."""

import pulumi

from pulumi_zuora_backfill import BackfillCompletion, BackfillJob

# A short name of yours for each entity, and Zuora's id of it.
entities: dict[str, str] = pulumi.Config().require_object("entities")

before: list[pulumi.Resource] = []
for name in sorted(entities):  # a fixed order: the same plan on every machine
    job = BackfillJob(
        f"charges-{name}",
        type="RatePlanCharge",
        entity_id=entities[name],
        opts=pulumi.ResourceOptions(depends_on=before),
    )
    done = BackfillCompletion(
        f"charges-{name}-done",
        job_ids=[job.job_id],
        entity_id=entities[name],  # the wait must ask in the same entity
    )
    before = [done]
    pulumi.export(f"jobId-{name}", job.job_id)
