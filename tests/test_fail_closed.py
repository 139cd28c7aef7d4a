"""What is missing is a reason to refuse, never a default.

No second live job, on both engines, whatever does not arrive.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pulumi
import pytest

from pulumi_zuora_backfill.testing import Fault, Operation, Sandbox

from .proxies import tunnel_to
from .world import (
    TYPE,
    World,
    assert_clean,
    assert_one_job_for_all,
    flat,
    interrupt,
    release_lock,
    told,
    urn,
)

ONCE = (
    "Zuora asks for one backfill before go-live: a second run makes Zuora Billing and Zuora "
    "Revenue disagree."
)
VERIFIED = """
from pulumi_zuora_backfill import VerifiedBackfill
VerifiedBackfill("x", type="RatePlanCharge", approval="{approval}", triggers={triggers})
"""
SUPPLIER = """
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Given(ResourceProvider):
    def create(self, props):
        return CreateResult("given", {"value": VALUE})

class Supplier(Resource, module="acme", name="Supplier"):
    value: pulumi.Output

supplier = Supplier(Given(), "supplier", {"value": None})
"""
HOST = 'provider=pulumi.ProviderResource("pulumi-python", "host", {inputs})'


def live(world: World) -> list[str]:
    """Return the live jobs that Zuora holds."""
    return [job.id for job in world.zuora.jobs if not job.dry_run]


def running(world: World, arguments: str = 'type="RatePlanCharge"') -> str:
    """Deploy one live job that goes on running, and return its id."""
    world.job(arguments)
    world.up()
    (job,) = world.job_ids()
    return job


# --- one live job in one tenant, entity and organisations


@pytest.mark.parametrize("age_s", [4, 90 * 86400])
def test_a_second_stack_of_the_tenant_is_refused(
    engine: type[Any], zuora: Sandbox, tmp_path: Path, age_s: int
) -> None:
    """The same program in another stack, seconds or months later.

    The job is named, with the ways on, and nothing is started.
    """
    first, second = (World(engine, zuora, tmp_path / s, stack=s) for s in ("dev", "prod"))
    job = running(first)
    zuora.clock.advance(age_s)
    second.job()
    text = second.failing()

    (shown,) = told(text)
    assert shown.startswith(
        "Nothing was started: tenant 10042 holds a RatePlanCharge backfill job that state does "
        f"not hold as this resource's: {job} ("
    )
    assert f'To take it over instead, if it was no dry run, add existing_job_id="{job}"' in shown
    assert second.asked() == {"token": 1, "list": 1}
    assert live(second) == [job]


def test_two_stacks_of_one_tenant_at_once_start_no_two_jobs_unseen(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """The second one reads the list after the first one's job was made, and is refused."""
    first, second = (World(engine, zuora, tmp_path / s, stack=s) for s in ("dev", "prod"))
    zuora.plan(Fault.HANG, on=Operation.CREATE)
    first.job()
    thread = threading.Thread(target=first.stack.up)
    thread.start()
    zuora.wait_until_held()
    second.job()
    text = second.failing()
    zuora.release()
    thread.join()

    assert "holds a RatePlanCharge backfill job that state does not hold as this resource's" in text
    assert live(second) == [first.resource()["id"]]


