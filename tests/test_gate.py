"""The gate before a live run on both engines.

What does not pass it, and what a reviewer is told of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.testing import Operation, Sandbox

from .world import TYPE, World, assert_clean, flat, told

PROGRAM = """
from pulumi_zuora_backfill import VerifiedBackfill
backfill = VerifiedBackfill(
    "charges", type="{type}", triggers={triggers}, approval="{approval}"{arguments}
)
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


def refused(name: str, why: str) -> str:
    """Return the text of a gate that nothing opens."""
    return (
        f"The live job of {name!r} was not started: {why}. Run `pulumi up` without --exclude and "
        f'--target, or include "{name}-dry-run" and "{name}-dry-run-done".'
    )


def not_approved(approval: str, dry_run: str) -> str:
    """Return the text of an approval that is for another dry run."""
    return (
        f"The live job of 'charges' was not started: approval is '{approval}', but the dry run is "
        f'{dry_run}. To start nothing for now, write approval="wait" To approve this dry run, '
        f'write approval="{dry_run}"'
    )


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"triggers": 2}, "triggers"),
        ({"arguments": ', entity_id="other"'}, "entity_id"),
    ],
)
def test_a_live_job_that_is_targeted_alone_does_not_pass_by_its_dry_run(
    world: World, changed: dict[str, Any], names: str
) -> None:
    """The engine hands over the dry run of before, whatever is declared now.

    Its outputs say what it ran.
    """
    write(world)
    world.up()
    dry, live = world.job_ids()
    write(world, **changed)
    texts = [world.failing(target=[LIVE])]
    if "triggers" in changed:  # only an `up` knows the entity in force
        texts.append(world.failing("preview", target=[LIVE]))

    for text in texts:
        assert told(text) == [refused("charges", f"the dry run {dry} differs in {names}")]
        assert_clean(text)
    assert (world.job_ids(), "create" in world.asked()) == ([dry, live], False)


@pytest.mark.slow
def test_a_live_job_may_be_targeted_once_its_dry_run_has_completed(world: World) -> None:
    """It passes where nothing differs.

    It does not with the right dry run in state and the completion of the one before.
    """
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
    assert told(world.failing(target=[LIVE])) == [
        refused("charges", f"nothing shows that the dry run {dry} has completed")
    ]

    write(world, triggers=3)
    world.up()
    assert [job.dry_run for job in world.zuora.jobs] == [True, False, True, True, False]


@pytest.mark.slow
def test_secret_triggers_pass_the_gate_and_make_no_secret_of_the_dry_run(world: World) -> None:
    """What is compared is what is inside.

    The id of the dry run stays readable in state, and no later run finds a difference.
    """
    write(
        world,
        triggers="{'a': pulumi.Output.secret(1), 'b': 3, 'c': [pulumi.Output.secret('x'), 2.0]}",
    )
    world.up()
    dry, live = world.job_ids()
    (resource,) = [found for found in world.stack.state["resources"] if found["urn"] == LIVE]

    assert resource["id"] == live
    (dry_run,) = [
        r for r in world.stack.state["resources"] if r["urn"].endswith("::charges-dry-run")
    ]
    assert dry_run["outputs"]["jobId"] == dry
    assert world.up().change_summary == world.up(target=[LIVE]).change_summary == {"same": 6}


@pytest.mark.slow
def test_a_preview_tells_of_an_approval_that_is_for_the_dry_run_before(world: World) -> None:
    """Its dry run is replaced, so the new one has to be approved, and the up stops there.

    A change of how it is run needs no other approval.
    """
    write(world, triggers=1, approval="wait")
    world.up()
    dry = world.job_ids()[0]
    write(world, triggers=1, approval=dry, arguments=", batch_size=7")
    assert "an earlier dry run" not in world.stack.preview().stdout
    write(world, triggers=1, approval=dry)
    shown = world.stack.preview().stdout
    assert (
        f"    warning: APPROVED LIVE RatePlanCharge backfill in the credentials' tenant at "
        f"{world.zuora.base_url}.\n    Approved: dry run {dry}, created 20" in shown
    )
    assert ": COMPLETED, 10 of 10 batches, 0 failed records.\n" in shown

    write(world, triggers=2, approval=dry)
    assert (
        f"approval names {dry}: unless this is that very dry run, `pulumi up` stops after it. "
        'Better write approval="wait"' in world.stack.preview().stdout
    )
    text = world.failing()
    new = world.job_ids()[1]
    assert told(text) == [not_approved(dry, new)]
    assert [job.dry_run for job in world.zuora.jobs] == [True, True]


