"""`EmbeddedStack` by itself.

What a user reads, what is kept when things go wrong, what is refused.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import ConfigValue

from pulumi_zuora_backfill.testing.engine import EmbeddedStack, EmbeddedStackError
from pulumi_zuora_backfill.testing.engine.planning import Selection

ROOT = Path(__file__).parents[1]
PROBE = Path(__file__).with_name("probe")
PROBE_A = "urn:pulumi:dev::probe::pulumi-python:dynamic/probe:Probe::a"
ROOT_TYPE = "pulumi:pulumi:Stack"
ROOT_URN = f"urn:pulumi:dev::probe::{ROOT_TYPE}::probe-dev"
WAITING = "the probe waits"


@dataclass
class Bench:
    """A folder with a program, and stacks that run it."""

    folder: Path
    lines: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment in which the probe is found."""
        return {
            "PYTHONPATH": str(PROBE),
            "PROBE_DIR": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def program(self, source: str) -> None:
        """Write the program."""
        header = "import pulumi\nfrom probe_provider import Group, Probe, report\n"
        (self.folder / "__main__.py").write_text(header + textwrap.dedent(source), encoding="utf-8")

    def faults(self, **faults: str) -> None:
        """Plan what goes wrong; `create__a` is the create of the resource a."""
        planned = {key.replace("__", ":"): value for key, value in faults.items()}
        (self.folder / "faults.json").write_text(json.dumps(planned), encoding="utf-8")

    def calls(self) -> list[Any]:
        """Return the calls since the last time, and forget them."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def open_gate(self) -> None:
        """Let calls that wait go on."""
        (self.folder / "gate").touch()

    def stack(
        self, on_output: Callable[[str], None] | None = None, **options: Any
    ) -> EmbeddedStack:
        """Make a stack."""
        given = {"env": self.env, "state_file": self.folder / "state.json", **options}
        return EmbeddedStack("dev", self.folder, on_output=on_output or self.lines.append, **given)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder with a project."""
    (tmp_path / "Pulumi.yaml").write_text("name: probe\nruntime: python\n", encoding="utf-8")
    return Bench(tmp_path)


def ids(stack: EmbeddedStack) -> list[str]:
    """Return the ids of the resources in the state, providers left out."""
    return [
        each["id"]
        for each in stack.state["resources"]
        if each.get("id") and "pulumi:providers:" not in each["type"]
    ]


def python_children_of(pid: int) -> list[int]:
    """Return the Python processes that a process has started."""
    lists = [
        task.joinpath("children").read_text().split()
        for task in Path(f"/proc/{pid}/task").iterdir()
    ]
    children = [int(child) for listed in lists for child in listed]
    return [child for child in children if b"python" in Path(f"/proc/{child}/cmdline").read_bytes()]


def run_failing(operation: Callable[..., Any], **options: Any) -> str:
    """Run an operation that must fail and return what the user reads."""
    with pytest.raises(EmbeddedStackError) as caught:
        operation(**options)
    assert caught.value.result.summary.result == "failed"
    return caught.value.stdout


def test_log_shows_steps_diagnostics_outputs_and_counts(bench: Bench) -> None:
    """The text reads as the CLI's plain log does, and comes line by line."""
    bench.program(
        """
        a = Probe("a", value=1)
        pulumi.log.warn("careful", resource=a)
        pulumi.log.info("hello")
        print("printed")
        pulumi.export("id", a.id)
        pulumi.export("secret", pulumi.Output.secret({"deep": "hush"}))
        pulumi.export("map", {"list": [1, "x", None], "empty": {}})
        """
    )

    result = bench.stack().up()

    assert result.stdout.splitlines()[:3] == [
        "EmbeddedStack: for tests and for trying out, not for production",
        "",
        "Updating (dev):",
    ]
    assert " +  pulumi-python:dynamic:Probe a creating (0s)" in result.stdout
    assert "  pulumi-python:dynamic:Probe (a):\n    warning: careful\n" in result.stdout
    assert "    hello\n" in result.stdout
    assert "    printed\n" in result.stdout
    assert '    id    : "a-1"\n' in result.stdout
    assert "    secret: [secret]\n" in result.stdout
    assert "hush" not in result.stdout
    assert (
        '        list: [\n            [0]: 1\n            [1]: "x"\n            [2]: null\n'
        "        ]" in result.stdout
    )
    assert "Resources:\n    + 2 created\n" in result.stdout
    assert result.change_summary == {"create": 2}
    assert result.stdout == "\n".join([*bench.lines, ""])


def test_preview_names_differing_inputs_and_changes_nothing(bench: Bench) -> None:
    """A reviewer reads which inputs differ; the state file stays as it was."""
    bench.program('Probe("a", value=1, gone=1)')
    stack = bench.stack()
    stack.up()
    before = stack.state_file.read_bytes()
    bench.program('Probe("a", value=2, more=1)')

    result = stack.preview(diff=True)

    assert " ~  pulumi-python:dynamic:Probe a update [diff: -gone+more~value]" in result.stdout
    assert "    ~ 1 to update\n    1 unchanged\n" in result.stdout
    assert stack.state_file.read_bytes() == before


def test_outputs_tell_secrets_apart(bench: Bench) -> None:
    """Outputs of the result and of the state are values with a mark, as in the Automation API."""
    bench.program('pulumi.export("open", 1); pulumi.export("closed", pulumi.Output.secret([1]))')
    stack = bench.stack()

    result = stack.up()

    for outputs in (result.outputs, stack.outputs()):
        assert (outputs["open"].value, outputs["open"].secret) == (1, False)
        assert (outputs["closed"].value, outputs["closed"].secret) == ([1], True)


def test_unchanged_outputs_of_a_stack_without_a_run_are_empty(bench: Bench) -> None:
    """A stack that never ran has no state, no outputs, and a state of the usual shape."""
    stack = bench.stack()

    assert stack.outputs() == {}
    assert stack.state == {"resources": []}


def test_configuration_reaches_program_and_provider(bench: Bench) -> None:
    """Keys without a namespace are the project's.

    Secrets arrive in plain text and are masked as outputs.
    """
    bench.program(
        """
        config = pulumi.Config()
        pulumi.export("size", config.require_int("size"))
        pulumi.export("token", pulumi.Config("other").require_secret("token"))
        pulumi.export("greeting", config.get("greeting"))
        Probe("a")
        """
    )
    stack = bench.stack(config={"size": "3", "other:token": ConfigValue("hush", secret=True)})
    stack.set_config("greeting", "hello")
    stack.set_config("gone", "x")
    stack.remove_config("gone")

    result = stack.up()

    assert {key: output.value for key, output in result.outputs.items()} == {
        "size": 3,
        "token": "hush",
        "greeting": "hello",
    }
    assert "hush" not in result.stdout
    calls = (bench.folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(calls[0]) == ["configure", {"greeting": "hello"}]


def test_program_knows_where_it_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, folders and `main` are the program's, and its modules are importable."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (bench.folder / "Pulumi.yaml").write_text(
        "name: named\nruntime: python\nmain: src/\n", encoding="utf-8"
    )
    (bench.folder / "src").mkdir()
    (bench.folder / "src" / "beside.py").write_text("WORD = 'found'\n", encoding="utf-8")
    (bench.folder / "src" / "__main__.py").write_text(
        "import os, pulumi, beside\n"
        "for key, value in {'project': pulumi.get_project(), 'stack': pulumi.get_stack(), 'word': "
        "beside.WORD,\n"
        "    'organization': pulumi.get_organization(), 'cwd': "
        "os.path.basename(os.getcwd())}.items():\n"
        "    pulumi.export(key, value)\n",
        encoding="utf-8",
    )

    result = bench.stack(organization="acme").up()

    assert {key: output.value for key, output in result.outputs.items()} == {
        "project": "named",
        "stack": "dev",
        "word": "found",
        "organization": "acme",
        "cwd": "src",
    }


def test_messages_of_a_provider_stand_under_its_resource(bench: Bench) -> None:
    """A lasting message is a line and a diagnostic, an ephemeral one a line only.

    Print goes to the stack.
    """
    bench.program('Probe("a"); Probe("b"); Probe("c")')
    bench.faults(create__a="log-warning", create__b="log-quiet", create__c="print")

    result = bench.stack().up()

    _, diagnostics = result.stdout.split("Diagnostics:\n")
    assert (
        "  pulumi-python:dynamic:Probe (a):\n    warning: the probe says log-warning\n"
        in diagnostics
    )
    assert "pulumi:pulumi:Stack (probe-dev):\n    printed by the provider\n" in diagnostics
    assert "log-quiet" in result.stdout
    assert "log-quiet" not in diagnostics


def test_clean_error_is_one_line(bench: Bench) -> None:
    """A status in the trailer of the failed call takes the place of the traceback."""
    bench.program('Probe("a")')
    bench.faults(create="clean")

    text = run_failing(bench.stack().up)

    assert "  pulumi-python:dynamic:Probe (a):\n    error: the probe failed in one line\n\n" in text
    assert "    error: update failed\n" in text
    assert "Traceback" not in text
    assert "Resource monitor has terminated" not in text


@pytest.mark.sample
@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ("partial, one reason", "    error: 1 error occurred:\n    \t* not ready\n"),
        ("partial", "    error: 2 errors occurred:\n    \t* not ready\n    \t* still not ready\n"),
    ],
)
def test_partial_failure_tells_its_reasons(bench: Bench, fault: str, shown: str) -> None:
    """The user reads the reasons under the resource.

    They stay in the state with its id and outputs.
    """
    bench.program('Probe("a", value=1)')
    bench.faults(create=fault)
    stack = bench.stack()

    text = run_failing(stack.up)

    assert f"  pulumi-python:dynamic:Probe (a):\n{shown}" in text
    assert probe_in(stack) == {
        "id": "a-1",
        "inputs": {"name": "a", "value": 1},
        "outputs": {"name": "a", "serial": "serial-of-a-1", "value": 1},
        "initErrors": [line.strip(" \t*") for line in shown.splitlines()[1:]],
    }


