"""A program inside of an Automation API process, on the real engine.

Two deployments, one process.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pulumi
import pytest
from pulumi import automation

from pulumi_zuora_backfill import BackfillJob
from pulumi_zuora_backfill.testing import Sandbox

from .engines import pulumi_cli
from .world import urn


def program() -> None:
    """Declare one job."""
    job = BackfillJob("charges", type="RatePlanCharge")
    pulumi.export("jobId", job.job_id)


def reads_of_state(log: Path) -> int:
    """Count in the engine's record of calls how often the stack's state was asked for."""
    calls = [line for line in log.read_text().splitlines() if "request_started" in line]
    return sum("readStackResourceOutputs" in line for line in calls)


@pytest.mark.real_engine
def test_a_second_deployment_of_one_process_knows_what_the_first_left(
    zuora: Sandbox, tmp_path: Path
) -> None:
    """State is read once in each run and anew in the next.

    A forced replacement in the same process gets a job of its own.
    """
    cli = pulumi_cli()
    assert cli is not None
    (tmp_path / "state").mkdir()
    log = tmp_path / "calls.json"
    path = os.pathsep.join(
        [str(Path(cli).parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    environment = {
        "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri(),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DEBUG_GRPC": str(log),
        "PATH": path,
        **zuora.environment(),
    }
    stack = automation.create_stack(
        "dev",
        project_name="acme",
        program=program,
        opts=automation.LocalWorkspaceOptions(env_vars=environment),
    )
    first = stack.up().outputs["jobId"].value
    assert reads_of_state(log) == 1

    zuora.finish(first)
    log.unlink()
    second = stack.up(replace=[urn()]).outputs["jobId"].value
    assert reads_of_state(log) == 1
    assert [job.id for job in zuora.jobs] == [first, second]
