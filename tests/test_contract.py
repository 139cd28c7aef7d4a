"""The idempotency contract, on the real code against the local Zuora: random histories, and in plain words those that once broke it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pulumi_zuora_backfill.testing import Sandbox

from .contract.machine import BeyondADay, Contract
from .contract.process import still_sandbox

PROFILES = {
    "steady": settings(max_examples=60, stateful_step_count=15, derandomize=True, database=None),
    "long": settings(max_examples=int(os.environ.get("ZBF_EXAMPLES", "2000")), stateful_step_count=30, database=None),
}


@pytest.fixture(scope="module")
def still_zuora() -> Iterator[Sandbox]:
    """Serve a local Zuora whose clock stands still."""
    with still_sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("machine", [Contract, BeyondADay])
def test_no_history_breaks_the_contract(machine: type[Contract], still_zuora: Sandbox) -> None:
    """I1 to I5 hold, whatever is lost, retried, killed or run twice."""
    profile = PROFILES[os.environ.get("ZBF_PROFILE", "steady")]
    run_state_machine_as_test(
        type(machine.__name__, (machine,), {"zuora": still_zuora}),
        settings=settings(profile, deadline=None, print_blob=False, suppress_health_check=list(HealthCheck)),
    )
