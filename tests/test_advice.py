"""Every piece of advice that a text prints, followed as printed, on both engines.

It works, and starts nothing unasked.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .world import World, flat, lines_with, urn

JOB = 'type="RatePlanCharge"'


def pasted(text: str, pattern: str) -> str:
    """Return a line of advice as it is printed."""
    found = re.search(pattern, text)
    assert found, text
    return found[0]


def somebody_elses(world: World) -> str:
    """Start a program where the tenant holds a job of somebody else; return what the user reads."""
    world.zuora.add_job(status="COMPLETED", age_s=60)
    world.job()
    return world.failing()


@pytest.mark.slow
def test_the_take_over_line_of_the_guard(world: World) -> None:
    """It starts nothing; the job is the resource's from then on."""
    line = pasted(somebody_elses(world), r'existing_job_id="\w{32}"')
    world.job(f"{JOB}, {line}")
    world.up()
    assert (world.resource()["id"], "create" in world.asked()) == (world.job_ids()[0], False)
    assert world.up().change_summary == {"same": 2}


def test_the_known_job_ids_line_of_the_guard(world: World) -> None:
    """It starts one more, and only one; the jobs that were accepted before stay in the line."""
    text = somebody_elses(world)
    line = pasted(text, r'known_job_ids=\["\w{32}"\]')
    assert "and change triggers, in case" in text
    later = world.zuora.add_job(status="COMPLETED", age_s=30).id
    world.job(f"{JOB}, triggers=1, {line}")
    line = pasted(world.failing(), r'known_job_ids=\["\w{32}", "\w{32}"\]')
    assert later in line
    world.job(f"{JOB}, triggers=1, {line}")
    world.up()
    assert len(world.job_ids()) == 3
    assert world.resource()["id"] == world.job_ids()[2]


@pytest.mark.slow
def test_the_alias_line_of_the_guard(world: World) -> None:
    """A renamed resource keeps its job, without a request."""
    world.job()
    world.up()
    world.job(name="fees")
    line = pasted(world.failing(), r"opts=pulumi\.ResourceOptions\(aliases=\[.*?\]\)")
    world.job(f"{JOB}, {line}", name="fees")
    world.up()
    assert world.asked() == {}
    assert world.resource("fees")["id"] == world.job_ids()[0]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["entity_id", "org_ids", "known_job_ids", "remove"])
def test_the_ways_on_for_two_live_jobs_of_one_program(world: World, way: str) -> None:
    """Places of their own, an accepted job once the other one is deployed, or one job less."""
    one, two = f"BackfillJob('a', {JOB}", f"BackfillJob('b', {JOB}"
    world.program(f"{one})\n{two})")
    text = flat(world.failing("preview"))
    assert (
        "Remove one of the two. If they are for different entities or organisations, name" in text
    )
    if way in ("entity_id", "org_ids"):
        first, second = ("'eu'", "'us'") if way == "entity_id" else ("['1']", "['2', '3']")
        world.program(f"{one}, {way}={first})\n{two}, {way}={second})")
    else:
        world.program(f"{one})")
        world.up()
        (job,) = world.job_ids()
        accepted = f"{two}, known_job_ids=['{job}'])" if way == "known_job_ids" else ""
        world.program(f"{one})\n{accepted}")
    world.up()
    assert len(world.job_ids()) == (1 if way == "remove" else 2)


def test_the_approval_line(engine: type[Any], tmp_path: Path) -> None:
    """The line that `up` prints goes live; so does the one of a wrong approval."""
    with Sandbox(job_duration_s=1) as zuora:
        world = World(engine, zuora, tmp_path)
        program = (
            "from pulumi_zuora_backfill import VerifiedBackfill\n"
            'VerifiedBackfill("charges", type="RatePlanCharge", {})'
        )
        world.program(program.format('approval="wait"'))
        line = pasted(world.up().stdout, r'approval="\w{32}"')
        world.program(program.format(f'approval="{"0" * 32}"'))
        assert pasted(world.failing(), r'approval="\w{32}"') == line
        world.program(program.format(line))
        world.up()
        assert [job.dry_run for job in zuora.jobs] == [True, False]


@pytest.mark.slow
def test_the_max_errors_line(world: World) -> None:
    """It accepts exactly what failed."""
    job = world.zuora.add_job(status="COMPLETED", error_count=3).id
    program = (
        "from pulumi_zuora_backfill import BackfillCompletion\n"
        f"BackfillCompletion('done', job_ids=['{job}'], {{}})"
    )
    world.program(program.format("max_errors=2"))
    line = pasted(world.failing(), r"max_errors=\d+")
    world.program(program.format(line))
    world.up()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["take the change back", "wait"])
