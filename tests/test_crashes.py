"""The engine, the plugin host and the network die at the worst moment, on both engines; the next up finds its way."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .world import World, assert_clean, interrupt, kill_host, once, urn


@pytest.mark.parametrize("moment", ["before the job is made", "after the job is made"])
@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.GET])
def test_a_host_that_is_killed_loses_nothing(
    world: World, operation: Operation, moment: str
) -> None:
    """SIGKILL between request and answer: the next up ends with one job, and says so when it takes one over."""
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
    world.up()

    (job,) = world.job_ids()
    assert world.resource()["id"] == job
    assert world.resource()["outputs"]["recovered"] is bool(made_before)


def test_two_pipelines_of_one_stack_start_one_job(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """The same stack from two backends at the same time: the same key, so one job, which both know."""
    worlds = []
    for name in "ab":
        (tmp_path / name).mkdir()
        worlds.append(World(engine, zuora, tmp_path / name))
        worlds[-1].job()
    threads = [threading.Thread(target=world.stack.up) for world in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (job,) = zuora.jobs
    assert [world.resource()["id"] for world in worlds] == [job.id, job.id]


def test_a_replacement_that_dies_in_the_middle_goes_on(world: World) -> None:
    """The host is killed after the old dry run was stopped and before the new job is made: the next up makes it, once."""
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


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_up_loses_nothing(world: World, times: int) -> None:
    """SIGINT while Zuora holds its answer, once or twice: the job that was made is the one the next up ends with."""
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
    world.up()

    (job,) = world.job_ids()
    assert world.resource()["id"] == job
    for error in result:
        assert_clean(str(error))


def release_lock(world: World) -> None:
    """Clear the lock that a killed CLI leaves behind."""
    if type(world.stack).__name__ == "RealStack":
        world.stack.cancel()


def test_a_forced_replacement_that_is_killed_never_gets_the_predecessor(world: World) -> None:
    """--replace, killed after its job was made, and run again: the new job, not the old one."""
    world.job()
    world.up()
    (first,) = world.job_ids()
    world.zuora.finish(first)
    world.zuora.on_answer = once(Operation.CREATE, lambda: kill_host(world.zuora))
    world.failing(replace=[urn()])
    world.zuora.on_answer = None
    world.up(replace=[urn()])

    assert len(world.job_ids()) == 2
    assert world.resource()["id"] == world.job_ids()[1]