@pytest.mark.slow
def test_a_dry_run_of_another_stack_counts_as_zuora_does_not_tell_it_apart(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """Zuora's list shows no difference, so a person decides; the text says so."""
    first, second = (World(engine, zuora, tmp_path / s, stack=s) for s in ("dev", "prod"))
    running(first, 'type="RatePlanCharge", dry_run=True')
    second.job()

    assert "Zuora's list does not tell dry runs from live runs." in second.failing()
    assert live(second) == []


@pytest.mark.parametrize("operation", ["preview", "up"])
def test_a_renamed_resource_is_refused_where_it_is_seen(world: World, operation: str) -> None:
    """Another name is another resource.

    A preview refuses already, with the alias line first seen.
    """
    job = running(world)
    world.job(name="fees")
    text = world.failing(operation)

    (shown,) = told(text)
    assert f"{job} (last seen " in shown
    assert "held by 'charges' of this stack" in shown
    assert f'opts=pulumi.ResourceOptions(aliases=["{urn()}"])' in shown
    assert world.asked() == {}
    assert live(world) == [job]


@pytest.mark.parametrize("operation", ["preview", "up"])
def test_two_live_jobs_of_one_program_are_refused(world: World, operation: str) -> None:
    """The second of a type is refused in the preview; an `up` starts one at most."""
    world.program("for name in 'ab': BackfillJob(name, type='RatePlanCharge')")
    text = world.failing(operation)

    (shown,) = told(text)
    assert shown in [
        f"Nothing was started: {name!r} of this stack is a live RatePlanCharge backfill that may "
        f"reach the same entity and organisations. {ONCE} Remove one of the two. If they are for "
        "different entities or organisations, name entity_id or org_ids in both, before either has "
        "started. If both must run: deploy the other one first, then name its job in known_job_ids "
        "here."
        for name in "ab"
    ]
    assert len(live(world)) <= 1


OTHER_HOST = "host = pulumi.ProviderResource('pulumi-python', 'host', {})\n"
BESIDE = (
    "Nothing was started: 'a' of this stack is a live RatePlanCharge backfill that may reach the "
    "same entity and organisations"
)


@pytest.mark.parametrize("operation", ["preview", "up"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("type=TYPE", "type=TYPE"),
        ("type=TYPE", "type=TYPE, entity_id='E1'"),
        ("type=TYPE, org_ids=['1', '2']", "type=TYPE, org_ids=['2']"),
        ("type=pulumi.Output.from_input(TYPE)", "type=pulumi.Output.from_input(TYPE)"),
        ("type=TYPE, entity_id=SECRET", "type=TYPE, entity_id=SECRET"),
    ],
)
def test_two_live_jobs_in_two_processes_are_refused(
    world: World, first: str, second: str, operation: str
) -> None:
    """An explicit provider has a process of its own; the program still sees both."""
    world.zuora.plan(Fault.SLOW, on=Operation.CREATE, seconds=2, times=2)
    world.program(
        f"{OTHER_HOST}TYPE, SECRET = 'RatePlanCharge', pulumi.Output.secret('hidden-entity')\n"
        f"BackfillJob('a', {first})\n"
        f"BackfillJob('b', {second}, opts=pulumi.ResourceOptions(provider=host))"
    )
    text = world.failing(operation)

    assert [shown.split(".")[0] for shown in told(text)] == [BESIDE]
    assert len(live(world)) <= 1
    assert "hidden-entity" not in text


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (
            "BackfillJob('a', type='RatePlanCharge')",
            "BackfillJob('a', type='RatePlanCharge', triggers=2)",
        ),
        ("BackfillJob('a', type='OrderLineItem')", "BackfillJob('a', type='RatePlanCharge')"),
        (
            "BackfillJob('a', type='OrderLineItem', opts=pulumi.ResourceOptions(parent=group))",
            "BackfillJob('a', type='OrderLineItem', opts=pulumi.ResourceOptions(parent=group))\n"
            "BackfillJob('a', type='RatePlanCharge')",
        ),
    ],
    ids=["failed, with other triggers", "of another type", "another one of the name"],
)
def test_a_job_in_state_does_not_hide_that_it_starts_again(
    world: World, before: str, now: str
) -> None:
    """It counts by its URN, and by what it asks for now."""
    group = f"{OTHER_HOST}group = pulumi.ComponentResource('acme:index:Group', 'group')\n"
    world.program(group + before)
    world.up()
    world.zuora.finish(world.job_ids()[0], "FAILED")
    world.stack.refresh()
    world.zuora.plan(Fault.SLOW, on=Operation.CREATE, seconds=2, times=2)
    second = "BackfillJob('b', type='RatePlanCharge', opts=pulumi.ResourceOptions(provider=host))"
    world.program(f"{group}{now}\n{second}")

    assert BESIDE in world.failing("preview")
    assert BESIDE in flat(world.failing())
    assert len(world.zuora.jobs) <= 2


@pytest.mark.parametrize("triggers", ["['b', 'a']", "{'n': [1, {'of': 'x'}]}", "[]", "None"])
def test_a_failed_job_that_is_left_as_it_is_keeps_no_other_from_starting(
    world: World, triggers: str
) -> None:
    """It starts nothing in this run, in whichever process the other one is."""
    failed = (
        f"{OTHER_HOST}BackfillJob('a', type='RatePlanCharge', triggers={triggers}, "
        "org_ids=('2', '1'))\n"
    )
    world.program(failed)
    world.up()
    world.zuora.finish(world.job_ids()[0], "FAILED")
    world.stack.refresh()
    world.program(
        f"{failed}"
        "BackfillJob('b', type='RatePlanCharge', opts=pulumi.ResourceOptions(provider=host))"
    )
    world.up()

    assert len(live(world)) == 2


def test_organisations_of_live_jobs_may_be_outputs_and_stand_in_any_order(world: World) -> None:
    """They are compared as they are sent, in whichever way they come."""
    host = "host = pulumi.ProviderResource('pulumi-python', 'host', {})\n"
    live_job = "BackfillJob('{}', type='RatePlanCharge', org_ids=[{}]{})\n"
    world.program(
        host
        + live_job.format("a", "pulumi.Output.from_input('x')", "")
        + live_job.format("b", "'z', 'y'", "")
        + live_job.format("c", "'y', 'z'", ", opts=pulumi.ResourceOptions(provider=host)")
    )
    (shown,) = told(world.failing("preview"))

    assert shown.startswith("Nothing was started: 'b' of this stack is a live RatePlanCharge")


