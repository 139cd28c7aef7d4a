"""A resource that is created only after the live run has completed."""

from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

from pulumi_zuora_backfill import VerifiedBackfill


class FlagFileProvider(ResourceProvider):
    """Writes and removes a file; a stand-in for what your go-live does next."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Write the file."""
        Path(props["path"]).write_text(f"{props['jobId']}\n", encoding="utf-8")
        return CreateResult(props["path"], props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Replace the file when the job or the path is another."""
        replaces = [name for name in ("path", "jobId") if _olds.get(name) != _news.get(name)]
        return DiffResult(bool(replaces), replaces, delete_before_replace=True)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove the file."""
        Path(_id).unlink(missing_ok=True)


class FlagFile(Resource):
    """A file that says which job has brought revenue live."""

    def __init__(
        self, name: str, path: Path, job_id: pulumi.Input[str | None], opts: pulumi.ResourceOptions
    ) -> None:
        """Declare the file."""
        props = {"path": str(path), "jobId": job_id}
        super().__init__(FlagFileProvider(), name, props, opts)


backfill = VerifiedBackfill(
    "charges", type="RatePlanCharge", approval=pulumi.Config().get("approval", "wait")
)

if backfill.goes_live:  # false while the dry run waits for approval
    FlagFile(
        "revenue-is-live",
        Path(__file__).resolve().with_name("revenue-is-live.txt"),
        backfill.job_id,
        # `job_id` is there once Zuora has accepted the job; `depends_on` waits until it has ended.
        opts=pulumi.ResourceOptions(depends_on=[backfill]),
    )

pulumi.export("state", backfill.state)