def test_partially_failed_replacement_takes_the_old_ones_place(bench: Bench) -> None:
    """If the old one is deleted first, nothing is left that waits for a replacement."""
    bench.program('Probe("a", replace=1, delete_first=True)')
    stack = bench.stack()
    stack.up()
    bench.program('Probe("a", replace=2, delete_first=True)')
    bench.faults(create="partial, one reason")

    run_failing(stack.up)

    assert probe_in(stack) == {
        "id": "a-2",
        "inputs": {"name": "a", "replace": 2, "delete_first": True},
        "outputs": {"name": "a", "replace": 2, "delete_first": True, "serial": "serial-of-a-2"},
        "initErrors": ["not ready"],
    }


@pytest.mark.slow
def test_partially_failed_update_keeps_the_old_inputs(bench: Bench) -> None:
    """Its outputs are written.

    So the next run sees the change again, and updates even without one.
    """
    bench.program('Probe("a", value=1)')
    stack = bench.stack()
    stack.up()
    bench.program('Probe("a", value=2)')
    bench.faults(update="partial, one reason")

    run_failing(stack.up)

    assert probe_in(stack) == {
        "id": "a-1",
        "inputs": {"name": "a", "value": 1},
        "outputs": {"name": "a", "serial": "serial-of-a-1", "value": 2},
        "initErrors": ["not ready"],
    }
    bench.faults()
    assert stack.up().change_summary == {"same": 1, "update": 1}
    assert stack.up().change_summary == {"same": 2}


