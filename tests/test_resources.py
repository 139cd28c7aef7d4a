"""What a resource finds out in the program's process.

Its URN, its aliases, and what the stack's state holds.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import json
from collections import UserList
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from pulumi_zuora_backfill import BackfillCompletion, BackfillJob, VerifiedBackfill
from pulumi_zuora_backfill.errors import InputError
from pulumi_zuora_backfill.job.inputs import CHECKS
from pulumi_zuora_backfill.program import state_reader
from pulumi_zuora_backfill.properties import (
    CUSTOM_TIMEOUTS,
    INPUTS,
    OUTPUTS,
    TYPE_TOKEN,
    WIRE_NAMES,
)

STACK, PROJECT = "dev", "acme"
JOB = "j" * 32
NO_IMPORT = (
    "'charges': the option import_ is refused, as Pulumi cannot import dynamic resources.\n"
    f'To take over a job, declare a BackfillJob with\n  existing_job_id="{JOB}"'
)
NOTHING = {"predecessor": {}, "jobs": "[]"}
OLD = f"urn:pulumi:{STACK}::{PROJECT}::{TYPE_TOKEN}::old"


class State(mocks.Mocks):
    """The engine's side: answers from a state, and keeps what was asked and registered."""

    def __init__(self, resources: Any, failures: int = 0) -> None:
        """Take the resources of the state, or ``None`` to fail, and how many reads fail first."""
        self.resources = resources
        self.failures = failures
        self.reads = 0
        self.inputs: dict[str, dict[str, Any]] = {}

    def call(self, args: mocks.MockCallArgs) -> Any:
        """Answer the one invoke that is used."""
        assert args.token == "pulumi:pulumi:readStackResourceOutputs"
        assert args.args["stackName"] in (f"organization/{PROJECT}/{STACK}", STACK)
        self.reads += 1
        if self.resources is None:
            return {}, [("stackName", "no backend client is available")]
        if self.reads <= self.failures:
            return {}, [("stackName", "failed to load checkpoint: EOF")]
        return {"outputs": self.resources}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Keep the inputs."""
        self.inputs[args.name] = dict(args.inputs)
        return "id", dict(args.inputs)


def run(state: State, program: Any) -> dict[str, dict[str, Any]]:
    """Run a program against a state, as a run of its own; return the registered inputs."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        mocks.set_mocks(
            state, project=PROJECT, stack=STACK, preview=False, organization="organization"
        )

        async def whole() -> None:
            """Run the program and wait for what it registered."""
            program()
            await pulumi.runtime.stack.wait_for_rpcs()

        loop.run_until_complete(whole())
    finally:
        loop.close()
        gc.collect()  # what the mocked runtime leaves behind goes here, not within another test
    return state.inputs


def job(id: str, **outputs: Any) -> dict[str, Any]:
    """Return a job as `readStackResourceOutputs` does."""
    return {
        "type": TYPE_TOKEN,
        "id": id,
        "outputs": {"jobId": id, "status": "COMPLETED", "batchSize": 1000, **outputs},
    }


def test_state_is_read_once_per_run_and_anew_in_the_next() -> None:
    """Three jobs in one run cost one read.

    A second run in the same process reads again and sees the new state.
    """

    def program() -> None:
        for name in ("old", "new", "third"):
            BackfillJob(name, type="RatePlanCharge")

    first, second = (
        State({}),
        State(
            {
                OLD: job("j" * 32, type="RatePlanCharge", reason="not kept"),
                "urn:pulumi:dev::acme::other:index:Thing::x": {"outputs": {"jobId": "z" * 32}},
            }
        ),
    )
    assert run(first, program)["old"]["past"] == {
        "predecessor": {},
        "jobs": "[]",
        "urns": [OLD],
    }
    inputs = run(second, program)

    assert (first.reads, second.reads) == (1, 1)
    held = {"jobId": "j" * 32, "status": "COMPLETED", "type": "RatePlanCharge"}
    told = {"dryRun": False, **held}  # nothing says that the resource started it as a dry run
    jobs = json.dumps([[OLD, told, []]], separators=(",", ":"))
    assert inputs["old"]["past"] == {"predecessor": held, "jobs": jobs, "urns": [OLD]}
    assert inputs["new"]["past"] == {
        "predecessor": {},
        "jobs": jobs,
        "urns": [OLD.replace("old", "new")],
    }


