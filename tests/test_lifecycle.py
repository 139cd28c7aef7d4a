"""The lifecycle table, on both engines.

What each Pulumi operation asks of Zuora, leaves in state and says.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import dill
import pytest

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .world import TYPE, World, assert_clean, flat, told, urn

LIVE = {"token": 1, "list": 1, "create": 1, "get": 1}
IRREVERSIBLE = (
    "It changes revenue fields of existing records and cannot be undone. Records created later are "
    "not covered."
)


def test_a_live_job_costs_one_request_of_each_kind(world: World) -> None:
    """The first up asks for one token, one list, one job and its state.

    The job id is the output and the resource id.
    """
    world.job('type=BackfillType.RATE_PLAN_CHARGE, batch_size=500, reason="REV-7"')
    result = world.up()

    (job,) = world.zuora.jobs
    assert world.asked() == LIVE
    assert result.outputs["jobId"].value == job.id == world.resource()["id"]
    assert (job.type, job.batch_size, job.dry_run) == ("RatePlanCharge", 500, False)
    outputs = world.resource()["outputs"]
    assert {
        name: outputs[name]
        for name in ("jobId", "status", "recovered", "baseUrl", "tenantId", "guard", "onDelete")
    } == {
        "jobId": job.id,
        "status": "ACCEPTED",
        "recovered": False,
        "baseUrl": world.zuora.base_url,
        "tenantId": world.zuora.tenant_id,
        "guard": "once",
        "onDelete": "leave",
    }
    assert outputs["idempotencyKey"] == job.idempotency_key
    assert not {"identity", "past", "progress", "errorCount"} & set(outputs)


def test_a_dry_run_lists_nothing(world: World) -> None:
    """A dry run changes no data, so no guard looks at the tenant's jobs."""
    world.job('type="OrderLineItem", dry_run=True')
    result = world.up()

    assert world.asked() == {"token": 1, "create": 1, "get": 1}
    assert [job.dry_run for job in world.zuora.jobs] == [True]
    assert (
        "Dry run of the OrderLineItem backfill in the credentials' tenant at "
        f"{world.zuora.base_url}; no data is changed." in result.stdout
    )


def test_no_change_and_changes_of_state_only_send_nothing(world: World) -> None:
    """No change, explicit defaults, or other state-only inputs: an up asks Zuora nothing."""
    world.job()
    world.up()
    world.job(
        'type="RatePlanCharge", batch_size=1000, dry_run=False, guard="once", on_delete="leave"'
    )
    assert world.up().change_summary == {"same": 2}
    assert world.asked() == {}

    world.job(
        'type="RatePlanCharge", batch_size=10, guard="none", on_delete="stop", reason="x", '
        'known_job_ids=["k" * 32], track_id="t"'
    )
    assert world.up().change_summary == {"same": 1, "update": 1}
    assert world.asked() == {}
    outputs = world.resource()["outputs"]
    assert [
        outputs[name]
        for name in ("batchSize", "guard", "onDelete", "reason", "knownJobIds", "trackId")
    ] == [
        10,
        "none",
        "stop",
        "x",
        ["k" * 32],
        "t",
    ]
    assert world.up().change_summary == {"same": 2}
    assert len(world.zuora.jobs) == 1


def test_a_second_up_writes_nothing_new_to_state(world: World) -> None:
    """What the first up knew of the past stays in the inputs.

    The jobs that are there now would otherwise be written to every job's state.
    """
    world.program("for name in 'ab': BackfillJob(name, type='RatePlanCharge', entity_id=name)")
    world.up()
    before = [world.resource(name)["inputs"] for name in "ab"]
    world.up()

    assert [world.resource(name)["inputs"] for name in "ab"] == before
    assert before[0]["past"] == {"predecessor": {}, "jobs": "[]", "urns": [urn("a")]}