@pytest.mark.slow
def test_refresh_forgets_a_partial_failure(bench: Bench) -> None:
    """What can be read is in order as far as the engine knows: the next run has nothing to do."""
    bench.program('Probe("a", value=1)')
    bench.faults(create="partial")
    stack = bench.stack()
    run_failing(stack.up)
    bench.faults()

    stack.refresh()

    assert "initErrors" not in probe_in(stack)
    assert stack.up().change_summary == {"same": 2}


@pytest.mark.slow
def test_protected_partial_failure_may_be_updated_but_not_replaced(bench: Bench) -> None:
    """The error says what is protected; the state stays as it was."""
    source = 'Probe("a", replace={}, delete_first=True, opts=pulumi.ResourceOptions(protect=True))'
    bench.program(source.format(1))
    bench.faults(create="partial")
    stack = bench.stack()
    run_failing(stack.up)
    bench.faults()
    before = stack.state

    bench.program(source.format(2))
    text = run_failing(stack.up)

    assert f'error: unable to replace resource "{PROBE_A}"\n' in text
    assert "as it is currently marked for protection" in text
    assert stack.state == before
    bench.program(source.format(1))
    assert stack.up().change_summary == {"same": 1, "update": 1}


def test_excluded_resource_stays_as_it_is(bench: Bench) -> None:
    """It is neither asked nor changed, nor deleted when the program has it no more.

    What it needs is not deleted either.
    """
    bench.program('a = Probe("a"); Probe("b", value=a.serial); Probe("c")')
    stack = bench.stack()
    stack.up()
    bench.program("pass")
    bench.calls()

    for operation in (stack.preview, stack.up):
        assert operation(exclude=["**::b"]).change_summary == {"delete": 1, "same": 3}

    assert [call[0] for call in bench.calls()] == ["delete"]
    assert ids(stack) == ["a-1", "b-1"]


