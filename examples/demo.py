"""
Deploy the quickstart against a local Zuora, and say in one sentence each what happened.

Uses the pulumi CLI where there is one, otherwise the embedded engine. Never uses a tenant: settings of the environment are put aside.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi_zuora_backfill.testing import EmbeddedStack, Operation, Sandbox

ROOT = Path(__file__).resolve().parent.parent
STACK = "demo"


def main() -> int:
    """Run the demo; the exit code says whether all steps went through."""
    put_aside = sorted(name for name in os.environ if name.startswith("ZUORA_"))
    for name in put_aside:
        del os.environ[name]
    if put_aside:
        say(f"A demo never writes to a tenant: {', '.join(put_aside)} will not be used.")
    with (
        tempfile.TemporaryDirectory(prefix="zuora-backfill-demo-") as folder,
        Sandbox(job_duration_s=1) as zuora,
    ):
        os.environ.update(zuora.environment())
        say(f"A local Zuora listens at {zuora.base_url}.")
        with engine(Path(folder)) as stack:
            return deploy(stack, zuora)


def deploy(stack: Any, zuora: Sandbox) -> int:
    """Walk through the life of the stack."""
    step(
        "pulumi preview",
        stack.preview(),
        zuora,
        "It told the reviewer what will happen, and sent nothing.",
    )
    up = step(
        "pulumi up",
        stack.up(),
        zuora,
        "It started one job and looked at it; the job id is the stack output.",
    )
    job_id = up.outputs["jobId"].value
    say(f"Stack output jobId = {job_id}")
    zuora.clock.advance(2)
    step("pulumi up", stack.up(), zuora, "Nothing had changed, so nothing was sent.")
    step(
        "pulumi refresh",
        stack.refresh(),
        zuora,
        "It looked at the job, which has ended meanwhile; that is no drift.",
    )
    (status,) = [
        resource["outputs"]["status"]
        for resource in stack.export_stack().deployment["resources"]
        if resource.get("id") == job_id
    ]
    say(f"In the state the job is {status}; the stack output follows with the next up.")
    step(
        "pulumi destroy",
        stack.destroy(),
        zuora,
        "A live job is left alone; only the state let go of it.",
    )
    jobs = zuora.jobs
    say(f"The local Zuora holds {len(jobs)} job: {jobs[0].id}, {jobs[0].status}.")
    return 0 if [job.id for job in jobs] == [job_id] else 1


def step(title: str, result: Any, zuora: Sandbox, sentence: str) -> Any:
    """Show what the engine said and what Zuora was asked."""
    print(f"\n$ {title}")
    for line in result.stdout.splitlines():
        if line.strip():
            print(f"  │ {line}")
    counts = {
        operation.value: zuora.count(operation) for operation in Operation if zuora.count(operation)
    }
    asked = ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
    zuora.forget_requests()
    say(f"{sentence} Requests to Zuora: {asked}.")
    return result


@contextmanager
def engine(folder: Path) -> Iterator[Any]:
    """Choose the engine and give it a project folder of its own, so that the demo leaves nothing behind."""
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    shutil.copytree(ROOT / "examples" / "quickstart", folder / "examples" / "quickstart")
    path = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ["PATH"], str(Path.home() / ".pulumi" / "bin")]
    )
    cli = shutil.which("pulumi", path=path)
    if cli is None:
        say(
            "Engine: EmbeddedStack, as no pulumi CLI is on PATH or in ~/.pulumi/bin (`make pulumi` installs one)."
        )
        yield EmbeddedStack(STACK, folder)
        return
    say(f"Engine: the pulumi CLI at {cli}, with a state of its own in a temporary folder.")
    from pulumi import automation

    state, home = folder / "state", folder / "home"
    state.mkdir()
    home.mkdir()
    os.environ["PATH"] = path
    environment = {
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_HOME": str(home),
        "PULUMI_CONFIG_PASSPHRASE": "demo",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "NO_COLOR": "1",
    }
    os.environ.update(environment)
    workspace = automation.LocalWorkspace(work_dir=str(folder), env_vars=environment)
    yield automation.Stack.create(STACK, workspace)


def say(sentence: str) -> None:
    """Print one sentence of ours."""
    print(f"→ {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
