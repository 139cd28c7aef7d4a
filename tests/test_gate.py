"""The gate before a live run on both engines: what does not pass it, and what a reviewer is told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi_zuora_backfill.program.arguments.verified_backfill import _otherwise

from pulumi_zuora_backfill.testing import Operation, Sandbox

from .world import TYPE, World, assert_clean, lines_with

PROGRAM = """
from pulumi_zuora_backfill import VerifiedBackfill
backfill = VerifiedBackfill("charges", type="{type}", triggers={triggers}, approval="{approval}"{arguments})
pulumi.export("jobId", backfill.job_id)
"""
LIVE = f"urn:pulumi:dev::acme::zuora:index:VerifiedBackfill${TYPE}::charges"


@pytest.fixture
def zuora() -> Iterator[Sandbox]:
    """Start a local Zuora whose jobs take a second."""
    with Sandbox(job_duration_s=1) as sandbox:
        yield sandbox


def write(
    world: World,
    triggers: object = None,
    approval: str = "auto",
    type: str = "RatePlanCharge",
    arguments: str = "",
) -> None:
    """Write a program with one gate."""
    world.program(
        PROGRAM.format(triggers=triggers, approval=approval, type=type, arguments=arguments)
    )


def errors_of(text: str) -> list[str]:
    """Return the lines of the gate's errors and warnings, each once."""
    found = lines_with(text, "VerifiedBackfill 'charges': ")
    return [line for line in found if line.startswith(("error: ", "warning: "))]


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"triggers": 2}, "triggers"),
        ({"triggers": 2, "type": "OrderLineItem"}, "type and triggers"),
        ({"arguments": ', entity_id="other"'}, "entity_id"),
    ],
)
def test_a_live_job_that_is_targeted_alone_does_not_pass_by_its_dry_run(
    world: World, changed: dict[str, Any], names: str
) -> None:
    """The engine hands over the dry run of before, whatever is declared now: refused already in the preview, and nothing is sent."""
    write(world)
    world.up()
    dry = world.job_ids()[0]
    write(world, **changed)
    line = (
        f"error: VerifiedBackfill 'charges': the dry run in state, {dry}, ran with another value of {names}; the live job was not started. The dry run "
        'has to come first: drop --target, or target "charges-dry-run" and "charges-dry-run-done" too.'
    )
    for operation in ("preview", "up"):
        text = world.failing(operation, target=[LIVE])
        assert errors_of(text) == [line]
        assert_clean(text)
        assert world.asked() == {}
    assert [job.dry_run for job in world.zuora.jobs] == [True, False]


def test_a_live_job_may_be_targeted_once_its_dry_run_has_completed(world: World) -> None:
    """It passes where nothing differs; it does not with the right dry run in state and the completion of the one before."""
    write(world, triggers=1)
    world.up()
    assert world.up(target=[LIVE]).change_summary == {"same": 6}

    world.zuora.on_answer = lambda request: (
        world.zuora.finish(request.job_id, "FAILED")
        if request.job_id and len(world.zuora.jobs) == 3 and request.job_id == world.job_ids()[2]
        else None
    )
    write(world, triggers=2)
    world.failing()
    dry = world.job_ids()[2]
    assert errors_of(world.failing(target=[LIVE])) == [
        f"error: VerifiedBackfill 'charges': the dry run in state, {dry}, has not completed; the live job was not started. The dry run "
        'has to come first: drop --target, or target "charges-dry-run" and "charges-dry-run-done" too.'
    ]

    write(world, triggers=3)
    world.up()
    assert [job.dry_run for job in world.zuora.jobs] == [True, False, True, True, False]


def test_secret_triggers_pass_the_gate_and_make_no_secret_of_the_dry_run(world: World) -> None:
    """What is compared is what is inside; the id of the dry run stays readable in state, and no later run finds a difference."""
    write(
        world,
        triggers="{'a': pulumi.Output.secret(1), 'b': None, 'c': [pulumi.Output.secret('x'), 2.0]}",
    )
    world.up()
    dry, live = world.job_ids()
    (resource,) = [found for found in world.stack.state["resources"] if found["urn"] == LIVE]

    assert (resource["id"], resource["outputs"]["knownJobIds"]) == (live, [dry])
    assert world.up().change_summary == world.up(target=[LIVE]).change_summary == {"same": 6}


