"""A backfill inside a component of your own, next to whatever else your go-live needs."""

import pulumi

from pulumi_zuora_backfill import VerifiedBackfill


class RevenueGoLive(pulumi.ComponentResource):
    """What your company does to bring up revenue in one tenant."""

    job_id: pulumi.Output[str | None]

    def __init__(
        self, name: str, *, approval: str = "wait", opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare all its parts."""
        super().__init__("acme:revenue:GoLive", name, None, opts)
        backfill = VerifiedBackfill(
            f"{name}-charges",
            type="RatePlanCharge",
            approval=approval,
            # Without a parent it would be a resource of the stack, not of the component.
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.job_id = backfill.job_id
        self.register_outputs({"jobId": self.job_id})


go_live = RevenueGoLive("revenue", approval=pulumi.Config().get("approval", "wait"))

pulumi.export("jobId", go_live.job_id)
