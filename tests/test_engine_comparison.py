"""Both engines make the same calls and come to the same states.

What the real engine did in each scenario of `probe/scenarios.py` stands in `probe/recorded.json`; each engine is held
against that.  To record anew, on the real engine: `RECORD_ENGINE=1 pytest tests/test_engine_comparison.py`.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
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


@pytest.mark.parametrize("name", SCENARIOS)
def test_engine_does_what_the_real_one_did(name: str, engine: type[Any], tmp_path: Path) -> None:
    """Each scenario leads to the recorded calls, states, counts and outcomes."""
    if version_of(importlib.metadata.version("pulumi")) < version_of(SCENARIOS[name].since):
        pytest.skip(f"the SDK has this since {SCENARIOS[name].since}")

    seen = play(SCENARIOS[name], engine, tmp_path)

    if os.environ.get("RECORD_ENGINE"):
        record(name, seen, engine)
    assert seen == json.loads(RECORDED.read_text(encoding="utf-8"))[name]


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
    return f"{name} {shorter(json.dumps(readable({k: v for k, v in shown.items() if v != {}}), sort_keys=True))}"


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


def record(name: str, seen: list[dict[str, Any]], engine: type[Any]) -> None:
    """Keep what was seen, if it is the real engine's doing."""
    if engine.__name__ != "RealStack":
        pytest.skip("only what the real engine does is recorded")
    known = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    ordered = {
        key: seen if key == name else known.get(key)
        for key in SCENARIOS
        if key == name or key in known
    }
    RECORDED.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