def test_excluded_resource_that_does_not_exist_stays_unknown(bench: Bench) -> None:
    """Its dependents are created without it.

    The state then speaks of what is not there, and is refused from then on.
    """
    bench.program('a = Probe("a"); Probe("b", value=a.serial, more=[1, a.serial])')
    stack = bench.stack()

    text = run_failing(stack.up, exclude=[PROBE_A])

    assert [call for call in bench.calls() if call[0] == "create"] == [
        ["create", {"name": "b", "more": [1]}]
    ]
    dangling = f"resource {urn_of('b')} refers to missing dependency {PROBE_A}"
    assert f"snapshot integrity failure; it was already written, but is invalid: {dangling}" in text
    for operation in (stack.preview, stack.up, stack.refresh, stack.destroy):
        text = run_failing(operation)
        assert f"error: snapshot integrity failure; refusing to use it: {dangling}" in text
    assert ids(stack) == ["b-1"]
    assert bench.calls() == []


@pytest.mark.slow
def test_excluded_resource_goes_before_what_needs_it(bench: Bench) -> None:
    """Left alone in one run, it is found as a dependent in the next.

    It is deleted before what it depends on.
    """
    bench.program('a = Probe("a"); Probe("b", value=a.serial)')
    stack = bench.stack()
    stack.up()
    bench.program('Probe("b", value=1)')
    stack.up(exclude=[urn_of("b")])
    bench.calls()

    assert ids(stack) == ["a-1", "b-1"]
    stack.destroy()

    assert [call[1] for call in bench.calls()] == ["b-1", "a-1"]


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (PROBE_A, True),
        ("**::a", True),
        ("**a", True),
        ("urn:pulumi:dev::probe::*:dynamic/probe:Probe::a", True),
        ("urn:pulumi:**::a", True),
        ("*::a", False),
        ("**::b", False),
        ("**::a*", True),
        ("**.*", False),
        ("a", False),
    ],
)
def test_patterns_are_those_of_the_cli(pattern: str, matches: bool) -> None:
    """Two stars stand for anything, one for anything without a colon; no more is special."""
    assert (PROBE_A in Selection([pattern])) is matches


EXPLICIT = """
host = pulumi.ProviderResource("pulumi-python", "host", {"probe:greeting": "theirs"})
Probe("a", value=1, opts=pulumi.ResourceOptions(provider=host))
"""


