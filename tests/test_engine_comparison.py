"""Both engines make the same calls and come to the same states.

What the real engine did in each scenario of `probe/scenarios.py` stands in `probe/recorded.json`,
with the versions and the scenario it stands for; each engine is held against that.  The real engine
is played only where one of them differs from what is installed and written here, or all of it with
`REAL_ENGINE=all`.  To record anew: `RECORD_ENGINE=1 pytest tests/test_engine_comparison.py
--engines real`.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import os
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests import engines
from tests.engines import EngineError
from tests.probe.scenarios import HEADER, SCENARIOS, Act, Scenario

engine = engines.engine

PROBE = Path(__file__).with_name("probe")
RECORDED = PROBE / "recorded.json"
PROBE_TYPE = "pulumi-python:dynamic/probe:Probe"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
SIGNATURE = "4dabf18193072939515e22adb298388d"
EMPTY: tuple[Any, ...] = (False, [], {}, "")
NOT_COMPARED = {"custom", "created", "modified", "sourcePosition", "stackTrace", "provider"}


@pytest.mark.sample(every=20)
@pytest.mark.parametrize("name", SCENARIOS)
def test_engine_does_what_the_real_one_did(name: str, engine: type[Any], tmp_path: Path) -> None:
    """Each scenario leads to the recorded calls, states, counts and outcomes."""
    recorded = read_recorded().get(name, {})
    if engine is engines.RealStack and is_played_already(name, recorded):
        pytest.skip("the recording is of this scenario, this CLI and this SDK")
    if version_of(importlib.metadata.version("pulumi")) < version_of(SCENARIOS[name].since):
        pytest.skip(f"the SDK has this since {SCENARIOS[name].since}")

    seen = play(SCENARIOS[name], engine, tmp_path)

    if os.environ.get("RECORD_ENGINE"):
        record(name, seen, engine)
        return
    assert seen == recorded["acts"]


def test_a_recording_is_old_when_anything_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another CLI, another SDK, another scenario, a wish for all.

    Each has the real engine played.
    """
    monkeypatch.setattr(f"{__name__}.cli_version", lambda: "3.1.0")
    monkeypatch.delenv("RECORD_ENGINE", raising=False)
    monkeypatch.delenv("REAL_ENGINE", raising=False)
    stamp = stamp_of("create")

    assert is_played_already("create", {"of": stamp})
    assert not is_played_already("create", {})
    assert not is_played_already("no change", {"of": stamp})
    for key in stamp:
        assert not is_played_already("create", {"of": {**stamp, key: "other"}})
    for variable, value in {"REAL_ENGINE": "all", "RECORD_ENGINE": "1"}.items():
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            assert not is_played_already("create", {"of": stamp})


def is_played_already(name: str, recorded: dict[str, Any]) -> bool:
    """Tell whether the real engine would do no more than is recorded."""
    if os.environ.get("RECORD_ENGINE") or os.environ.get("REAL_ENGINE") == "all":
        return False
    return bool(recorded.get("of") == stamp_of(name))


def stamp_of(name: str) -> dict[str, str]:
    """Name all that a recording depends on."""
    probe = (PROBE / "probe_provider.py").read_text(encoding="utf-8")
    source = f"{HEADER}{SCENARIOS[name]!r}{probe}"
    return {
        "cli": cli_version(),
        "sdk": importlib.metadata.version("pulumi"),
        "scenario": hashlib.sha256(source.encode()).hexdigest()[:16],
    }


@lru_cache
def cli_version() -> str:
    """Ask the CLI for its version."""
    cli = engines.pulumi_cli()
    assert cli is not None, engines.REAL_ENGINE_MISSING
    answer = subprocess.run([cli, "version"], capture_output=True, text=True, check=True)
    return answer.stdout.strip().removeprefix("v")


def read_recorded() -> dict[str, Any]:
    """Read what was recorded of all scenarios."""
    known: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return known


def version_of(text: str) -> tuple[int, ...]:
    """Read a version such as 3.214.0."""
    return tuple(int(part) for part in text.split(".")[:3])