def test_a_preview_tells_of_an_approval_that_is_for_the_dry_run_before(world: World) -> None:
    """Its dry run is to be replaced, so the new one has to be approved anew, and the up stops there; a change of how it is run needs no other approval."""
    write(world, triggers=1, approval="wait")
    world.up()
    dry = world.job_ids()[0]
    write(world, triggers=1, approval=dry, arguments=", batch_size=7")
    assert errors_of(world.stack.preview().stdout) == []

    write(world, triggers=2, approval=dry)
    assert errors_of(world.stack.preview().stdout) == [
        f"warning: VerifiedBackfill 'charges': approval names job {dry}, the dry run in state, but triggers changed, so another dry run is started. It "
        'has to be approved anew: this up will stop after it, before the live job. Better put  approval="wait"  into the program.'
    ]
    (alone,) = errors_of(world.failing("preview", target=[LIVE]))
    assert alone.startswith(
        f"error: VerifiedBackfill 'charges': the dry run in state, {dry}, ran with another value of triggers;"
    )
    text = world.failing()
    new = world.job_ids()[1]
    assert errors_of(text) == [
        f"error: VerifiedBackfill 'charges': approval is '{dry}', but the dry run is {new}; the live job was not started. "
        f'To approve this dry run, put  approval="{new}"  into the program; to wait for an approval, put  approval="wait".'
    ]
    assert [job.dry_run for job in world.zuora.jobs] == [True, True]


def test_a_dry_run_without_a_count_passes_and_claims_no_zero(world: World) -> None:
    """Zuora does not document one: the gate stays usable, a warning says what it does not prove, and who approves is not told of 0 failed records."""
    world.zuora.behaviours.dry_run_error_count = False
    write(world, approval="wait")
    text = world.up().stdout
    (dry,) = world.job_ids()
    assert (
        f"warning: How many records failed is not known: Zuora tells no number for job {dry}, so max_errors proves nothing here. "
        "Look into Revenue → Data Backfill → Backfill Logs." in text
    )
    assert (
        f"The dry run {dry} completed; Zuora does not tell how many records failed. To start the live job"
        in text
    )
    (done,) = [
        r for r in world.stack.state["resources"] if r["urn"].endswith("::charges-dry-run-done")
    ]
    assert "errorCount" not in done["outputs"]

    write(world, approval=dry)
    assert "not known: Zuora" not in world.up().stdout
    assert [job.dry_run for job in world.zuora.jobs] == [True, False]


def test_a_job_that_moves_into_the_gate_is_kept_by_the_line_that_is_printed(world: World) -> None:
    """A component hands no alias of its own down, so the line names the job id: the dry run runs, and the live job that is there is taken over."""
    world.job()
    world.up()
    (job,) = world.job_ids()
    world.zuora.clock.advance(10)
    write(world)
    text = world.stack.preview().stdout
    assert "aliases=" not in text
    line = re.search(r"unless the VerifiedBackfill has  (existing_job_id=.*?)\.", text)
    assert line
    write(world, arguments=f", {line[1]}")
    world.up()

    assert [found.id for found in world.zuora.jobs if not found.dry_run] == [job]
    assert world.resource()["id"] == job
    assert world.asked()["create"] == 1


@pytest.mark.parametrize("on_delete", ["leave", "stop"])
def test_a_job_that_moves_into_the_gate_is_named_before_it_leaves_the_state(
    world: World, on_delete: str
) -> None:
    """With `approval="wait"` the live job comes an up later; the dry run's preview tells. With the line the job goes on, and asks for no approval."""
    world.job(f'type="RatePlanCharge", on_delete="{on_delete}"')
    world.up()
    (job,) = world.job_ids()
    write(world, approval="wait")
    told = lines_with(world.stack.preview().stdout, "warning: Will start a dry run")[-1]
    line = re.search(
        r"it would run AGAIN, unless the VerifiedBackfill has  (existing_job_id=.*?)\.", told
    )
    assert line
    write(world, approval="wait", arguments=f", {line[1]}")
    world.up()

    assert "stop" not in world.asked()
    assert world.resource()["id"] == job
    assert [(found.id, found.status) for found in world.zuora.jobs if not found.dry_run] == [
        (job, "COMPLETED")
    ]