@pytest.mark.slow
def test_explicit_provider_gets_its_own_inputs_only(bench: Bench) -> None:
    """Beside it the default one gets the stack's.

    Each is a process of its own, in refresh and destroy too.
    """
    bench.program(EXPLICIT + 'Probe("b")')
    stack = bench.stack(config={"probe:greeting": "ours", "probe:token": "ours"})

    assert stack.up().change_summary == {"create": 4}

    own, default = {"greeting": "theirs"}, {"greeting": "ours", "token": "ours"}
    for operation in (stack.refresh, stack.up, stack.destroy):
        configured = [call[1] for call in bench.calls() if call[0] == "configure"]
        assert sorted(configured, key=len) == [own, default]
        stack.set_config("probe:greeting", "ours")
        operation()
    assert stack.state == {"resources": []}


def test_explicit_provider_stands_in_the_state(bench: Bench) -> None:
    """Its inputs are kept, resources refer to it, and the default one is not made."""
    bench.program(EXPLICIT)
    stack = bench.stack()

    result = stack.up()

    assert " +  pulumi:providers:pulumi-python host creating (0s)" in result.stdout
    _, provider, probe = stack.state["resources"]
    assert provider["urn"] == "urn:pulumi:dev::probe::pulumi:providers:pulumi-python::host"
    assert provider["inputs"] == provider["outputs"] == {"probe:greeting": "theirs"}
    assert probe["provider"] == f"{provider['urn']}::{provider['id']}"


def test_preview_does_not_ask_a_provider_that_it_cannot_configure(bench: Bench) -> None:
    """With an input that is not known yet, all it can say is a warning."""
    bench.program(EXPLICIT)
    stack = bench.stack()
    stack.up()
    bench.calls()
    bench.program('b = Probe("b")\n' + EXPLICIT.replace('"theirs"', "b.serial"))

    text = stack.preview().stdout

    assert "    warning: The provider for this resource has inputs that are not known" in text
    assert [call[0] for call in bench.calls()] == ["check"]


@pytest.mark.sample
@pytest.mark.parametrize(
    ("names", "error"),
    [
        (
            '["*"]',
            "Default provider for 'pulumi-python' disabled. "
            "'pulumi-python:dynamic/probe:Probe' must use an explicit provider.",
        ),
        ("no list", "Failed to parse no list: "),
        ("[1]", "pulumi:disable-default-providers must be a list of names"),
    ],
)
def test_default_provider_can_be_forbidden(bench: Bench, names: str, error: str) -> None:
    """A resource without a provider of its own is then refused, and one with it is made."""
    bench.program('Probe("a")')
    stack = bench.stack(config={"pulumi:disable-default-providers": names})

    assert f"error: {error}" in run_failing(stack.up)

    bench.program(EXPLICIT)
    assert stack.up().change_summary == {"create": 2, "same": 1}


@pytest.mark.slow
def test_change_of_a_provider_needs_all_its_resources(bench: Bench) -> None:
    """A resource that is left alone cannot keep a provider that the program does not register."""
    bench.program('Probe("a", value=1)')
    stack = bench.stack()
    stack.up()
    bench.program(EXPLICIT)

    text = run_failing(stack.up, exclude=[PROBE_A])

    assert f"for resource {PROBE_A} has not been registered yet" in text
    assert stack.up().change_summary == {"same": 3}


@pytest.mark.sample
@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("dev", True),
        ("organization/probe/dev", True),
        ("other", False),
        ("organization/probe/other", False),
        ("organization/other/dev", False),
    ],
)
def test_stack_resource_outputs_are_read_by_its_name(bench: Bench, name: str, known: bool) -> None:
    """Alone or with organization and project; no other stack is known."""
    bench.program("pass")
    stack = bench.stack()
    stack.up()
    bench.program(f'report(name="{name}")')

    stack.preview()

    answer = {"name": name, "outputs": {ROOT_URN: {"type": ROOT_TYPE, "outputs": {}}}}
    assert bench.calls() == [["report", answer if known else "Exception"]]


