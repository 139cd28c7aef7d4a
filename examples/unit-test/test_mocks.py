"""
The program alone, with Pulumi's mocks: fast, and blind for everything that a provider does.

Mocks see which resources are declared, with which arguments. No provider runs, so they cannot see
whether an argument is valid, what a preview says, whether a job starts, or whether a gate holds.
"""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from go_live import declare
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, set_mocks

from pulumi_zuora_backfill import BackfillJob


class Zuora(Mocks):
    """Answers in the place of every provider, and remembers what was declared."""

    def __init__(self) -> None:
        """Start with nothing declared."""
        self.declared: dict[str, dict[str, Any]] = {}

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Give each resource an id, and each job a job id."""
        self.declared[args.name] = args.inputs
        return f"{args.name}-id", {**args.inputs, "jobId": "0" * 32}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Answer the one question that the package asks Pulumi: what is in the state? Nothing."""
        return {"outputs": {}}, []


@pytest.fixture
def zuora() -> Zuora:
    """Put the mocks in place."""
    mocks = Zuora()
    set_mocks(mocks, project="unit-test", stack="test")
    return mocks


@pytest.mark.parametrize(("approval", "live"), [("wait", False), ("auto", True)])
def test_the_live_job_is_declared_only_when_it_is_wanted(
    zuora: Zuora, approval: str, live: bool
) -> None:
    """Who waits for approval declares a dry run and its wait, no live job."""

    @pulumi.runtime.test
    def program() -> None:
        assert declare(approval).goes_live is live

    program()
    assert "charges-dry-run" in zuora.declared
    assert ("charges-done" in zuora.declared) is live


def test_mocks_do_not_see_a_wrong_argument(zuora: Zuora) -> None:
    """This passes. The same program fails its first real preview: `batch_size` is 1 to 1000."""

    @pulumi.runtime.test
    def program() -> None:
        BackfillJob("too-much", type="RatePlanCharge", batch_size=5000)

    program()
    assert zuora.declared["too-much"]["batchSize"] == 5000
