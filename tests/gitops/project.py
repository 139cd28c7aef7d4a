"""
The repository that the CI files are copied into.

A program, its stack in a backend, and a local Zuora behind it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pulumi_zuora_backfill.testing import Sandbox
from tests.engines import pulumi_cli

ROOT = Path(__file__).resolve().parent.parent.parent
GITOPS = ROOT / "gitops"
STACK = "sandbox"
PASSPHRASE = "correct horse"
PROGRAM = """\
import pulumi
from pulumi_zuora_backfill import BackfillCompletion, BackfillJob

job = BackfillJob("charges", type="RatePlanCharge", reason="REV-1432"{arguments})
done = BackfillCompletion("charges-done", job_ids=[job.job_id])
pulumi.export("jobId", job.job_id)
pulumi.export("failedRecords", done.error_count)
"""


@dataclass(frozen=True)
class Ran:
    """
    A script that was run.

    Attributes:
        exit_code: What it ended with.
        log: What it printed, on both streams.
        environment: What it was given.
    """

    exit_code: int
    log: str
    environment: Mapping[str, str]


class Project:
    """
    A repository with a stack; a runner gets copies of it, and nothing of this machine but programs.
    """

    def __init__(self, folder: Path, zuora: Sandbox) -> None:
        """Write the repository, and create its stack as a person would, once."""
        self.zuora, self.folder = zuora, folder
        self.repository, self.backend = folder / "repository", folder / "backend"
        self.infra = self.repository / "infra"
        self.infra.mkdir(parents=True)
        self.backend.mkdir()
        (self.infra / "Pulumi.yaml").write_text("name: zuora-backfill\nruntime: python\n")
        (self.infra / "requirements.txt").write_text("# The environment of the tests has it.\n")
        shutil.copy(GITOPS / "backfill_state.py", self.infra)
        self.merge()
        stack = {
            **self.machine(),
            "PULUMI_BACKEND_URL": self.backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        }
        ran = run(["pulumi", "stack", "init", STACK], self.infra, stack)
        assert ran.exit_code == 0, ran.log
        with (self.infra / f"Pulumi.{STACK}.yaml").open("a") as configuration:
            configuration.write(
                f"config:\n  zuora:baseUrl: {zuora.base_url}\n  zuora:tenantId: "
                f"'{zuora.tenant_id}'\n"
            )

    def merge(self, arguments: str = "", more: str = "") -> None:
        """Change the program on the branch main."""
        program = PROGRAM.format(arguments=arguments) + textwrap.dedent(more)
        (self.infra / "__main__.py").write_text(program)

    def machine(self) -> dict[str, str]:
        """Return the environment that a runner has before any file says anything."""
        cli = pulumi_cli()
        assert cli is not None
        path = [self.folder / "bin", Path(cli).parent, Path(sys.executable).parent]
        local = "127.0.0.1,localhost"
        return {
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            # `pulumi install` upgrades pip in the environment it finds: here that of the tests.
            "PIP_DRY_RUN": "1",
            "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]),
            "HOME": str(self.folder),
            "PULUMI_HOME": str(self.folder / "home"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_PROXY": local,
            "no_proxy": local,
        }

    def stored(self) -> dict[str, bytes]:
        """Return every file of the backend: the state, its backups, its history, its locks."""
        files = (path for path in sorted(self.backend.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.backend)): path.read_bytes() for path in files}

    def holders_of(self, *secrets: str) -> Iterator[Path]:
        """
        Find the files that hold a secret: in the state, the runners' workspaces and what they keep.
        """
        for path in self.folder.rglob("*"):
            if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets):
                yield path


def run(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Ran:
    """Run a command with this environment and no other."""
    ran = subprocess.run(
        command,
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=250,
    )
    return Ran(ran.returncode, ran.stdout, environment)