def test_a_preview_needs_no_settings_and_speaks_to_the_reviewer(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """Without settings a preview sends nothing, fails nothing, and says what live means."""
    world = World(engine, zuora, tmp_path, env={})
    world.job('type="RatePlanCharge", entity_id="e-1", reason="REV-7"')
    text = world.stack.preview().stdout

    assert world.asked() == {}
    assert told(text, "warning") == [
        "LIVE RatePlanCharge backfill in the credentials' tenant, entity e-1 at (set "
        f"ZUORA_BASE_URL or zuora:baseUrl). Reason: REV-7. {IRREVERSIBLE}"
    ]


@pytest.mark.slow
def test_the_alias_that_keeps_a_job_that_moves_works(world: World) -> None:
    """Pasted as it is printed, it keeps the job where only the parent changed."""
    world.job()
    world.up()
    (job,) = world.job_ids()
    world.zuora.finish(job)
    moved = """
        class C(pulumi.ComponentResource): pass
        component = C("acme:index:C", "c")
        opts = pulumi.ResourceOptions(parent=component{})
        BackfillJob("charges", type="RatePlanCharge", opts=opts)
    """
    world.program(moved.format(""))
    alias = re.search(r"opts=pulumi.ResourceOptions\((aliases=\[.*?\])\)", world.failing("preview"))
    assert alias
    world.program(moved.format(", " + alias[1]))
    world.up()
    assert (world.asked(), world.job_ids()) == ({}, [job])


@pytest.mark.parametrize("died", [False, True])
def test_a_job_that_another_resource_takes_over_is_not_stopped(world: World, died: bool) -> None:
    """The one that lets go of it would stop it.

    The one that names it keeps it running, also where a process died between, or another SDK wrote
    the state.
    """
    world.job('type="RatePlanCharge", on_delete="stop"', name="old")
    world.up()
    (job,) = world.job_ids()

    def rewrite(outputs: dict[str, Any]) -> None:
        provider = dill.loads(base64.b64decode(outputs["__provider"]))
        outputs["__provider"] = base64.b64encode(dill.dumps(provider, protocol=3)).decode()

    world.edit_state("old", rewrite)
    new = f'BackfillJob("new", type="RatePlanCharge", existing_job_id="{job}")'
    if died:
        world.program(f'BackfillJob("old", type="RatePlanCharge", on_delete="stop"); {new}')
        world.up()
    world.program(new)
    text = world.up().stdout

    assert (
        f"Job {job} was not stopped: 'new' holds it. If it still runs, Zuora continues it." in text
    )
    assert "stop" not in world.asked()
    assert world.zuora.jobs[0].status in ("ACCEPTED", "PROCESSING")
    assert [r["urn"] for r in world.stack.state["resources"] if TYPE in r["urn"]] == [urn("new")]


@pytest.mark.slow
def test_a_job_that_another_resource_takes_over_is_not_stopped_for_a_replacement_either(
    world: World,
) -> None:
    """It is the other one's now, so the replacement is refused while it runs."""
    world.job('type="RatePlanCharge", on_delete="stop"')
    world.up()
    (job,) = world.job_ids()
    world.program(
        f'BackfillJob("new", type="RatePlanCharge", existing_job_id="{job}"); '
        'BackfillJob("charges", type="RatePlanCharge", on_delete="stop", triggers=2)'
    )
    text = world.failing()
    assert f"Job {job} still runs (" in text
    assert "stop" not in world.asked()
    assert len(world.job_ids()) == 1


@pytest.mark.slow
def test_taking_the_line_away_that_took_a_job_over_is_warned_of(world: World) -> None:
    """Nothing but the state knows of the job then; the change itself asks for nothing."""
    job = world.zuora.add_job(status="COMPLETED", age_s=3600).id
    world.job(f'type="RatePlanCharge", existing_job_id="{job}"')
    world.up()
    world.job()
    for text in (world.stack.preview().stdout, world.up().stdout):
        (shown, *_) = told(text, "warning")
        assert shown.startswith(
            f"Keep existing_job_id: job {job} was taken over, not started here. Without that line "
            "only this stack's state knows that the job belongs to it."
        )
    assert (world.asked(), world.resource()["id"]) == ({}, job)


@pytest.mark.slow
def test_taking_a_line_away_that_named_the_own_job_means_nothing(world: World) -> None:
    """The key leads to a job that was started here, whatever was declared in between."""
    world.job()
    world.up()
    (job,) = world.job_ids()
    for line in (f', existing_job_id="{job}"', ""):
        world.job(f'type="RatePlanCharge"{line}')
        assert "taken over and not started here" not in world.up().stdout
    assert (world.asked(), world.resource()["id"]) == ({}, job)


@pytest.mark.real_engine  # EmbeddedStack knows no plans
def test_an_update_keeps_to_its_plan(engine: type[Any], zuora: Sandbox, tmp_path: Path) -> None:
    """What a preview saved as a plan, an `up --plan` does: a start, a replacement, and nothing."""
    world = World(
        engine, zuora, tmp_path, env={**zuora.environment(), "PULUMI_EXPERIMENTAL": "true"}
    )
    plan = str(tmp_path / "plan.json")
    for triggers, jobs in ((1, 1), (2, 2), (2, 2)):
        world.job(f'type="RatePlanCharge", dry_run=True, triggers={triggers}')
        world.stack.preview(plan=plan)
        world.up(plan=plan)
        assert len(world.job_ids()) == jobs


def test_a_preview_of_a_replacement_names_the_job_and_what_becomes_of_it(world: World) -> None:
    """The reviewer reads which job is replaced, why, and that it is another live run."""
    world.job()
    world.up()
    (job,) = world.job_ids()
    world.zuora.finish(job)
    world.stack.refresh()
    world.job('type="RatePlanCharge", triggers={"run": 2}')
    world.zuora.forget_requests()
    text = world.stack.preview().stdout

    assert world.asked() == {}
    assert (
        f"SECOND LIVE RUN of 'charges' (triggers changed): Zuora Billing and Zuora Revenue may "
        "disagree afterwards.\n"
        "    LIVE RatePlanCharge backfill in the credentials' tenant at "
        f"{world.zuora.base_url}.\n"
        f"    {IRREVERSIBLE}\n"
        f"    The job before, {job}, is COMPLETED and stays as it is." in text
    )


@pytest.mark.slow
def test_sixty_jobs_share_one_token(world: World) -> None:
    """Sixty live jobs in one program, each for an entity of its own.

    One token, sixty of each other request, no more connections than workers.
    """
    world.program(
        "for i in range(60): BackfillJob(f'charges-{i}', type='RatePlanCharge', entity_id=f'e{i}')"
    )
    before = world.zuora.connections
    world.up()

    assert world.asked() == {"token": 1, "list": 60, "create": 60, "get": 60}
    assert len({job.idempotency_key for job in world.zuora.jobs}) == 60
    assert world.zuora.connections - before <= 64


@pytest.mark.slow
def test_sixty_dry_runs_list_nothing(world: World) -> None:
    """Dry runs need no guard, and no entity of their own."""
    world.program(
        "for i in range(60): BackfillJob(f'charges-{i}', type='RatePlanCharge', dry_run=True)"
    )
    world.up()
    assert world.asked() == {"token": 1, "create": 60, "get": 60}


def test_a_refresh_shows_the_status_and_is_no_drift(world: World) -> None:
    """A refresh brings the job's end into the outputs, counts included, and plans no change."""
    world.job()
    world.up()
    world.zuora.finish(world.job_ids()[0], error_count=3)
    world.zuora.forget_requests()
    world.stack.refresh(expect_no_changes=True)

    assert world.asked() == {"token": 1, "get": 1}
    outputs = world.resource()["outputs"]
    assert [
        outputs[name] for name in ("status", "progress", "batchFinishedCount", "errorCount")
    ] == [
        "COMPLETED",
        "100.00%",
        10,
        3,
    ]
    assert world.up().change_summary == {"same": 2}
    assert world.asked() == {}


@pytest.mark.parametrize("status", ["FAILED", "STOPPED"])
def test_a_refresh_warns_of_a_job_that_did_not_complete(world: World, status: str) -> None:
    """A failed or stopped job is a warning, and no drift."""
    world.job()
    world.up()
    (job,) = world.job_ids()
    world.zuora.finish(job, status=status)
    text = world.stack.refresh().stdout

    assert told(text, "warning") == [
        f"Job {job} is {status}. To run the backfill again, change triggers."
    ]
    assert world.resource()["outputs"]["status"] == status


@pytest.mark.slow
def test_a_purged_job_keeps_its_state(world: World) -> None:
    """A job that Zuora forgot keeps id and outputs, with status UNKNOWN.

    The next up starts nothing.
    """
    world.job()
    world.up()
    (job,) = world.job_ids()
    world.zuora.forget_job(job)
    text = world.stack.refresh().stdout

    assert f"Zuora no longer knows job {job}" in text
    assert (world.resource()["id"], world.resource()["outputs"]["status"]) == (job, "UNKNOWN")
    assert world.up().change_summary == {"same": 2}
    assert world.job_ids() == []


def test_a_gateway_that_knows_no_route_is_an_error_and_not_a_purged_job(world: World) -> None:
    """The gateway's own 404 fails the refresh and changes nothing."""
    world.job()
    world.up()
    before = world.resource()["outputs"]
    world.zuora.plan(Fault.GATEWAY_404, on=Operation.GET)
    text = world.failing("refresh")

    assert "no Route matched with those values" in text
    assert world.resource()["outputs"] == before


def test_a_replacement_stops_a_dry_run_and_starts_the_live_job(world: World) -> None:
    """From dry run to live: the running dry run is stopped, the live job is another one."""
    world.job('type="RatePlanCharge", dry_run=True')
    world.up()
    world.job('type="RatePlanCharge", known_job_ids=[]')
    text = world.up().stdout

    dry, live = world.zuora.jobs
    assert (dry.status, dry.dry_run, live.dry_run) == ("STOPPED", True, False)
    assert world.resource()["id"] == live.id
    assert "SECOND LIVE RUN" not in text
    assert (
        f"The dry run before, {dry.id} (last seen ACCEPTED), is stopped if it still runs." in text
    )
    assert world.asked() == {"token": 1, "stop": 1, "list": 1, "create": 1, "get": 4}


def test_a_running_live_job_is_not_replaced(world: World) -> None:
    """A live job that still runs is neither stopped nor joined by a second one.

    Taken back, the change leaves no trace; once it has ended, it goes through.
    """
    world.job()
    world.up()
    (first,) = world.job_ids()
    world.job('type="RatePlanCharge", triggers=2')
    text = world.failing()
    assert f"Job {first} still runs" in text
    assert world.job_ids() == [first]
    assert [job.stop_requested for job in world.zuora.jobs] == [False]
    assert world.asked() == {"token": 1, "get": 1}

    world.job()
    assert world.up().change_summary == {"same": 2}
    assert world.asked() == {}

    world.job('type="RatePlanCharge", triggers=2')
    world.zuora.finish(first)
    world.up()
    assert len(world.job_ids()) == 2
    assert world.resource()["id"] == world.job_ids()[1]


def test_destroy_stops_a_dry_run_and_leaves_a_live_job(world: World) -> None:
    """Destroy asks the dry run to stop and lets the live job run."""
    world.program(
        "BackfillJob('dry', type='RatePlanCharge', dry_run=True)\n"
        "BackfillJob('live', type='RatePlanCharge')"
    )
    world.up()
    world.zuora.forget_requests()
    text = world.stack.destroy().stdout

    live = world.zuora.jobs[[job.dry_run for job in world.zuora.jobs].index(False)]
    assert (
        f'Job {live.id} was not stopped: on_delete is "leave". If it still runs, Zuora continues '
        "it." in text
    )

    assert {
        job.dry_run: (job.status == "STOPPED", job.stop_requested) for job in world.zuora.jobs
    } == {
        True: (True, True),
        False: (False, False),
    }
    assert world.asked() == {"token": 1, "get": 2, "stop": 1}


def test_destroy_of_an_ended_or_unknown_job_stops_nothing(world: World) -> None:
    """A dry run that has ended, or that Zuora does not know, needs no stop."""
    world.program(
        "for n in ('ended', 'purged'): BackfillJob(n, type='RatePlanCharge', dry_run=True)"
    )
    world.up()
    world.zuora.finish(world.resource("ended")["id"])
    world.zuora.forget_job(world.resource("purged")["id"])
    world.zuora.forget_requests()
    world.stack.destroy()

    assert world.asked() == {"token": 1, "get": 2}


def test_get_looks_a_job_up_and_never_stops_it(world: World) -> None:
    """`BackfillJob.get` reads a job of somebody else; destroy leaves it alone."""
    job = world.zuora.add_job(type="OrderLineItem", status="PROCESSING", dry_run=True)
    world.program(
        f"job = BackfillJob.get('theirs', '{job.id}')\n"
        "pulumi.export('seen', [job.type, job.status, job.job_id])"
    )
    result = world.up()
    assert result.outputs["seen"].value == ["OrderLineItem", "PROCESSING", job.id]
    assert world.asked() == {"token": 1, "get": 1}

    world.stack.destroy()
    assert [job.status for job in world.zuora.jobs] == ["PROCESSING"]


@pytest.mark.slow
def test_a_job_that_is_looked_up_is_not_accepted_by_it(world: World) -> None:
    """The guard refuses beside it, and it is no predecessor: the same name may adopt it."""
    theirs = world.zuora.add_job(status="COMPLETED", age_s=30 * 86400)
    look = f"BackfillJob.get('charges', '{theirs.id}')\n"
    world.program(look)
    world.up()
    world.program(look + "BackfillJob('mine', type='RatePlanCharge')")
    assert (
        "Nothing was started: tenant 10042 holds a RatePlanCharge backfill job" in world.failing()
    )

    world.job(f'type="RatePlanCharge", existing_job_id="{theirs.id}"')
    world.up()
    assert (world.resource()["id"], world.job_ids()) == (theirs.id, [theirs.id])


def test_a_secret_reason_is_not_told(world: World) -> None:
    """What a reviewer reads holds no secret."""
    world.job('type="RatePlanCharge", reason=pulumi.Output.secret("hunter2")')
    text = world.stack.preview().stdout

    assert "LIVE RatePlanCharge backfill in" in text
    assert "hunter2" not in text


def test_get_of_an_unknown_job_fails(world: World) -> None:
    """A wrong id is an error, in one line."""
    world.program(f"BackfillJob.get('theirs', '{'0' * 32}')")
    text = world.failing()

    assert (
        f"Zuora does not know job {'0' * 32} in this tenant, asked without an entity. Check the id "
        "in Revenue → Data Backfill → Backfill Logs, and the entity "
        "(ZUORA_ENTITY_IDS or zuora:entityIds): a job is only seen from its own entity."
        in flat(text)
    )
    assert_clean(text)


def test_all_faults_of_the_inputs_are_reported_at_once(world: World) -> None:
    """Every wrong input is named in one preview, and nothing is sent."""
    world.job(
        'type="Charge", batch_size=1001, track_id="a:b", existing_job_id="short", guard="twice", '
        'on_delete="kill", org_ids="x", triggers=2**60'
    )
    text = world.failing("preview")

    for part in (
        'type must be one of "RatePlanCharge", "OrderLineItem"',
        "batch_size must be a whole number from 1 to 1000",
        "track_id must be 1 to 64 ASCII characters",
        "existing_job_id must be a job id of 32 characters",
        'guard must be one of "once", "none"',
        'on_delete must be one of "stop", "leave"',
        "org_ids must be a list",
        "triggers must be a JSON value",
    ):
        assert part in text
    assert_clean(text)
    assert world.asked() == {}


def test_every_urn_the_program_computes_is_the_engines(world: World) -> None:
    """At top level, in a component, in a nested one, and with the root stack as parent."""
    world.program("""
        class Box(pulumi.ComponentResource):
            def __init__(self, name, opts=None):
                super().__init__("acme:index:Box", name, None, opts)
        outer = Box("outer")
        inner = Box("inner", pulumi.ResourceOptions(parent=outer))
        stack = pulumi.runtime.get_root_resource()
        parents = {"top": None, "in-box": outer, "in-inner": inner, "in-stack": stack}
        for name, parent in parents.items():
            opts = pulumi.ResourceOptions(parent=parent)
            BackfillJob(name, type="RatePlanCharge", entity_id=name, opts=opts)
    """)
    world.up()

    jobs = [r for r in world.stack.state["resources"] if r["type"].endswith("BackfillJob")]
    assert len(jobs) == 4
    assert {job["inputs"]["identity"]["urn"] for job in jobs} == {job["urn"] for job in jobs}


def test_a_rename_with_an_alias_keeps_the_job(world: World) -> None:
    """A job under another name, with its old name as alias, is the same job.

    Its next replacement comes after it.
    """
    world.job()
    world.up()
    (first,) = world.job_ids()
    world.zuora.finish(first)
    renamed = 'opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="charges")])'
    world.job(f'type="RatePlanCharge", {renamed}', name="renamed")
    world.up()
    assert world.asked() == {}
    assert world.resource("renamed")["id"] == first

    world.up(replace=[urn("renamed")])
    assert world.resource("renamed")["id"] == world.job_ids()[1]


@pytest.mark.parametrize("delete_before_replace", ["False"])
def test_create_before_delete_is_refused(world: World, delete_before_replace: str) -> None:
    """Two jobs at once are never wanted; the option that asks for it is an error."""
    world.job(
        'type="RatePlanCharge", '
        f"opts=pulumi.ResourceOptions(delete_before_replace={delete_before_replace})"
    )
    text = world.failing("preview")

    assert "delete_before_replace=False is refused" in text
    assert world.asked() == {}


def test_triggers_are_the_users_own(world: World) -> None:
    """Whatever keys a trigger has, they reach state and come back as they were written.

    Another spelling is another trigger.
    """
    world.job(
        'type="RatePlanCharge", dry_run=True, triggers={"batch_size": 1, "batchSize": 2, "job_id": '
        '[{"onDelete": 3}]}'
    )
    world.program(
        (world.folder / "__main__.py").read_text().split("\n", 2)[2]
        + "\npulumi.export('triggers', job.triggers)"
    )
    expected = {"batch_size": 1, "batchSize": 2, "job_id": [{"onDelete": 3}]}

    assert world.up().outputs["triggers"].value == expected
    assert world.resource()["inputs"]["triggers"] == expected


def test_secret_triggers_make_what_is_derived_from_them_secret(world: World) -> None:
    """The key is a hash of the triggers: encrypted in state and hidden in the output.

    The track id, which errors show, is made without them.
    """
    world.program("""
        triggers = {"a": pulumi.Output.secret("hunter2")}
        job = BackfillJob("charges", type="RatePlanCharge", dry_run=True, triggers=triggers)
        pulumi.export("key", job.idempotency_key)
        pulumi.export("track", job.track_id)
        pulumi.export("jobId", job.job_id)
    """)
    result = world.up()

    assert {name: output.secret for name, output in result.outputs.items()} == {
        "key": True,
        "track": False,
        "jobId": False,
    }
    key = world.zuora.jobs[0].idempotency_key
    (sent,) = [request for request in world.zuora.requests if request.operation is Operation.CREATE]
    assert re.fullmatch(r"zbf1-[0-9a-f]{32}", sent.headers["Zuora-Track-Id"])
    assert not key.startswith(sent.headers["Zuora-Track-Id"])
    assert key not in result.stdout
    assert "hunter2" not in result.stdout
    assert world.up().change_summary == {"same": 2}

    source = (world.folder / "__main__.py").read_text()
    (world.folder / "__main__.py").write_text(
        source.replace("dry_run=True", 'dry_run=True, reason="later"')
    )
    assert {name: output.secret for name, output in world.up().outputs.items()} == {
        "key": True,
        "track": False,
        "jobId": False,
    }