def test_timeouts_are_told_to_the_provider(bench: Bench) -> None:
    """Each call that changes something gets the resource's own, and none where none is set."""
    timeouts = "pulumi.CustomTimeouts(create='1h30m', update='1.5s', delete='90s')"
    source = f'Probe("a", value={{}}, opts=pulumi.ResourceOptions(custom_timeouts={timeouts}))'
    stack = bench.stack()
    for value in (1, 2):
        bench.program(source.format(value) + '; Probe("b")')
        stack.up()
    stack.destroy()

    told = {(call[0], call[1]) for call in bench.calls() if str(call[1]).startswith("within")}
    assert told == {
        ("create", "within 5400 s"),
        ("update", "within 1.5 s"),
        ("delete", "within 90 s"),
    }


def test_stack_transformations_work(bench: Bench) -> None:
    """They too run in the SDK: an alias finds the old resource, an output becomes secret."""
    bench.program('Probe("old", name="a", value=1)')
    stack = bench.stack()
    stack.up()
    bench.program(
        """
        def change(args):
            more = pulumi.ResourceOptions(
                aliases=[pulumi.Alias(name="old")], additional_secret_outputs=["serial"]
            )
            return pulumi.ResourceTransformationResult(
                args.props, pulumi.ResourceOptions.merge(args.opts, more)
            )
        pulumi.runtime.register_stack_transformation(change)
        Probe("new", name="a", value=1)
        """
    )

    assert stack.up().change_summary == {"same": 2}

    renamed = stack.state["resources"][-1]
    assert (renamed["urn"], renamed["id"]) == (urn_of("new"), "a-1")
    assert renamed["outputs"]["serial"]["plaintext"] == '"serial-of-a-1"'


@pytest.mark.sample
@pytest.mark.parametrize(
    ("fault", "how"),
    [("exit", "it exited with code 3\nlast words"), ("kill", "it was killed by SIGKILL")],
)
def test_dead_host_is_a_clear_error(bench: Bench, fault: str, how: str) -> None:
    """The error tells how the host ended and its last words; what was finished is kept."""
    bench.program('a = Probe("a"); Probe("b", value=a.serial)')
    bench.faults(create__b=fault)
    stack = bench.stack()

    text = run_failing(stack.up)

    assert "error: the plugin host is gone: " + how.replace("\n", "\n    ") in text
    assert ids(stack) == ["a-1"]


def test_host_that_cannot_start_is_a_clear_error(bench: Bench) -> None:
    """What keeps the host from starting is told."""
    bench.program('Probe("a")')
    (bench.folder / "dill.py").write_text("raise ImportError('no dill today')\n", encoding="utf-8")

    text = run_failing(bench.stack().up)

    assert "no dill today" in text


def test_steps_run_at_once(bench: Bench) -> None:
    """Independent resources are created together: each waits here for the other."""
    bench.program('Probe("a"); Probe("b")')
    bench.faults(create="wait")
    waiting: list[str] = []

    def on_output(line: str) -> None:
        if WAITING in line:
            waiting.append(line)
        if len(waiting) == 2:
            bench.open_gate()

    assert bench.stack(on_output, parallel=2).up().change_summary == {"create": 3}


def test_cancel_awaits_what_is_under_way(bench: Bench) -> None:
    """After a first cancel the running create ends and is saved, the next one is not begun."""
    bench.program('a = Probe("a"); Probe("b", value=a.serial)')
    bench.faults(create="wait")

    def on_output(line: str) -> None:
        if WAITING in line:
            stack.cancel()
            bench.open_gate()

    stack = bench.stack(on_output)
    text = run_failing(stack.up)

    assert "error: update canceled" in text
    assert ids(stack) == ["a-1"]


def test_second_cancel_ends_at_once(bench: Bench) -> None:
    """After a second cancel the running create is given up; the next run says so and goes on."""
    bench.program('a = Probe("a"); Probe("b", value=a.serial)')
    bench.faults(create__b="wait")

    def on_output(line: str) -> None:
        if WAITING in line:
            stack.cancel()
            stack.cancel()

    stack = bench.stack(on_output)
    run_failing(stack.up)
    assert ids(stack) == ["a-1"]
    bench.faults()

    result = bench.stack().up()

    assert (
        "with 1 pending operations from previous deployment.\n"
        f"      * {urn_of('b')}, interrupted while creating" in (result.stdout)
    )
    assert ids(stack) == ["a-1", "b-2"]