def test_a_job_that_moved_into_the_gate_is_still_named_when_the_live_job_comes(
    world: World,
) -> None:
    """Its dry run keeps in state what the stack had; the preview of the approval names the job, also after another dry run, and the line works."""
    world.job()
    world.up()
    (job,) = world.job_ids()
    world.zuora.clock.advance(10)
    for triggers in (None, 2):
        write(world, triggers, approval="wait")
        world.up()
    approval = world.job_ids()[2]
    write(world, 2, approval=approval)
    told = lines_with(world.stack.preview().stdout, "warning: Will start a LIVE")[-1]
    line = re.search(
        r"it would run AGAIN, unless the VerifiedBackfill has  (existing_job_id=.*?)\.", told
    )
    assert line
    write(world, 2, approval=approval, arguments=f", {line[1]}")
    assert "AGAIN" not in world.up().stdout
    assert [found.id for found in world.zuora.jobs if not found.dry_run] == [job]


def test_a_gate_that_is_renamed_is_kept_by_the_alias_that_is_printed(world: World) -> None:
    """The component's URN is handed down to all of its resources: nothing is started, nothing is waited for."""
    write(world)
    world.up()
    renamed = (world.folder / "__main__.py").read_text().replace('"charges"', '"fees"')
    (world.folder / "__main__.py").write_text(renamed)
    line = re.search(
        r"unless the VerifiedBackfill has  (opts=.*?\]\))", world.stack.preview().stdout
    )
    assert line
    (world.folder / "__main__.py").write_text(
        renamed.replace('approval="auto"', f'approval="auto", {line[1]}')
    )
    assert world.up().change_summary == {"same": 6}
    assert world.asked() == {}


@pytest.mark.parametrize("setting", ["baseUrl", "entityIds"])
def test_a_dry_run_somewhere_else_opens_no_gate(
    engine: type[Any], zuora: Sandbox, tmp_path: Path, setting: str
) -> None:
    """Where the settings lead to another place after the dry run, the live job is refused, and nothing is sent."""
    world = World(engine, zuora, tmp_path, env={})
    world.configure()
    world.stack.set_config("zuora:entityIds", "a")
    write(world, approval="wait")
    world.up()
    (dry_run,) = world.job_ids()
    with Sandbox(client_id=zuora.client_id, client_secret=zuora.client_secret) as other:
        world.stack.set_config(f"zuora:{setting}", other.base_url if setting == "baseUrl" else "b")
        write(world, approval=dry_run)
        text = world.failing()
        assert other.requests == []
    told = {
        "baseUrl": f"error: Job {dry_run} in state belongs to {zuora.base_url}, but the settings say {other.base_url}; nothing was sent.",
        "entityIds": f"error: The dry run {dry_run} ran in entity a and organisations (none), but the live job would run in entity b and organisations (none); "
        "nothing was sent.",
    }
    assert told[setting] in text
    assert world.asked() == {}
    assert world.job_ids() == [dry_run]