def test_a_job_beside_a_verified_one_is_refused(world: World) -> None:
    """A component's live job counts like any other one."""
    world.program(
        "from pulumi_zuora_backfill import VerifiedBackfill\n"
        "BackfillJob('a', type='RatePlanCharge')\n"
        "VerifiedBackfill('b', type='RatePlanCharge', approval='auto')"
    )
    text = world.failing("preview")
    assert "is a live RatePlanCharge backfill that may reach the same entity" in text


@pytest.mark.slow
def test_live_jobs_of_other_types_and_entities_run_side_by_side(world: World) -> None:
    """The rule is for one type in one tenant, entity and organisations, where they are named."""
    world.program("""
        BackfillJob("charges", type="RatePlanCharge", entity_id="us")
        BackfillJob("lines", type="OrderLineItem")
        BackfillJob("one", type="RatePlanCharge", entity_id="eu", org_ids=["1", "2"])
        BackfillJob("two", type="RatePlanCharge", entity_id="eu", org_ids=["3"])
    """)
    world.up()
    assert len(live(world)) == 4


# --- the predecessor is what the engine shows


SUBCLASS = "class GoLive(BackfillJob): pass\n"
TRANSFORMED = """
def alias(args):
    opts = pulumi.ResourceOptions(aliases=[pulumi.Alias(name="charges")])
    merged = pulumi.ResourceOptions.merge(args.opts, opts)
    return pulumi.ResourceTransformationResult(args.props, merged) if args.name == "fees" else None
pulumi.runtime.register_stack_transformation(alias)
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            SUBCLASS + "GoLive('charges', type='RatePlanCharge', triggers=1)",
            SUBCLASS + "GoLive('charges', type='RatePlanCharge', triggers=2)",
        ),
        (
            "BackfillJob('charges', type='RatePlanCharge', triggers=1)",
            SUBCLASS + "GoLive('charges', type='RatePlanCharge', triggers=2)",
        ),
        (
            "BackfillJob('charges', type='RatePlanCharge', triggers=1)",
            "BackfillJob('fees', type='RatePlanCharge', triggers=2, opts=pulumi.ResourceOptions("
            "aliases=[pulumi.Alias(name='charges')]))",
        ),
        (
            "BackfillJob('charges', type='RatePlanCharge', triggers=1)",
            TRANSFORMED + "BackfillJob('fees', type='RatePlanCharge', triggers=2)",
        ),
    ],
    ids=["a subclass", "a subclass of before", "an alias", "an alias from a transformation"],
)
def test_a_running_live_job_is_not_replaced_whatever_hides_it(
    world: World, before: str, after: str
) -> None:
    """Preview and `up` say the same: it has to end first."""
    world.program(before)
    world.up()
    (job,) = live(world)
    world.program(after)

    assert f"The job before, {job} (last seen ACCEPTED), must have ended" in (
        world.stack.preview().stdout
    )
    (shown,) = told(world.failing())
    assert shown.startswith(f"Job {job} still runs (")
    assert "To keep this job, take the change back: state still has it." in shown
    assert live(world) == [job]


@pytest.mark.parametrize(
    "gone", [("history",), ("batchSize",), ("dryRun",), ("batchSize", "history", "type", "status")]
)
def test_a_state_that_was_edited_hides_no_running_job(world: World, gone: tuple[str, ...]) -> None:
    """What is missing in state is unknown.

    The job that runs still stands against its replacement.
    """
    job = running(world)
    world.edit_state("charges", lambda outputs: [outputs.pop(name, None) for name in gone])
    world.job('type="RatePlanCharge", triggers=2')
    text = world.failing()

    assert f"Job {job} still runs (" in text
    assert live(world) == [job]


@pytest.mark.real_engine  # EmbeddedStack has one layout only
def test_a_backend_of_the_legacy_layout_hides_no_running_job(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """A stack without organisation and project is known to the engine by its bare name."""
    legacy = {
        "PULUMI_SELF_MANAGED_STATE_LEGACY_LAYOUT": "true",
        "PULUMI_DIY_BACKEND_IGNORE_DEPRECATION_ERROR": "1",
    }
    world = World(engine, zuora, tmp_path, env=zuora.environment() | legacy)
    job = running(world)
    assert world.up().change_summary == {"same": 2}
    world.job('type="RatePlanCharge", triggers=2')
    assert f"Job {job} still runs (" in world.failing()
    world.zuora.finish(job)
    world.up(replace=[urn()])
    assert (len(live(world)), world.resource()["id"]) == (2, live(world)[1])


@pytest.mark.slow
def test_a_dry_run_that_was_renamed_is_stopped_for_its_replacement(world: World) -> None:
    """Nobody else holds it, although state still has it under its old name."""
    world.program("BackfillJob('charges', type='RatePlanCharge', dry_run=True, triggers=1)")
    world.up()
    world.program(
        TRANSFORMED + "BackfillJob('fees', type='RatePlanCharge', dry_run=True, triggers=2)"
    )
    (job,) = world.job_ids()

    assert f"The dry run before, {job} (last seen ACCEPTED), is stopped if it still runs." in (
        world.stack.preview().stdout
    )
    world.up()
    assert world.zuora.jobs[0].status == "STOPPED"
    assert world.resource("fees")["id"] == world.job_ids()[1]


# --- every declared argument arrives


EXCLUDED = [
    ("dry_run", "True", "dry_run=supplier.value"),
    ("entity_id", "'eu'", "dry_run=False, entity_id=supplier.value"),
    ("existing_job_id", "'j' * 32", "existing_job_id=supplier.value"),
    ("org_ids", "['o']", "org_ids=supplier.value"),
    ("org_ids", "'o'", "org_ids=[supplier.value]"),
    ("triggers", "1", "triggers=supplier.value"),
    ("triggers", "1", "triggers={'a': [supplier.value], 'b': 1}"),
    ("known_job_ids", "['k' * 32]", "known_job_ids=supplier.value"),
    ("known_job_ids", "'k' * 32", "known_job_ids=['j' * 32, supplier.value]"),
    ("on_delete", "'stop'", "on_delete=supplier.value"),
    ("guard", "'once'", "guard=supplier.value"),
]


@pytest.mark.parametrize(("name", "value", "arguments"), EXCLUDED)
def test_an_argument_whose_supplier_is_excluded_is_refused(
    world: World, name: str, value: str, arguments: str
) -> None:
    """The engine leaves out what is not known; no default is taken for it, and nothing is sent."""
    world.program(
        SUPPLIER.replace("VALUE", value)
        + f"BackfillJob('charges', type='RatePlanCharge', {arguments})"
    )
    text = world.failing(exclude=["**supplier"])

    assert (
        f"{name} is not known in this update: run `pulumi up` without --exclude or --target of the "
        "resource that supplies it" in text
    )
    assert world.asked() == {}
    assert world.job_ids() == []


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("dry_run", "dry_run=pulumi.Config().get_bool('unset')"),
        ("dry_run", "dry_run=pulumi.Output.from_input(None)"),
        ("existing_job_id", "existing_job_id=pulumi.Output.from_input(None)"),
        ("entity_id", "entity_id=pulumi.Output.from_input(None)"),
        ("org_ids", "org_ids=pulumi.Output.from_input(None)"),
        ("triggers", "triggers=pulumi.Output.from_input(None)"),
    ],
)
@pytest.mark.parametrize("operation", ["preview", "up"])
def test_a_null_is_not_taken_for_not_given(
    world: World, operation: str, name: str, argument: str
) -> None:
    """An unset value or a misspelt stack output must not mean LIVE, or another entity."""
    world.job(f'type="RatePlanCharge", {argument}')
    text = world.failing(operation)

    then = "set True or False" if name == "dry_run" else "give it a value, or leave it out"
    assert (
        f"{name} is declared but comes out as null (an unset configuration value, or an output "
        f"that does not exist): {then}" in text
    )
    assert_clean(text)
    assert world.asked() == {}


def test_a_live_job_beside_an_open_dry_run_is_no_dry_run(world: World) -> None:
    """The outcome of the dry run is not known, so it has no id: none is not the same as none."""
    world.job('type="OrderLineItem", dry_run=True', name="dry")
    world.zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE, times=99)
    world.failing()
    world.zuora.clear_plans()
    world.program(
        "BackfillJob('dry', type='OrderLineItem', dry_run=True)\n"
        "BackfillJob('charges', type='RatePlanCharge')"
    )
    world.up()

    assert [job.dry_run for job in world.zuora.jobs] == [True, False]


@pytest.mark.parametrize("kind", ["BackfillJob", "VerifiedBackfill"])
@pytest.mark.parametrize("option", ["deleted_with", "replace_with"])
def test_a_job_is_not_tied_to_the_replacements_of_another_resource(
    world: World, option: str, kind: str
) -> None:
    """It would run again although nobody changed it; a component hands the option down."""
    if not hasattr(pulumi.ResourceOptions(), option):
        pytest.skip(f"this SDK has no {option}")
    value = "other" if option == "deleted_with" else "[other]"
    world.program(
        "from pulumi_zuora_backfill import VerifiedBackfill\n"
        "other = BackfillJob('other', type='OrderLineItem', dry_run=True)\n"
        f"{kind}('charges', type='RatePlanCharge', "
        f"opts=pulumi.ResourceOptions({option}={value}))"
    )
    text = flat(world.failing("preview"))

    assert (
        f"{kind} 'charges': the option {option} is refused, as the job would run again with every "
        "replacement of the other resource. Use depends_on for the order." in text
    )
    assert world.asked() == {}


@pytest.mark.parametrize("kind", ["BackfillJob", "VerifiedBackfill", "BackfillCompletion"])
@pytest.mark.parametrize("option", ["id", "urn"])
def test_what_is_only_read_is_no_declaration(world: World, option: str, kind: str) -> None:
    """State would hold a job of somebody else's as one that this resource has started."""
    given = "job_ids=['0' * 32]" if kind == "BackfillCompletion" else "type='RatePlanCharge'"
    world.program(
        "from pulumi_zuora_backfill import BackfillCompletion, VerifiedBackfill\n"
        f"{kind}('charges', {given}, opts=pulumi.ResourceOptions({option}='{'0' * 32}'))"
    )
    text = flat(world.failing("preview"))

    assert f"{kind} 'charges': the option {option} is refused, as it declares no {kind}." in text
    assert "To look a job up, use BackfillJob.get." in text
    assert world.asked() == {}