def test_cancel_without_an_operation_does_nothing(bench: Bench) -> None:
    """It can be called at any time."""
    bench.stack().cancel()


@pytest.mark.parametrize(("interrupts", "kept"), [(1, ["a-1"]), (2, [])])
def test_interrupts_cancel_and_then_terminate(
    bench: Bench, interrupts: int, kept: list[str]
) -> None:
    """Ctrl-C is a cancel: once lets the running create end, twice gives it up."""
    bench.program('a = Probe("a"); Probe("b", value=a.serial)')
    bench.faults(create="wait")
    script = """
        import sys
        from pulumi_zuora_backfill.testing.engine import EmbeddedStack, EmbeddedStackError
        try:
            EmbeddedStack(
                "dev", ".", state_file="state.json", on_output=lambda line: print(line, flush=True)
            ).up()
        except EmbeddedStackError as error:
            sys.exit(5)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=bench.folder,
        env={**os.environ, **bench.env, "PYTHONPATH": f"{PROBE}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if WAITING in line or ("@ canceling" in line and interrupts == 2):
                process.send_signal(signal.SIGINT)
            if "@ canceling" in line:
                break
        if interrupts == 1:
            bench.open_gate()
        rest = process.stdout.read()

    assert process.returncode == 5
    assert "error: update canceled" in rest
    assert ids(bench.stack()) == kept


def test_killed_engine_loses_nothing_that_was_finished(bench: Bench) -> None:
    """The state is written after every step, and program and plugin host end with the engine."""
    bench.program('a = Probe("a"); Probe("b", value=a.serial)')
    bench.faults(create__b="wait")
    script = """
        from pulumi_zuora_backfill.testing.engine import EmbeddedStack
        EmbeddedStack(
            "dev", ".", state_file="state.json", on_output=lambda line: print(line, flush=True)
        ).up()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=bench.folder,
        env={**os.environ, **bench.env, "PYTHONPATH": f"{PROBE}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if WAITING in line)
        program, host = (os.pidfd_open(pid) for pid in python_children_of(process.pid))
        process.kill()

    for child in (program, host):
        assert select.select([child], [], [], 30)[0] == [child]  # readable: it has ended
        os.close(child)
    assert ids(bench.stack()) == ["a-1"]


@pytest.mark.sample
@pytest.mark.parametrize(
    ("source", "what"),
    [
        ('pulumi.StackReference("organization/other/dev")', "pulumi:pulumi:StackReference"),
        ('Probe("a", opts=pulumi.ResourceOptions(import_="x"))', "the resource option import_"),
        (
            'pulumi.ProviderResource("random", "r")',
            "providers of other packages than dynamic providers (pulumi:providers:random)",
        ),
        ('pulumi.CustomResource("random:index:Id", "r")', "random:index:Id"),
        (
            'pulumi.ComponentResource("a:index:B", "r", remote=True)',
            "remote components (a:index:B)",
        ),
        ('pulumi.runtime.invoke("random:index:f", {})', "the function random:index:f"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(bench: Bench, source: str, what: str) -> None:
    """No feature of the real engine is quietly ignored."""
    bench.program(source)

    text = run_failing(bench.stack().preview)

    assert "EmbeddedStack does not support " in text
    assert what in text


def test_stack_transforms_are_refused(bench: Bench) -> None:
    """The SDK itself sees that this engine has none."""
    bench.program("pulumi.runtime.register_resource_transform(lambda args: None)")

    assert "transforms" in run_failing(bench.stack().preview)


def test_transformations_work(bench: Bench) -> None:
    """They run in the SDK and need no engine."""
    bench.program(
        """
        def change(args):
            return pulumi.ResourceTransformationResult({**args.props, "value": 2}, args.opts)
        Probe("a", value=1, opts=pulumi.ResourceOptions(transformations=[change]))
        """
    )
    stack = bench.stack()
    stack.up()

    assert stack.state["resources"][-1]["inputs"]["value"] == 2


def test_state_can_be_exported_and_imported(bench: Bench) -> None:
    """An exported state is the whole state, with secrets in plain text."""
    bench.program('Probe("a", value=pulumi.Output.secret("hush"))')
    stack = bench.stack()
    stack.up()
    exported = stack.export_stack()
    stack.destroy()
    assert ids(stack) == []

    stack.import_stack(exported)

    assert ids(stack) == ["a-1"]
    assert stack.up().change_summary == {"same": 2}


@pytest.mark.parametrize(
    ("folder", "operation", "missing"),
    [
        ("nowhere", "preview", "nowhere is not a folder"),
        ("nowhere", "destroy", "nowhere is not a folder"),
        ("moved", "up", "moved/nowhere is not a folder"),
        ("moved", "refresh", "moved/nowhere is not a folder"),
        ("empty", "up", "empty holds no __main__.py"),
    ],
)
def test_a_wrong_folder_is_one_line(
    tmp_path: Path, folder: str, operation: str, missing: str
) -> None:
    """Where no program is, the error says which folder was meant and where it was named.

    Nothing is started and no state is kept.
    """
    (tmp_path / "empty").mkdir()
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "Pulumi.yaml").write_text(
        "name: probe\nmain: nowhere\n", encoding="utf-8"
    )
    stack = EmbeddedStack("dev", tmp_path / folder)
    told = (
        run_failing(getattr(stack, operation))
        .partition("Diagnostics:")[2]
        .partition("Resources:")[0]
    )

    assert [line.strip() for line in told.splitlines() if "error" in line] == [
        f"error: {tmp_path}/{missing}; check the stack's work_dir, and main in its Pulumi.yaml"
    ]
    assert stack.state == {"resources": []}


def test_taint_of_an_unknown_resource_is_refused(bench: Bench) -> None:
    """A typing error is no wish for a replacement."""
    with pytest.raises(KeyError, match="No such resource"):
        bench.stack().taint(PROBE_A)


def test_encrypted_state_is_refused(bench: Bench) -> None:
    """A state from the real engine must come without encryption."""
    bench.program('Probe("a")')
    stack = bench.stack()
    stack.up()
    text = stack.state_file.read_text(encoding="utf-8")
    secret = {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "ciphertext": "v1:x",
    }
    stack.state_file.write_text(
        text.replace('"serial-of-a-1"', json.dumps(secret)), encoding="utf-8"
    )

    with pytest.raises(ValueError, match="--show-secrets"):
        stack.up()


@pytest.mark.slow
def test_many_runs_leave_nothing_behind(bench: Bench) -> None:
    """Threads and open files do not grow from run to run, failed ones included."""
    bench.program('Probe("a")')
    stack = bench.stack()
    stack.up()
    threads = set(threading.enumerate())
    files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc") else 0

    for fault in ("", "clean", ""):
        bench.faults(diff=fault)
        if fault:
            run_failing(stack.up)
        else:
            stack.up()

    for thread in (
        set(threading.enumerate()) - threads
    ):  # one that is about to end is not left behind
        thread.join(30.0)
    assert set(threading.enumerate()) <= threads
    assert not os.path.isdir("/proc") or len(os.listdir("/proc/self/fd")) <= files


def urn_of(name: str) -> str:
    """Return the URN of a probe."""
    return PROBE_A.removesuffix("a") + name


def probe_in(stack: EmbeddedStack) -> dict[str, Any]:
    """Return what the state has of the last resource, without what is the same in all tests."""
    resource = stack.state["resources"][-1]
    for key in ("urn", "type", "custom", "parent", "provider", "propertyDependencies", "protect"):
        resource.pop(key, None)
    for side in ("inputs", "outputs"):
        resource[side].pop("__provider")
    return dict(resource)