@pytest.mark.slow
def test_a_dry_run_without_a_count_passes_and_claims_no_zero(world: World) -> None:
    """Zuora does not document one.

    The gate stays usable, a warning says what it does not prove, and who approves is not told of 0
    failed records.
    """
    world.zuora.behaviours.dry_run_error_count = False
    write(world, approval="wait")
    text = world.up().stdout
    (dry,) = world.job_ids()
    assert (
        f"warning: How many records failed is not known: Zuora tells no number for job {dry}. "
        "max_errors could not be checked there. Look in Revenue → Data Backfill → Backfill Logs."
        in flat(text)
    )
    assert (
        f"The dry run {dry} completed; Zuora does not tell how many records failed. To start the "
        "live job" in text
    )
    (done,) = [
        r for r in world.stack.state["resources"] if r["urn"].endswith("::charges-dry-run-done")
    ]
    assert "errorCount" not in done["outputs"]

    write(world, approval=dry)
    assert "not known: Zuora" not in world.up().stdout
    assert [job.dry_run for job in world.zuora.jobs] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("approval", ["auto", "wait"])
def test_a_job_that_moves_into_the_gate_is_kept_by_the_line_that_is_printed(
    world: World, approval: str
) -> None:
    """A component hands no alias of its own down, so the line names the job id.

    The dry run runs, and the live job that is there is taken over.
    """
    world.job()
    world.up()
    (job,) = world.job_ids()
    write(world, approval=approval)
    if approval == "wait":
        world.up()
        write(world, approval=world.job_ids()[1])
    text = world.failing()
    assert "aliases=" not in text
    line = re.search(r'existing_job_id="\w{32}"', text)
    assert line
    write(world, approval=approval, arguments=f", {line[0]}")
    world.up()

    assert [found.id for found in world.zuora.jobs if not found.dry_run] == [job]
    assert world.resource()["id"] == job
    assert "stop" not in world.asked()


@pytest.mark.slow
def test_a_gate_that_is_renamed_is_kept_by_the_alias_that_is_printed(world: World) -> None:
    """The component's URN is handed down to all of its resources.

    Nothing is started, nothing is waited for.
    """
    write(world)
    world.up()
    renamed = (world.folder / "__main__.py").read_text().replace('"charges"', '"fees"')
    (world.folder / "__main__.py").write_text(renamed)
    line = re.search(r"opts=pulumi.*\]\)", world.failing("preview"))
    assert line
    (world.folder / "__main__.py").write_text(
        renamed.replace('approval="auto"', f'approval="auto", {line[0]}')
    )
    assert world.up().change_summary == {"same": 6}
    assert world.asked() == {}


@pytest.mark.parametrize("setting", ["baseUrl", "entityIds"])
def test_a_dry_run_somewhere_else_opens_no_gate(
    engine: type[Any], zuora: Sandbox, tmp_path: Path, setting: str
) -> None:
    """If the settings lead elsewhere after the dry run, no live job is started."""
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
    expected = {
        "baseUrl": f"Nothing was sent: job {dry_run} in state belongs to {zuora.base_url}, but the "
        f"settings say {other.base_url}. Set base URL, tenant and entity back (environment or "
        "zuora:* configuration). For another tenant, use another stack.",
        "entityIds": refused("charges", f"the dry run {dry_run} differs in entity_id"),
    }
    assert told(text) == [expected[setting]]
    assert world.job_ids() == [dry_run]


