"""The whole stack, on an embedded engine against a local Zuora: no CLI, no tenant, no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.testing import EmbeddedStack, EmbeddedStackError, Operation, Sandbox

HERE = Path(__file__).parent


@pytest.fixture
def zuora() -> Iterator[Sandbox]:
    """Start a local Zuora whose jobs end at once."""
    with Sandbox(job_duration_s=0) as sandbox:
        yield sandbox


@pytest.fixture
def stack(zuora: Sandbox) -> EmbeddedStack:
    """Set the stack up for the local Zuora."""
    return EmbeddedStack("test", HERE, env=zuora.environment())


def test_a_preview_asks_zuora_nothing(stack: EmbeddedStack, zuora: Sandbox) -> None:
    """A pull request needs no credentials."""
    stack.preview()
    assert zuora.requests == []


def test_nothing_goes_live_before_it_is_approved(stack: EmbeddedStack, zuora: Sandbox) -> None:
    """The first `up` runs dry; the approval starts one live job; one more `up` starts nothing."""
    first = stack.up()
    assert [job.dry_run for job in zuora.jobs] == [True]

    stack.set_config("approval", first.outputs["dryRunJobId"].value)
    second = stack.up()
    assert [job.dry_run for job in zuora.jobs] == [True, False]
    assert second.outputs["jobId"].value == zuora.jobs[1].id

    stack.up()
    assert zuora.count(Operation.CREATE) == 2


def test_a_failed_dry_run_cannot_be_approved(stack: EmbeddedStack, zuora: Sandbox) -> None:
    """The engine runs the real provider, so the gate is tested too."""

    def fail_all(_request: Any) -> None:
        for job in zuora.jobs:
            zuora.finish(job.id, "FAILED")

    zuora.on_request = fail_all
    with pytest.raises(EmbeddedStackError, match="FAILED"):
        stack.up()

    stack.set_config("approval", zuora.jobs[0].id)
    with pytest.raises(EmbeddedStackError, match="FAILED"):
        stack.up()
    assert [job.dry_run for job in zuora.jobs] == [True]