def test_the_place_of_a_dry_run_may_be_said_elsewhere(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """Configuration's entity, declared in the program when configuration changes, is the same place."""
    world = World(engine, zuora, tmp_path)
    world.stack.set_config("zuora:entityIds", "a")
    write(world, approval="wait")
    world.up()
    world.stack.set_config("zuora:entityIds", "b")
    write(world, approval=world.job_ids()[0], arguments=', entity_id="a"')
    assert "belongs to entity a" not in world.up().stdout
    assert [(job.dry_run, job.entity_id) for job in zuora.jobs] == [(True, "a"), (False, "a")]


def test_a_live_job_that_is_targeted_alone_does_not_leave_the_declared_place_of_its_dry_run(
    world: World,
) -> None:
    """A declaration that was taken away is no other place's business: the live job would run where no dry run ran."""
    write(world, approval="wait", arguments=', entity_id="b"')
    world.up()
    (dry_run,) = world.job_ids()
    write(world, approval=dry_run)
    text = world.failing(target=[LIVE])
    assert (
        f"The dry run {dry_run} ran in entity b and organisations (none), but the live job would run in entity (none)"
        in text
    )
    assert world.asked() == {}


def test_the_credentials_of_another_tenant_open_no_gate(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """Two tenants share an address: the token tells them apart, and no job is started in the one that had no dry run."""
    world = World(engine, zuora, tmp_path)
    write(world, approval="wait")
    world.up()
    (dry_run,) = world.job_ids()
    world.edit_state("charges-dry-run", lambda outputs: outputs.update(tenantId="7"))
    write(world, approval=dry_run)
    text = world.failing()

    assert (
        f"Job {dry_run} in state belongs to tenant 7, but the credentials to tenant {zuora.tenant_id}"
        in text
    )
    assert world.asked() == {"token": 1}


def test_a_dry_run_is_no_live_job_to_take_over(world: World) -> None:
    """Its id in the wrong argument is refused, already in the preview, with the line that is meant."""
    write(world, approval="wait")
    world.up()
    (dry_run,) = world.job_ids()
    write(world, approval=dry_run, arguments=f', existing_job_id="{dry_run}"')
    for operation in ("preview", "up"):
        text = world.failing(operation)
        assert errors_of(text) == [
            f"error: VerifiedBackfill 'charges': existing_job_id is {dry_run}, the dry run itself, which can be no live job; nothing was started. To approve "
            f'the dry run, put  approval="{dry_run}"  into the program, and take existing_job_id away.'
        ]
        assert_clean(text)
        assert world.asked() == {}


@pytest.mark.parametrize("on_delete", ["leave", "stop"])
def test_a_live_job_that_leaves_the_program_is_told(world: World, on_delete: str) -> None:
    """Back to waiting, it leaves the state too: the preview names it, and whether it would be stopped."""
    write(world, arguments=f', on_delete="{on_delete}"')
    world.up()
    live = world.job_ids()[1]
    write(world, approval="wait", arguments=f', on_delete="{on_delete}"')
    stops = ", and stops it if it still runs" if on_delete == "stop" else ""
    told = [
        f"""warning: VerifiedBackfill 'charges': approval="wait" takes the live job {live} out of the program and so out of the state{stops}. To keep it, """
        f'add  existing_job_id="{live}"  which needs no approval, as nothing is started.'
    ]
    assert errors_of(world.stack.preview().stdout) == told
    renamed = (
        (world.folder / "__main__.py")
        .read_text()
        .replace(
            '"charges"',
            '"fees", opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="charges")])',
            1,
        )
    )
    (world.folder / "__main__.py").write_text(renamed)
    assert lines_with(world.stack.preview().stdout, told[0].replace("charges", "fees")) != []

    write(world, approval="wait", arguments=f', on_delete="{on_delete}", existing_job_id="{live}"')
    assert errors_of(world.up().stdout) == []
    assert (world.resource()["id"], world.zuora.count(Operation.STOP)) == (live, 0)


def test_an_id_that_comes_out_as_null_needs_an_approval_after_all(world: World) -> None:
    """What was to be taken over is not there, so a live job would be started: `approval="wait"` holds."""
    write(world, approval="wait", arguments=", existing_job_id=pulumi.Output.from_input(None)")
    text = world.failing()

    (dry_run,) = world.zuora.jobs
    assert dry_run.dry_run
    assert (
        f"approval is 'wait', but the dry run is {dry_run.id}; the live job was not started."
        in text
    )


def test_custom_timeouts_are_those_of_both_waits(world: World) -> None:
    """They beat `timeout`, as they do for a completion of its own, and each kind of wait has its own."""
    custom = ", opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create='30m', update='3h'))"
    write(world, arguments=custom)
    assert (
        re.findall(r"Will wait up to .*?\)", world.up().stdout.partition("Diagnostics:")[2])
        == ["Will wait up to 30 min (custom_timeouts.create)"] * 2
    )

    write(world, triggers=1, arguments=custom)
    assert (
        re.findall(
            r"Will wait up to .*?\)", world.stack.preview().stdout.partition("Diagnostics:")[2]
        )
        == ["Will wait up to 3.0 h (custom_timeouts.update)"] * 2
    )


RAN = {
    "type": "RatePlanCharge",
    "triggers": [1.0],
    "effectiveEntityId": "e",
    "effectiveOrgIds": ["a", "b"],
}
DECLARED: dict[str, Any] = {
    "type": "RatePlanCharge",
    "triggers": [1],
    "entity_id": None,
    "org_ids": None,
}


@pytest.mark.parametrize(
    ("ran", "declared", "names"),
    [
        (RAN, {}, []),
        ({}, {"triggers": [2]}, []),
        (RAN, {"entity_id": "e", "org_ids": ["b", "a", "b"]}, []),
        (RAN, {"entity_id": "f", "org_ids": ["a"]}, ["entity_id", "org_ids"]),
        (RAN, {"type": "OrderLineItem", "triggers": None}, ["type", "triggers"]),
        (RAN, {"triggers": [True]}, ["triggers"]),
        (RAN, {"triggers": [float("nan")]}, ["triggers"]),
    ],
)
def test_what_ran_is_compared_with_what_is_declared(
    ran: dict[str, Any], declared: dict[str, Any], names: list[str]
) -> None:
    """By value, however Pulumi carries it; a place that is not declared is configuration's."""
    assert _otherwise(ran, {**DECLARED, **declared}) == names