@pytest.mark.parametrize("kind", ["BackfillJob", "VerifiedBackfill"])
def test_an_attempt_is_not_forgotten_by_an_option(world: World, kind: str) -> None:
    """With `retain_on_delete` Pulumi asks no provider, which alone knows what to say."""
    world.program(
        "from pulumi_zuora_backfill import VerifiedBackfill\n"
        f"{kind}('charges', type='RatePlanCharge', "
        "opts=pulumi.ResourceOptions(retain_on_delete=True))"
    )
    text = flat(world.failing("preview"))

    assert (
        f"{kind} 'charges': the option retain_on_delete is refused, as Pulumi would then forget a "
        'start whose outcome is not known. Use on_delete="leave"' in text
    )
    assert world.asked() == {}


@pytest.mark.parametrize(
    ("triggers", "where"),
    [
        ("{'release': pulumi.Config().get('unset')}", "triggers['release']"),
        ("{'release': pulumi.Output.from_input(None)}", "triggers['release']"),
        ("pulumi.Output.from_input({'of': [{'release': None}]})", "triggers['of'][0]['release']"),
    ],
)
def test_a_null_inside_of_the_triggers_is_refused(world: World, triggers: str, where: str) -> None:
    """The SDK drops it, and without it the triggers would ask for another run."""
    world.job(f'type="RatePlanCharge", triggers={triggers}')
    text = world.failing("preview")

    assert (
        f"{where} is null (an unset configuration value, or an output that does not exist): give "
        "it a value, or leave it out" in text
    )
    assert_clean(text)
    assert world.asked() == {}