def test_the_stack_s_jobs_are_told_in_one_order_whichever_way_state_comes() -> None:
    """An update plan compares what a preview and the update saw.

    A dry run's earlier jobs count too.
    """
    live = {"dryRun": False, "type": "RatePlanCharge", "effectiveEntityId": "e"}
    earlier = [
        {"intentKey": "k", "jobId": "b" * 32},
        {"intentKey": "k", "jobId": "c" * 32, "dryRun": True},
        {"intentKey": "k", "jobId": "d" * 32, "dryRun": True},
    ]
    state = {
        f"{OLD}-live": job("a" * 32, **live),
        f"{OLD}-dry": job("d" * 32, dryRun=True, history=earlier),
    }
    seen = [
        run(State(dict(resources)), lambda: BackfillJob("new", type="RatePlanCharge"))["new"][
            "past"
        ]["jobs"]
        for resources in (state.items(), reversed(state.items()))
    ]

    assert seen[0] == seen[1]
    assert json.loads(seen[0]) == [
        [f"{OLD}-dry", {"jobId": "d" * 32, "status": "COMPLETED", "dryRun": True}, ["c" * 32]],
        [f"{OLD}-live", {"jobId": "a" * 32, "status": "COMPLETED", **live}, []],
    ]


def test_an_alias_leads_to_the_predecessor() -> None:
    """A renamed job finds what stands under its old name."""
    state = State({OLD: job("j" * 32)})
    inputs = run(
        state,
        lambda: BackfillJob(
            "new",
            type="RatePlanCharge",
            opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="old")]),
        ),
    )

    assert inputs["new"]["past"]["predecessor"] == {"jobId": "j" * 32, "status": "COMPLETED"}
    assert inputs["new"]["past"]["formerUrn"] == OLD


def test_a_read_that_meets_the_engines_own_writing_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A backend in files cannot be read at the moment when the engine writes to it.

    A moment later it can, and nothing is said.
    """
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    monkeypatch.setattr(state_reader, "_PAUSES_S", (0, 0, 0))
    state = State({OLD: job("j" * 32)}, failures=3)
    inputs = run(
        state, lambda: [BackfillJob(name, type="RatePlanCharge") for name in ("old", "new")]
    )

    assert inputs["old"]["past"]["predecessor"] == {"jobId": "j" * 32, "status": "COMPLETED"}
    assert (state.reads, said) == (4, [])


def test_a_state_that_cannot_be_read_is_unknown_and_not_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider is told why; it is asked for by the stack's full and by its bare name."""
    monkeypatch.setattr(state_reader, "_PAUSES_S", (0, 0, 0))
    state = State(None)
    inputs = run(state, lambda: [BackfillJob(name, type="RatePlanCharge") for name in "ab"])

    told = [inputs[name]["past"] for name in "ab"]
    assert told[0] == told[1]
    assert list(told[0]) == ["unreadable"] and told[0]["unreadable"]
    assert state.reads == 7


def test_secrets_are_named_for_the_provider() -> None:
    """The provider does not see what is secret, so the program tells it.

    What is made of secret triggers is secret too, and no secret is shown in a fault.
    """

    def program() -> None:
        secret = pulumi.Output.secret("x")
        BackfillJob(
            "plain", type="RatePlanCharge", triggers=1, reason=pulumi.Output.from_input("x")
        )
        BackfillJob("secret", type="RatePlanCharge", triggers=secret, reason=secret)
        BackfillJob(
            "nested", type="RatePlanCharge", triggers={"a": [secret]}, known_job_ids=[secret]
        )

    inputs = run(State({}), program)

    assert {name: value["identity"]["secrets"] for name, value in inputs.items()} == {
        "plain": [],
        "secret": ["triggers", "reason"],
        "nested": ["triggers", "knownJobIds"],
    }


def test_coroutines_are_inputs_like_any_others() -> None:
    """They can be awaited only once, and are looked at for secrets before they are registered.

    A component gives them to several resources.
    """

    async def told(value: Any) -> Any:
        """Return what it was given, once."""
        return value

    def program() -> None:
        BackfillJob(
            "job",
            type="RatePlanCharge",
            reason=told("x"),
            triggers=told([told(1), {"a": told("y")}]),
        )
        BackfillJob("listed", type="RatePlanCharge", triggers=UserList([pulumi.Output.secret(1)]))
        VerifiedBackfill(
            "both",
            type=told("OrderLineItem"),
            triggers=told("z"),
            reason=told("w"),
            approval="auto",
        )

    inputs = run(State({}), program)

    assert (inputs["job"]["reason"], inputs["job"]["triggers"]) == ("x", [1, {"a": "y"}])
    assert inputs["listed"]["identity"]["secrets"] == ["triggers"]
    assert [
        (inputs[name]["type"], inputs[name]["triggers"], inputs[name]["reason"])
        for name in ("both", "both-dry-run")
    ] == [("OrderLineItem", "z", "w")] * 2


