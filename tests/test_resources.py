"""What a resource finds out in the program's process: its URN, its aliases, and what the stack's state holds."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from pulumi_zuora_backfill import BackfillJob
from pulumi_zuora_backfill.errors import InputError
from pulumi_zuora_backfill.past import TYPE_TOKEN, Past

STACK, PROJECT = "dev", "acme"
OLD = f"urn:pulumi:{STACK}::{PROJECT}::{TYPE_TOKEN}::old"


class State(mocks.Mocks):
    """The engine's side: answers from a state, and keeps what was asked and registered."""

    def __init__(self, resources: Any) -> None:
        """Take the resources of the state, or ``None`` to fail."""
        self.resources = resources
        self.reads = 0
        self.inputs: dict[str, dict[str, Any]] = {}

    def call(self, args: mocks.MockCallArgs) -> Any:
        """Answer the one invoke that is used."""
        assert args.token == "pulumi:pulumi:readStackResourceOutputs"
        assert args.args == {"stackName": f"organization/{PROJECT}/{STACK}"}
        self.reads += 1
        if self.resources is None:
            return {}, [("stackName", "no backend client is available")]
        return {"outputs": self.resources}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Keep the inputs."""
        self.inputs[args.name] = dict(args.inputs)
        return "id", dict(args.inputs)


def run(state: State, program: Any) -> dict[str, dict[str, Any]]:
    """Run a program against a state, as one run of its own, and return the inputs that were registered."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        mocks.set_mocks(state, project=PROJECT, stack=STACK, preview=False, organization="organization")

        async def whole() -> None:
            """Run the program and wait for what it registered."""
            program()
            await pulumi.runtime.stack.wait_for_rpcs()

        loop.run_until_complete(whole())
    finally:
        loop.close()
        gc.collect()  # what the mocked runtime leaves behind goes here, not in the middle of another test
    return state.inputs


def job(id: str, **outputs: Any) -> dict[str, Any]:
    """Return a job as `readStackResourceOutputs` does."""
    return {"type": TYPE_TOKEN, "id": id, "outputs": {"jobId": id, "status": "COMPLETED", "batchSize": 1000, **outputs}}


def test_state_is_read_once_per_run_and_anew_in_the_next() -> None:
    """Three jobs in one run cost one read; a second run in the same process reads again and sees the new state."""

    def program() -> None:
        for name in ("old", "new", "third"):
            BackfillJob(name, type="RatePlanCharge")

    first, second = (
        State({}),
        State(
            {
                OLD: job("j" * 32, reason="not kept"),
                "urn:pulumi:dev::acme::other:index:Thing::x": {"outputs": {"jobId": "z" * 32}},
            }
        ),
    )
    assert run(first, program)["old"]["past"] == {"predecessor": {}, "jobIds": ""}
    inputs = run(second, program)

    assert (first.reads, second.reads) == (1, 1)
    assert inputs["old"]["past"] == {"predecessor": {"jobId": "j" * 32, "status": "COMPLETED"}, "jobIds": "j" * 32}
    assert inputs["new"]["past"] == {"predecessor": {}, "jobIds": "j" * 32}


def test_an_alias_leads_to_the_predecessor() -> None:
    """A renamed job finds what stands under its old name."""
    state = State({OLD: job("j" * 32)})
    inputs = run(
        state,
        lambda: BackfillJob(
            "new", type="RatePlanCharge", opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="old")])
        ),
    )

    assert inputs["new"]["past"]["predecessor"] == {"jobId": "j" * 32, "status": "COMPLETED"}


def test_a_state_that_cannot_be_read_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an answer nothing is known; the program goes on and says so in one warning."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    inputs = run(State(None), lambda: [BackfillJob(name, type="RatePlanCharge") for name in "ab"])

    assert [inputs[name]["past"] for name in "ab"] == [{"predecessor": {}, "jobIds": ""}] * 2
    assert len(said) == 1
    assert said[0].startswith(f"The state of stack organization/{PROJECT}/{STACK} could not be read")


def test_secret_triggers_are_marked_for_the_provider() -> None:
    """The provider does not see what is secret, so the program tells it: the key derived from secret triggers is secret too."""
    inputs = run(
        State({}),
        lambda: [
            BackfillJob("plain", type="RatePlanCharge", triggers=1),
            BackfillJob("secret", type="RatePlanCharge", triggers=pulumi.Output.secret("x")),
            BackfillJob("nested", type="RatePlanCharge", triggers={"a": [pulumi.Output.secret("x")]}),
        ],
    )

    assert {name: value["identity"]["secretTriggers"] for name, value in inputs.items()} == {
        "plain": False,
        "secret": True,
        "nested": True,
    }


def test_the_internal_input_is_read_with_tolerance() -> None:
    """Whatever an older or newer version has written, nothing unusable is taken for knowledge."""
    nothing = Past(predecessor={}, job_ids=frozenset())
    assert [Past.from_input(value) for value in (None, 3, {}, {"predecessor": 1, "jobIds": 1})] == [nothing] * 4
    assert Past.from_input({"predecessor": {"jobId": "a"}, "jobIds": "b c"}) == Past(
        predecessor={"jobId": "a"}, job_ids=frozenset("bc")
    )


def test_create_before_delete_is_refused_where_it_is_written() -> None:
    """The error comes from the line in the program that asks for it."""
    with pytest.raises(InputError, match="delete_before_replace=False is refused"):
        BackfillJob("charges", type="RatePlanCharge", opts=pulumi.ResourceOptions(delete_before_replace=False))