def test_a_plain_none_is_not_given(world: World) -> None:
    """As in any Python interface; only `dry_run` has no such value."""
    world.job('type="RatePlanCharge", entity_id=None, org_ids=None, triggers=None, guard=None')
    world.up()
    assert len(live(world)) == 1


# --- the gate is proven by outputs


@pytest.mark.slow
@pytest.mark.parametrize("approval", ["auto", "the dry run"])
def test_a_failed_dry_run_stays_shut_when_its_completion_is_excluded(
    world: World, approval: str
) -> None:
    """Nothing shows that it has completed, so the live job is refused."""
    world.zuora.on_answer = lambda request: (
        world.zuora.finish(request.job_id, "FAILED") if request.job_id else None
    )
    world.program(VERIFIED.format(approval="wait", triggers=1))
    world.failing()
    (dry,) = world.job_ids()
    world.program(VERIFIED.format(approval=approval.replace("the dry run", dry), triggers=1))
    text = world.failing(exclude=["**x-dry-run-done"])

    assert "The live job of 'x' was not started:" in text or "without --exclude" in text
    assert live(world) == []


@pytest.mark.parametrize("approval", ["auto", "a" * 32])
@pytest.mark.parametrize("exclude", [["**x-dry-run", "**x-dry-run-done"], ["**x-dry-run-done"]])
def test_no_approval_stands_for_a_dry_run_that_is_excluded(
    world: World, approval: str, exclude: list[str]
) -> None:
    """A first `up` without dry run or completion starts no live job, whatever approves it."""
    world.program(VERIFIED.format(approval=approval, triggers=1))
    text = world.failing(exclude=exclude)

    assert "was not started" in text or "Nothing was sent" in text or "is not known" in text
    assert live(world) == []


@pytest.mark.parametrize("exclude", [["**x-dry-run", "**x-dry-run-done"], ["**x-dry-run-done"]])
def test_the_dry_run_of_other_triggers_opens_no_gate(world: World, exclude: list[str]) -> None:
    """What completed was another backfill: outputs say which."""
    world.zuora.on_answer = lambda request: (
        world.zuora.finish(request.job_id) if request.job_id else None
    )
    world.program(VERIFIED.format(approval="auto", triggers=1))
    world.up()
    (first,) = live(world)
    world.program(VERIFIED.format(approval="auto", triggers=2))
    text = world.failing(exclude=exclude)

    assert "The live job of 'x' was not started:" in text
    assert live(world) == [first]


# --- settings that the program sees, and the provider does not


