"""The engine, the plugin host and the network die at the worst moment, on both engines.

The next up finds its way.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .engines import EngineError
from .world import (
    World,
    assert_clean,
    assert_one_job_for_all,
    interrupt,
    kill_host,
    once,
    release_lock,
    urn,
)


@pytest.mark.parametrize("moment", ["before the job is made", "after the job is made"])
@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.GET])
def test_a_host_that_is_killed_loses_nothing(
    world: World, operation: Operation, moment: str
) -> None:
    """SIGKILL between request and answer.

    No record is left, so a job that was made is named, and its line takes it over.
    """
    hook = once(operation, lambda: kill_host(world.zuora))
    if moment.startswith("before"):
        world.zuora.on_request = hook
    else:
        world.zuora.on_answer = hook
    world.job()
    world.failing()
    world.zuora.on_request = world.zuora.on_answer = None
    made_before = world.job_ids()
    world.zuora.clock.advance(60)
    take_over(world)

    (job,) = world.job_ids()
    assert made_before in ([], [job])
    assert world.resource()["outputs"]["jobId"] == job


def test_two_pipelines_of_one_stack_start_one_job(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """The same stack from two backends at the same time.

    The same key or the guard, so one job, which both can have.
    """
    worlds = []
    for name in "ab":
        (tmp_path / name).mkdir()
        worlds.append(World(engine, zuora, tmp_path / name))
        worlds[-1].job()
    assert_one_job_for_all(worlds)


@pytest.mark.slow
def test_a_replacement_that_dies_in_the_middle_goes_on(world: World) -> None:
    """The host is killed after the old dry run was stopped and before the new job is made.

    The next up makes it, once.
    """
    world.job('type="RatePlanCharge", dry_run=True')
    world.up()
    world.job('type="RatePlanCharge", dry_run=True, triggers=2')
    world.zuora.on_request = once(Operation.CREATE, lambda: kill_host(world.zuora))
    world.failing()
    world.zuora.on_request = None
    world.up()

    assert world.zuora.jobs[0].status == "STOPPED"
    assert len(world.job_ids()) <= 2
    assert world.resource()["id"] == world.job_ids()[-1] != world.job_ids()[0]


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_up_loses_nothing(world: World, times: int) -> None:
    """SIGINT while Zuora holds its answer.

    The next up ends with the job that was made, with its line where a second SIGINT left no record.
    """
    world.zuora.plan(Fault.HANG, on=Operation.CREATE)
    world.job()
    result: list[BaseException] = []

    def up() -> None:
        try:
            world.stack.up()
        except Exception as error:  # whatever the engine makes of it
            result.append(error)

    thread = threading.Thread(target=up)
    thread.start()
    world.zuora.wait_until_held()
    for _ in range(times):
        interrupt(world)
    world.zuora.release()
    thread.join(60)
    assert not thread.is_alive()
    world.zuora.clock.advance(60)
    release_lock(world)
    take_over(world)

    (job,) = world.job_ids()
    assert world.resource()["outputs"]["jobId"] == job
    for error in result:
        assert_clean(str(error))


@pytest.mark.slow
def test_a_forced_replacement_that_is_killed_never_gets_the_predecessor(world: World) -> None:
    """--replace, killed after its job was made, and run again.

    The new job is named, not the old one.
    """
    world.job()
    world.up()
    (first,) = world.job_ids()
    world.zuora.finish(first)
    world.zuora.on_answer = once(Operation.CREATE, lambda: kill_host(world.zuora))
    world.failing(replace=[urn()])
    world.zuora.on_answer = None
    (_, second) = world.job_ids()
    line = f'existing_job_id="{second}"'
    assert line in world.failing(replace=[urn()])
    world.job(f'type="RatePlanCharge", {line}')
    world.up()

    assert world.job_ids() == [first, second]
    assert world.resource()["id"] == second


def take_over(world: World, arguments: str = 'type="RatePlanCharge"') -> None:
    """Deploy; where the guard refuses, paste the line that it prints."""
    try:
        world.up()
        return
    except EngineError as error:
        text = error.stdout
    line = re.search(r'existing_job_id="\w{32}"', text)
    assert line, text
    world.job(f"{arguments}, {line[0]}")
    world.up()