@pytest.mark.slow
def test_the_place_of_a_dry_run_may_be_said_elsewhere(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """The configuration's entity, now declared in the program, is the same place."""
    world = World(engine, zuora, tmp_path)
    world.stack.set_config("zuora:entityIds", "a")
    write(world, approval="wait")
    world.up()
    world.stack.set_config("zuora:entityIds", "b")
    write(world, approval=world.job_ids()[0], arguments=', entity_id="a"')
    assert "belongs to entity a" not in world.up().stdout
    assert [(job.dry_run, job.entity_id) for job in zuora.jobs] == [(True, "a"), (False, "a")]


@pytest.mark.slow
def test_a_live_job_that_is_targeted_alone_does_not_leave_the_declared_place_of_its_dry_run(
    world: World,
) -> None:
    """A declaration that was taken away is no other place's business.

    The live job would run where no dry run ran.
    """
    write(world, approval="wait", arguments=', entity_id="b"')
    world.up()
    (dry_run,) = world.job_ids()
    write(world, approval=dry_run)
    text = world.failing(target=[LIVE])
    assert told(text) == [refused("charges", f"the dry run {dry_run} differs in entity_id")]
    assert world.asked() == {"token": 1}


def test_the_credentials_of_another_tenant_open_no_gate(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """Two tenants share an address.

    The token tells them apart, and no job is started in the one that had no dry run.
    """
    world = World(engine, zuora, tmp_path)
    write(world, approval="wait")
    world.up()
    (dry_run,) = world.job_ids()
    world.edit_state("charges-dry-run", lambda outputs: outputs.update(tenantId="7"))
    write(world, approval=dry_run)
    text = world.failing()

    assert (
        f"job {dry_run} in state belongs to tenant 7, but the new job would run in tenant "
        f"{zuora.tenant_id}." in text
    )
    assert world.asked() == {"token": 1}


@pytest.mark.slow
def test_a_dry_run_is_no_live_job_to_take_over(world: World) -> None:
    """Its id in the wrong argument is refused, already in the preview."""
    write(world, approval="wait")
    world.up()
    (dry_run,) = world.job_ids()
    write(world, approval=dry_run, arguments=f', existing_job_id="{dry_run}"')
    for operation in ("preview", "up"):
        text = world.failing(operation)
        assert told(text) == [
            f"Nothing was started: existing_job_id is {dry_run}, a dry run, which can be no live "
            "job. Take existing_job_id away; a VerifiedBackfill is approved by approval alone."
        ]
        assert_clean(text)
        assert world.asked() == {}
    write(world, approval=dry_run)
    world.up()
    assert [job.dry_run for job in world.zuora.jobs] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("on_delete", ["leave", "stop"])
def test_a_live_job_that_leaves_the_program_is_told(world: World, on_delete: str) -> None:
    """Back to waiting, it leaves the state too.

    The preview names it, and whether it would be stopped.
    """
    write(world, arguments=f', on_delete="{on_delete}"')
    world.up()
    live = world.job_ids()[1]
    write(world, approval="wait", arguments=f', on_delete="{on_delete}"')
    stops = ", and stops it if it still runs" if on_delete == "stop" else ""
    leaving = (
        f'    warning: approval="wait" takes the live job {live} out of the state{stops}.\n'
        f'    To keep it, add  existing_job_id="{live}"  which starts nothing and needs no '
        "approval.\n"
        f'    Otherwise the next live run has to accept it:  known_job_ids=["{live}"]'
    )
    assert leaving in world.stack.preview().stdout

    write(world, approval="wait", arguments=f', on_delete="{on_delete}", existing_job_id="{live}"')
    assert leaving not in world.up().stdout
    assert (world.resource()["id"], world.zuora.count(Operation.STOP)) == (live, 0)


def test_an_id_that_comes_out_as_null_starts_nothing(world: World) -> None:
    """What was to be taken over is not there: no live job is started instead."""
    write(world, approval="wait", arguments=", existing_job_id=pulumi.Output.from_input(None)")
    text = world.failing()

    assert "existing_job_id is declared but comes out as null" in text
    assert [job.dry_run for job in world.zuora.jobs] in ([True], [])


@pytest.mark.slow
def test_custom_timeouts_are_those_of_both_waits(world: World) -> None:
    """They beat `timeout`, as with a completion; each kind of wait has its own."""
    custom = (
        ", opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create='30m', "
        "update='3h'))"
    )
    write(world, arguments=custom)
    assert (
        re.findall(
            r"Waits until .*?(at most .*?\))", world.up().stdout.partition("Diagnostics:")[2]
        )
        == ["at most 30 min (custom_timeouts.create)"] * 2
    )

    write(world, triggers=1, arguments=custom)
    assert (
        re.findall(
            r"Waits until .*?(at most .*?\))",
            world.stack.preview().stdout.partition("Diagnostics:")[2],
        )
        == ["at most 3.0 h (custom_timeouts.update)"] * 2
    )