def test_the_ways_on_for_a_job_that_still_runs(world: World, way: str) -> None:
    """Taken back, nothing is asked; once the job has ended, the same `up` goes through."""
    world.job()
    world.up()
    world.job(f"{JOB}, triggers=2")
    text = world.failing()
    assert "Wait until it has ended" in text
    assert "To keep this job, take the change back: state still has it." in text
    if way == "wait":
        world.zuora.finish(world.job_ids()[0])
        world.up()
        assert len(world.job_ids()) == 2
    else:
        world.job()
        world.up()
        assert (len(world.job_ids()), world.asked()) == (1, {})


@pytest.mark.slow
def test_the_line_that_waits_longer_for_a_stop(world: World) -> None:
    """With it, the same destroy ends."""
    world.zuora.behaviours.stop_takes_s = 4
    short = "opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete='1s'))"
    world.job(f"{JOB}, dry_run=True, {short}")
    world.up()
    line = pasted(
        world.failing("destroy"), r'custom_timeouts=pulumi\.CustomTimeouts\(delete="10m"\)'
    )
    world.job(f"{JOB}, dry_run=True, opts=pulumi.ResourceOptions({line})")
    world.up()
    world.stack.destroy()
    assert world.zuora.jobs[0].status == "STOPPED"


def test_run_up_again_after_a_lost_answer(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """The next `up` ends with the job, without a line to add."""
    world = World(engine, zuora, tmp_path, env=zuora.environment() | {"ZUORA_CALL_TIMEOUT": "1"})
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE, times=99)
    world.job()
    assert "Run `pulumi up` again before" in world.failing()
    zuora.clear_plans()
    world.up()
    assert [world.resource()["outputs"]["jobId"]] == world.job_ids()


def test_the_missing_settings(engine: type[Any], zuora: Sandbox, tmp_path: Path) -> None:
    """Each setting that is named can be set by the command that is printed."""
    world = World(engine, zuora, tmp_path, env={})
    world.job()
    keys = re.findall(r"`pulumi config set (--secret )?zuora:(\w+) …`", world.failing())
    values = zuora.environment()
    variables = {"baseUrl": "BASE_URL", "clientId": "CLIENT_ID", "clientSecret": "CLIENT_SECRET"}
    assert {key for _, key in keys} == set(variables)
    for secret, key in keys:
        world.stack.set_config(f"zuora:{key}", values[f"ZUORA_{variables[key]}"], bool(secret))
    world.up()
    assert len(world.job_ids()) == 1


@pytest.mark.slow
def test_the_provider_inputs_for_settings_that_do_not_arrive(world: World) -> None:
    """Given to the explicit provider as printed, the setting counts.

    Another tenant is refused, the right one starts.
    """
    host = (
        'opts=pulumi.ResourceOptions(provider=pulumi.ProviderResource("pulumi-python", "host", {}))'
    )
    world.stack.set_config("zuora:tenantId", "777")
    world.job(f"{JOB}, " + host)
    inputs = pasted(world.failing(), r'\{"zuora:tenantId": "…"\}')
    world.job(f"{JOB}, " + host.replace("{}", inputs.replace("…", "777")))
    assert "tenant 777" in world.failing()
    assert world.job_ids() == []
    world.stack.set_config("zuora:tenantId", world.zuora.tenant_id)
    world.job(f"{JOB}, " + host.replace("{}", inputs.replace("…", world.zuora.tenant_id)))
    world.up()
    assert len(world.job_ids()) == 1


@pytest.mark.slow
def test_the_state_delete_hint(engine: type[Any], tmp_path: Path) -> None:
    """Without the resource in state, the stack can be destroyed although its tenant is gone."""
    with Sandbox() as zuora:
        world = World(
            engine, zuora, tmp_path, env=zuora.environment() | {"ZUORA_CALL_TIMEOUT": "1"}
        )
        world.job(f"{JOB}, dry_run=True")
        world.up()
        zuora.stop()
        named = pasted(world.failing("destroy"), r"pulumi state delete '[^']+'").split("'")[1]
        assert named == urn()
        state = world.stack.export_stack()
        state.deployment["resources"] = [
            found for found in state.deployment["resources"] if found["urn"] != named
        ]
        world.stack.import_stack(state)
        world.stack.destroy()


@pytest.mark.slow
def test_keep_existing_job_id(world: World) -> None:
    """With the line back, nothing is asked, and nothing is warned of."""
    job = world.zuora.add_job(status="COMPLETED").id
    world.job(f'{JOB}, existing_job_id="{job}"')
    world.up()
    world.job()
    assert "Keep existing_job_id" in world.stack.preview().stdout
    world.job(f'{JOB}, existing_job_id="{job}"')
    assert lines_with(world.up().stdout, "warning: ") == []
    assert world.asked() == {}


@pytest.mark.slow
def test_the_type_line_of_a_take_over(world: World) -> None:
    """Declared as printed, the job is taken over."""
    job = world.zuora.add_job(type="OrderLineItem").id
    world.job(f'{JOB}, existing_job_id="{job}"')
    line = pasted(world.failing(), r'Declare type="\w+"').removeprefix("Declare ")
    world.job(f'{line}, existing_job_id="{job}"')
    world.up()
    assert world.resource()["id"] == job