@pytest.mark.parametrize(("setting", "value"), [("tenantId", "777"), ("entityIds", "eu")])
@pytest.mark.parametrize("operation", ["preview", "up"])
def test_settings_that_do_not_reach_an_explicit_provider_are_refused(
    world: World, operation: str, setting: str, value: str
) -> None:
    """The engine gives them to default providers only.

    Nothing is sent, and both ways on are named.
    """
    variable = {"tenantId": "ZUORA_TENANT_ID", "entityIds": "ZUORA_ENTITY_IDS"}[setting]
    world.stack.set_config(f"zuora:{setting}", value)
    world.job(f'type="RatePlanCharge", opts=pulumi.ResourceOptions({HOST.format(inputs="{}")})')
    text = world.failing(operation)

    assert told(text) == [
        f"Nothing was sent: zuora:{setting} of the stack's configuration does not reach this "
        "resource, as Pulumi gives the stack's configuration to default providers only. Give it to "
        f'the provider too: pulumi.ProviderResource("pulumi-python", …, {{"zuora:{setting}": '
        '"…"}), '
        f"or export {variable}."
    ]
    assert world.asked() == {}


def test_disabled_default_providers_hide_no_settings(world: World) -> None:
    """They force an explicit provider; what it does not get is refused just so."""
    world.stack.set_config("zuora:tenantId", "777")
    world.stack.set_config("pulumi:disable-default-providers", '["*"]')
    world.job(f'type="RatePlanCharge", opts=pulumi.ResourceOptions({HOST.format(inputs="{}")})')
    assert "zuora:tenantId of the stack's configuration does not reach this" in world.failing()
    assert world.asked() == {}


# --- one tenant for a stack


@pytest.mark.parametrize("kind", ["tenant", "address"])
def test_a_new_job_beside_those_of_another_tenant_is_refused(
    engine: type[Any], zuora: Sandbox, tmp_path: Path, kind: str
) -> None:
    """Whether or not the new job has a predecessor, the stack's jobs say where it belongs."""
    world = World(engine, zuora, tmp_path)
    job = running(world)
    if kind == "tenant":
        world.edit_state("charges", lambda outputs: outputs.update(tenantId="1"))
        expected = "tenant 1, but the new job would run in tenant 10042."
        asked = {"token": 1}
    else:
        world.edit_state(
            "charges", lambda outputs: outputs.update(baseUrl="https://rest.zuora.com")
        )
        expected = f"https://rest.zuora.com, but the settings say {zuora.base_url}."
        asked = {}
    world.program(
        "BackfillJob('charges', type='RatePlanCharge'); BackfillJob('lines', type='OrderLineItem')"
    )
    text = world.failing()

    (shown,) = told(text)
    assert shown == (
        f"Nothing was sent: job {job} in state belongs to {expected} Set base URL, tenant and "
        "entity back (environment or zuora:* configuration). For another tenant, use another stack."
    )
    assert world.asked() == asked
    assert live(world) == [job]


# --- options do what they say


@pytest.mark.slow
def test_options_take_python_names(world: World) -> None:
    """`ignore_changes` keeps a dry run dry; `additional_secret_outputs` encrypts."""
    world.job('type="RatePlanCharge", dry_run=True')
    world.up()
    (dry,) = world.job_ids()
    world.job(
        'type="RatePlanCharge", dry_run=False, opts=pulumi.ResourceOptions('
        'ignore_changes=["dry_run"], additional_secret_outputs=["zuora_user", "jobId"])'
    )
    world.up()

    assert (world.job_ids(), live(world)) == ([dry], [])
    outputs = world.resource()["outputs"]
    assert all(isinstance(outputs[name], dict) for name in ("zuoraUser", "jobId"))
    assert outputs["dryRun"] is True


@pytest.mark.parametrize("on", [Operation.CREATE, Operation.TOKEN])
def test_custom_timeouts_bound_the_start(world: World, on: Operation) -> None:
    """All attempts of a start share the limit; what had no answer by then is said."""
    world.zuora.plan(Fault.CONNECTION_DROPPED_BEFORE, on=on, times=999)
    world.job(
        'type="RatePlanCharge", '
        'opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="1s"))'
    )
    text = world.failing()

    assert "It is not known whether" in text or "Could not get a token" in text
    assert live(world) == []


@pytest.mark.slow
def test_custom_timeouts_bound_the_wait_for_a_stop(world: World) -> None:
    """A stop that takes longer fails, and names the line that waits longer.

    The job stays in state.
    """
    world.zuora.behaviours.stop_takes_s = 3600
    world.job(
        'type="RatePlanCharge", dry_run=True, '
        'opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete="1s"))'
    )
    world.up()
    text = world.failing("destroy")

    (job,) = world.job_ids()
    assert f"Job {job} was asked to stop but is still " in text
    assert " after 1 s. The resource stays in the state. Run the same command again" in flat(text)
    assert world.resource()["id"] == job