def play(scenario: Scenario, engine: type[Any], folder: Path) -> list[dict[str, Any]]:
    """Perform a scenario and tell what each act came to, in short lines."""
    program = folder / "program"
    notes = folder / "notes"
    program.mkdir()
    notes.mkdir()
    (program / "Pulumi.yaml").write_text("name: probe\nruntime: python\n", encoding="utf-8")
    env = {"PYTHONPATH": str(PROBE), "PROBE_DIR": str(notes), "PYTHONDONTWRITEBYTECODE": "1"}
    stack = engine("dev", program, env=env)
    return [
        perform(act, stack, program, notes, unordered=scenario.unordered) for act in scenario.acts
    ]


def perform(act: Act, stack: Any, program: Path, notes: Path, *, unordered: bool) -> dict[str, Any]:
    """Perform one act and tell what it came to."""
    if act.program:
        (program / "__main__.py").write_text(HEADER + act.program + "\n", encoding="utf-8")
    (notes / "faults.json").write_text(json.dumps(dict(act.faults)), encoding="utf-8")
    (notes / "calls.jsonl").write_text("", encoding="utf-8")
    for key, value in act.config.items():
        stack.set_config(key, value)
    if act.taint:
        stack.taint(urn(act.taint))
    options = {
        key: [name if "*" in name else urn(name) for name in value]
        if isinstance(value, list)
        else value
        for key, value in act.options.items()
    }
    try:
        outcome: Any = getattr(stack, act.do)(**options).change_summary
    except EngineError:
        outcome = "failed"
    calls = [
        call_line(*json.loads(line)) for line in (notes / "calls.jsonl").read_text().splitlines()
    ]
    return {
        "act": act.do,
        "outcome": outcome if outcome == "failed" else json.dumps(outcome, sort_keys=True),
        "calls": sorted(calls) if unordered else calls,
        "state": sorted(state_line(resource) for resource in stack.state["resources"]),
    }


def urn(name: str) -> str:
    """Return the URN of a probe at the top of the stack."""
    return f"urn:pulumi:dev::probe::{PROBE_TYPE}::{name}"


def call_line(method: str, *arguments: Any) -> str:
    """Write a call in one line, without what never differs."""
    return " ".join(
        [method, *(each if isinstance(each, str) else json.dumps(each) for each in arguments)]
    )


def state_line(resource: dict[str, Any]) -> str:
    """Write a resource in one line: the end of its URN, its id, and all that is set."""
    shown = {
        key: value
        for key, value in resource.items()
        if key not in NOT_COMPARED and value not in EMPTY
    }
    name = shorter(shown.pop("urn"))
    del shown["type"]
    if "::pulumi:providers:" in resource["urn"]:
        shown["id"] = "some id"
    if "propertyDependencies" in shown:
        shown["propertyDependencies"] = {
            key: urns for key, urns in shown["propertyDependencies"].items() if urns
        }
    if "customTimeouts" in shown:
        shown["customTimeouts"] = {
            key: value for key, value in shown["customTimeouts"].items() if value
        }
    told = readable({key: value for key, value in shown.items() if value != {}})
    return f"{name} {shorter(json.dumps(told, sort_keys=True))}"


def readable(value: Any) -> Any:
    """Show a secret as one, and leave the serialised provider out."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return {"secret": json.loads(value["plaintext"])}
        return {key: readable(item) for key, item in value.items() if key != "__provider"}
    return [readable(item) for item in value] if isinstance(value, list) else value


def shorter(text: str) -> str:
    """Leave out what all URNs have in common."""
    return text.replace("urn:pulumi:dev::probe::", "").replace("pulumi-python:dynamic/probe:", "")


def record(name: str, acts: list[dict[str, Any]], engine: type[Any]) -> None:
    """Keep what was seen, if it is the real engine's doing."""
    if engine is not engines.RealStack:
        pytest.skip("only what the real engine does is recorded")
    with RECORDED.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other workers record, too
        known = {**json.load(file), name: {"of": stamp_of(name), "acts": acts}}
        ordered = {key: known[key] for key in SCENARIOS if key in known}
        file.seek(0)
        file.write(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
        file.truncate()