IMPORTED = pulumi.ResourceOptions(import_=JOB)


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        (
            lambda: BackfillJob(
                "charges",
                type="RatePlanCharge",
                opts=pulumi.ResourceOptions(delete_before_replace=False),
            ),
            "BackfillJob 'charges': delete_before_replace=False is refused.\n"
            "Remove the option: a job has to end before the one that replaces it starts.",
        ),
        (
            lambda: BackfillJob(
                "charges",
                type="RatePlanCharge",
                opts=pulumi.ResourceOptions(replace_on_changes=["reason"]),
            ),
            "BackfillJob 'charges': the option replace_on_changes is refused, as Pulumi ignores it "
            "for dynamic resources.\n"
            "Put what should start another job into triggers instead.",
        ),
        (
            lambda: VerifiedBackfill("charges", type="RatePlanCharge", approval="yes"),
            'VerifiedBackfill \'charges\': approval must be "wait", "auto" or the job id of '
            "the dry run (32 characters), not 'yes'.\n"
            "Nothing was declared.",
        ),
        (
            lambda: BackfillJob(
                "charges",
                type="RatePlanCharge",
                triggers={"go_live": [datetime(2026, 12, 1)], "salt": b"x", 7: "x"},
            ),
            "BackfillJob 'charges': triggers['go_live'][0] is of type datetime; triggers['salt'] "
            "is of type bytes; triggers has a key of type int, which "
            "Pulumi cannot carry as JSON.\nWrite it as a string, a number, a list or a dictionary.",
        ),
        (
            lambda: BackfillJob(
                "charges", type="RatePlanCharge", triggers=[-(2**1024)], reason="\ud83d"
            ),
            "BackfillJob 'charges': triggers[0] is a number too large for Pulumi; "
            "reason contains half of a surrogate pair, which Pulumi cannot carry as JSON.\n"
            "Write it as a string, a number, a list or a dictionary.",
        ),
        (
            lambda: BackfillCompletion("charges", job_ids=[JOB], timeout=timedelta(hours=2)),  # type: ignore[arg-type]  # what is refused
            "BackfillCompletion 'charges': timeout is of type timedelta, which Pulumi cannot carry "
            "as JSON.\n"
            "Write it as a string, a number, a list or a dictionary.",
        ),
        (
            lambda: BackfillJob("charges", type="RatePlanCharge", opts=IMPORTED),
            f"BackfillJob {NO_IMPORT}",
        ),
        (lambda: BackfillJob.get("charges", JOB, opts=IMPORTED), f"BackfillJob {NO_IMPORT}"),
        (
            lambda: BackfillCompletion("charges", job_ids=[JOB], opts=IMPORTED),
            f"BackfillCompletion {NO_IMPORT}",
        ),
        (
            lambda: VerifiedBackfill("charges", type="RatePlanCharge", opts=IMPORTED),
            f"VerifiedBackfill {NO_IMPORT}",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_where_it_is_written(
    declare: Callable[[], Any], text: str
) -> None:
    """The error comes from the program's own line, before anything is declared.

    It is of the kind that Pulumi prints as one line.
    """
    with pytest.raises(InputError) as error:
        declare()

    assert str(error.value) == text
    assert isinstance(error.value, pulumi.RunError)


@pytest.mark.parametrize(
    ("config", "secret_keys", "warnings"),
    [
        ({"zuora:clientSecret": "hunter2"}, [], 1),
        ({"zuora:clientSecret": "hunter2"}, ["zuora:clientSecret"], 0),
        ({"zuora:clientId": "id"}, [], 0),
    ],
)
def test_a_client_secret_in_plain_text_is_warned_of_once_a_run(
    config: dict[str, str], secret_keys: list[str], warnings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a program declares, each run says once how to set the secret, and never the secret.

    Where it is one, or is not there, nothing is said.
    """
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)

    def program() -> None:
        """Declare a component of jobs and completions, under a configuration."""
        pulumi.runtime.set_all_config(config, secret_keys)
        VerifiedBackfill("charges", type="RatePlanCharge")

    for _ in range(2):
        run(State({}), program)

    assert said == 2 * warnings * [
        "zuora:clientSecret is in plain text in the stack's configuration: remove it, and export "
        "ZUORA_CLIENT_SECRET=… or run `pulumi config set --secret zuora:clientSecret …`.\n"
        "If others may have read it, give the OAuth client a new secret."
    ]


def test_every_argument_is_everywhere_where_arguments_are() -> None:
    """One that is missing somewhere would be dropped, refused, or unknown to type checkers."""
    tree = ast.parse(Path(str(inspect.getsourcefile(BackfillJob))).read_text())
    (job,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "BackfillJob"]
    typed = {
        node.target.id
        for node in ast.walk(job)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    arguments = set(inspect.signature(BackfillJob.__init__).parameters)
    arguments -= {"self", "resource_name", "opts"}

    assert arguments == set(INPUTS)
    assert {WIRE_NAMES[name] for name in arguments} == set(CHECKS) - {CUSTOM_TIMEOUTS}
    assert typed == {*INPUTS, *OUTPUTS}