# --- answers that are lost, saved, or without a date


def test_an_answer_that_is_lost_behind_a_proxy_is_not_told_as_kept_back(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """The tunnel stood and the request went through it.

    The outcome is open, and the next `up` has the job.
    """
    lost = [True]
    with tunnel_to(
        zuora, tmp_path, lambda request: lost[0] and b"Idempotency-Key" in request
    ) as env:
        world = World(engine, zuora, tmp_path, env=env | {"ZUORA_CALL_TIMEOUT": "2"})
        world.job()
        (shown,) = told(world.failing())
        assert shown.startswith("It is not known whether the RatePlanCharge backfill was started.")
        assert "let the request through" not in shown
        (job,) = live(world)
        lost[0] = False
        world.up()
        assert (live(world), world.resource()["outputs"]["jobId"]) == ([job], job)


@pytest.mark.slow
def test_two_pipelines_after_a_saved_refusal_start_one_job(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """The key after a refusal is derived from it, so both send the same one: one job."""
    zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, status=403, code="58730010")
    worlds = [World(engine, zuora, tmp_path / name) for name in "ab"]
    for world in worlds:
        world.job()
    assert_one_job_for_all(worlds)


def test_a_lost_job_is_found_behind_a_long_wait(engine: type[Any], tmp_path: Path) -> None:
    """Its key has gone meanwhile.

    A list that was read before the wait is not believed, and the guard names the job.
    """
    with Sandbox() as zuora:
        world = World(
            engine, zuora, tmp_path, env=zuora.environment() | {"ZUORA_CALL_TIMEOUT": "1"}
        )
        zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE, times=99)
        world.job()
        world.failing()
        zuora.clear_plans()
        (job,) = live(world)
        zuora.clock.advance(22.6 * 3600)
        world.program("""
            from pulumi_zuora_backfill import BackfillCompletion
            lines = BackfillJob("lines", type="OrderLineItem")
            done = BackfillCompletion("done", job_ids=[lines.job_id], timeout="9h")
            opts = pulumi.ResourceOptions(depends_on=[done])
            BackfillJob("charges", type="RatePlanCharge", opts=opts)
        """)

        def finish_late(request: Any) -> None:
            if request.operation is Operation.GET and zuora.count(Operation.GET) == 2:
                zuora.clock.advance(3 * 3600)
                zuora.finish(request.job_id or zuora.jobs[-1].id)

        zuora.on_request = finish_late
        text = world.failing()

        assert (
            f'To take it over instead, if it was no dry run, add\n      existing_job_id="{job}"'
            in text
        )
        assert [found.id for found in zuora.jobs if found.type == "RatePlanCharge"] == [job]


@pytest.mark.slow
def test_a_job_without_a_date_ends_as_the_advice_says(
    engine: type[Any], zuora: Sandbox, tmp_path: Path
) -> None:
    """If Zuora tells no time, what is printed after a lost answer works all the same.

    It starts nothing more.
    """
    world = World(engine, zuora, tmp_path, env=zuora.environment() | {"ZUORA_CALL_TIMEOUT": "1"})
    zuora.behaviours.sends_date = False
    zuora.plan(Fault.CONNECTION_DROPPED_AFTER, on=Operation.CREATE, times=99)
    world.job()
    text = world.failing()
    zuora.clear_plans()
    (job,) = live(world)
    (shown,) = told(text)
    assert shown.startswith("It is not known whether the RatePlanCharge backfill was started.")
    assert "Zuora's answers tell no time" in shown
    assert shown.endswith(
        "Run `pulumi up` again: the guard looks first: if the job is there, it prints the line "
        "that takes it over. If there is none, it starts the job."
    )
    assert "`pulumi up` asks Zuora first" in world.stack.preview().stdout
    line = f'existing_job_id="{job}"'
    assert line in world.failing()
    world.job(f'type="RatePlanCharge", {line}')
    world.up()
    assert world.resource()["outputs"]["jobId"] == job
    assert live(world) == [job]


# --- replaced, stopped, cancelled, destroyed


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_job_that_another_resource_holds_is_not_stopped(
    world: World, earlier: bool, order: str
) -> None:
    """Whichever comes first in the program, and since whenever.

    With new triggers its replacement is refused.
    """
    job = running(world, 'type="RatePlanCharge", on_delete="stop"')
    lines = {
        "a": 'BackfillJob("charges", type="RatePlanCharge", on_delete="stop"{})',
        "b": f'BackfillJob("b", type="RatePlanCharge", existing_job_id="{job}")',
    }
    if earlier:
        world.program("\n".join(lines[name].format("") for name in order))
        world.up()
    world.program("\n".join(lines[name].format(", triggers=2") for name in order))
    text = world.failing()

    assert "stop" not in world.asked()
    assert live(world) == [job]
    assert world.zuora.jobs[0].status in ("ACCEPTED", "PROCESSING")
    assert f"Job {job} still runs (" in text or "held by 'b'" in text


