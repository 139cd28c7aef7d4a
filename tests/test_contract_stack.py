"""The idempotency contract through whole stacks: random histories, from program to sockets."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .contract.stack_machine import StackContract

LONG = os.environ.get("ZBF_PROFILE") == "long"
EXAMPLES = int(os.environ.get("ZBF_STACK_EXAMPLES", "100"))
# (examples, steps) on each engine; the real one takes two seconds for each command.
PROFILES = {
    "embedded": (EXAMPLES, 20) if LONG else (6, 12),
    "real": (max(1, EXAMPLES // 10), 15) if LONG else (2, 6),
}


@pytest.mark.slow
@pytest.mark.timeout(0 if LONG else 300)
def test_no_history_of_a_stack_breaks_the_contract(engine: type[Any]) -> None:
    """I1 to I6 hold, whatever is asked for, lost, refused, forced, renamed, purged or killed."""
    examples, steps = PROFILES["real" if engine.__name__ == "RealStack" else "embedded"]
    run_state_machine_as_test(
        type("StackContract", (StackContract,), {"engine": engine}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=not LONG,
            database=None,
            deadline=None,
            print_blob=False,
            # Processes are not as repeatable as shrinking needs: what fails is told as it was.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize(
    "module",
    ["declared", "excuses", "faults", "oracle", "stack_machine", "stack_world", "steps", "trouble"],
)
def test_what_was_asked_for_is_counted_outside_of_the_code(module: str) -> None:
    """The oracle knows programs, commands and Zuora's records: it imports testing names only."""
    source = Path(__file__).with_name("contract") / f"{module}.py"
    imported = {
        node.module
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.startswith("pulumi_zuora_backfill")
    }
    assert imported <= {"pulumi_zuora_backfill.testing", "pulumi_zuora_backfill.testing.sandbox"}