@pytest.mark.slow
@pytest.mark.parametrize("on", [Operation.TOKEN, Operation.LIST])
def test_nothing_is_started_after_a_cancellation(world: World, on: Operation) -> None:
    """Ctrl-C while an answer before the start is slow: no job, and the next `up` starts one."""
    world.zuora.plan(Fault.HANG, on=on)
    world.job()
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(world.failing()))
    thread.start()
    world.zuora.wait_until_held()
    interrupt(world)
    thread.join(60)
    assert not thread.is_alive()
    world.zuora.release()

    assert live(world) == []
    release_lock(world)
    world.up()
    assert live(world) == [world.resource()["id"]]


def finished_gate(world: World) -> tuple[str, str]:
    """Deploy a verified backfill whose two jobs have completed."""
    world.zuora.on_answer = lambda request: (
        world.zuora.finish(request.job_id) if request.job_id else None
    )
    world.program(VERIFIED.format(approval="auto", triggers=1))
    world.up()
    dry, job = world.job_ids()
    return dry, job


@pytest.mark.parametrize("gone", ["the tenant", "the settings"])
def test_a_finished_backfill_can_be_destroyed_without_zuora(
    engine: type[Any], zuora: Sandbox, tmp_path: Path, gone: str
) -> None:
    """State knows that both jobs have ended, so nobody is asked."""
    world = World(engine, zuora, tmp_path, env={})
    world.configure()
    finished_gate(world)
    if gone == "the tenant":
        zuora.stop()
    else:
        world.stack.set_config("zuora:clientSecret", "")
        world.stack.set_config("zuora:baseUrl", "")
    world.stack.destroy()

    assert [r for r in world.stack.state["resources"] if TYPE in r["urn"]] == []


@pytest.mark.slow
def test_a_job_that_cannot_be_stopped_is_taken_out_of_the_state_by_the_line_that_is_printed(
    engine: type[Any], tmp_path: Path
) -> None:
    """Zuora is gone: the error names `pulumi state delete` with the URN."""
    with Sandbox() as zuora:
        env = zuora.environment() | {"ZUORA_CALL_TIMEOUT": "1"}
        world = World(engine, zuora, tmp_path, env=env)
        world.job('type="RatePlanCharge", dry_run=True')
        world.up()
        zuora.stop()
        text = world.failing("destroy")

        assert (
            "If the tenant or the job is gone, remove the resource from the state: pulumi state "
            f"delete '{urn()}'" in flat(text)
        )


@pytest.mark.slow
def test_a_live_job_does_not_hide_behind_a_dry_run_of_its_resource(world: World) -> None:
    """Live, then dry: another resource is refused, and going live again is told as a second run."""
    first = running(world)
    world.zuora.finish(first)
    world.job('type="RatePlanCharge", dry_run=True')
    world.up()
    both = 'BackfillJob("charges", type="RatePlanCharge", dry_run=True)'
    world.program(f'{both}; BackfillJob("second", type="RatePlanCharge")')
    assert first in world.failing()
    assert live(world) == [first]

    world.job()
    shown = told(world.stack.preview().stdout, "warning")
    assert shown[0].startswith("SECOND LIVE RUN of 'charges' (dry_run changed)")


@pytest.mark.slow
def test_a_job_that_a_dry_run_takes_over_may_be_live(world: World) -> None:
    """Zuora does not tell dry runs apart: a job from elsewhere counts against a live one."""
    job = world.zuora.add_job(status="COMPLETED", age_s=3 * 86400).id
    look = f'BackfillJob("look", type="RatePlanCharge", dry_run=True, existing_job_id="{job}")'
    world.program(look)
    world.up()
    world.program(f'{look}; BackfillJob("charges", type="RatePlanCharge")')

    assert job in world.failing()
    assert world.job_ids() == [job]


@pytest.mark.slow
def test_a_state_without_history_hands_no_old_job_out(world: World) -> None:
    """There and back again, from a state that does not say which jobs there were.

    No old job passes for the new one.
    """
    world.job('type="RatePlanCharge", triggers=1')
    world.up()
    (first,) = live(world)
    world.zuora.finish(first)
    world.job('type="RatePlanCharge", triggers=2')
    world.up()
    second = live(world)[1]
    world.zuora.finish(second)
    world.edit_state("charges", lambda outputs: outputs.pop("history"))
    world.job('type="RatePlanCharge", triggers=1')
    text = world.failing()

    assert first in text
    assert live(world) == [first, second]


def test_a_reason_writes_nothing_to_a_terminal_but_text(world: World) -> None:
    """Control characters are taken out, and the line stays whole."""
    world.job(r'type="RatePlanCharge", reason="REV\x1b[2K\x1b[1A\r-7"')
    text = world.stack.preview().stdout

    assert "\x1b" not in text
    assert "Reason: REV" in text
