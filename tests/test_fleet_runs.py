"""The fleet on the pulumi CLI, as typed: of many tenants one fails, one waits, one is slow."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pulumi_zuora_backfill.testing import Operation, Sandbox

from .engines import pulumi_cli
from .world import processes

FLEET = Path(__file__).resolve().parent.parent / "examples" / "fleet"
HOSTS = ("pulumi", "pulumi-language-python", "python")

pytestmark = pytest.mark.real_engine


class Tenants:
    """A copy of the fleet's folder, a table, and a local Zuora for each row."""

    def __init__(self, folder: Path) -> None:
        """Copy the folder; there are no tenants yet."""
        cli = pulumi_cli()
        assert cli is not None
        self.folder = folder / "fleet"
        shutil.copytree(FLEET, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.backend = folder / "backend"
        self.backend.mkdir()
        self.approvals: dict[str, str] = {}
        self.zuoras: dict[str, Sandbox] = {}
        self.printed = ""
        self._exits = ExitStack()
        path = [str(Path(cli).parent), str(Path(sys.executable).parent), os.environ["PATH"]]
        self.env = {
            **os.environ,
            "PATH": os.pathsep.join(path),
            "PULUMI_BACKEND_URL": self.backend.as_uri(),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONDONTWRITEBYTECODE": "",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "ZUORA_TENANT_ID": "99999",  # of whoever runs the fleet: no row's, so nobody's
        }

    def add(self, stack: str, approval: str, job_duration_s: float | None = 0) -> Sandbox:
        """Add a tenant and its row."""
        tenant_id = str(10001 + len(self.zuoras))
        zuora = Sandbox(tenant_id=tenant_id, job_duration_s=job_duration_s)
        self.zuoras[stack] = self._exits.enter_context(zuora)
        self.approvals[stack] = approval
        self.env[self.variable(stack, "ID")] = zuora.client_id
        self.env[self.variable(stack, "SECRET")] = zuora.client_secret
        return zuora

    def variable(self, stack: str, kind: str) -> str:
        """Return the name of an environment variable of a row."""
        return f"{stack.upper().replace('-', '_')}_CLIENT_{kind}"

    def write(self) -> None:
        """Write the table."""
        rows = [
            {
                "stack": stack,
                "base_url": zuora.base_url,
                "tenant_id": zuora.tenant_id,
                "client_id_env": self.variable(stack, "ID"),
                "client_secret_env": self.variable(stack, "SECRET"),
                "type": "RatePlanCharge",
                "approval": self.approvals[stack],
            }
            for stack, zuora in self.zuoras.items()
        ]
        (self.folder / "tenants.yaml").write_text(json.dumps(rows, indent=1))

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start the fleet; the requests before are forgotten."""
        self.write()
        for zuora in self.zuoras.values():
            zuora.forget_requests()
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(
            [sys.executable, "fleet.py", *words],
            cwd=self.folder,
            env=self.env,
            text=True,
            **options,
        )

    def fleet(self, *words: str) -> tuple[int, str]:
        """Run the fleet, and return its exit code and its summary."""
        process = self.start(*words)
        stdout, stderr = process.communicate(timeout=1500)
        self.printed += stdout + stderr
        return process.returncode, stdout

    def asked(self) -> dict[str, int]:
        """Return how many jobs each tenant was asked to start, if it was asked anything."""
        return {
            stack: zuora.count(Operation.CREATE)
            for stack, zuora in self.zuoras.items()
            if zuora.requests
        }

    def lived(self) -> dict[str, list[bool]]:
        """Return whether each job of each tenant was a dry run."""
        return {stack: [job.dry_run for job in zuora.jobs] for stack, zuora in self.zuoras.items()}

    def close(self) -> None:
        """End the tenants."""
        self._exits.close()


@pytest.fixture
def tenants(tmp_path: Path) -> Iterator[Tenants]:
    """Make a fleet without tenants."""
    made = Tenants(tmp_path)
    yield made
    made.close()


def watch_environments(tenants: Tenants) -> dict[str, set[str]]:
    """At each request, look into the stack's processes: whose secrets are there?"""
    seen: dict[str, set[str]] = {stack: set() for stack in tenants.zuoras}

    def look(stack: str, zuora: Sandbox) -> None:
        pids = [pid for host in HOSTS for pid in processes(zuora, host)]
        for pid in [*pids, *processes(zuora, "pulumi.dynamic")]:
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            for name, other in tenants.zuoras.items():
                if {other.client_id.encode(), other.client_secret.encode()} & set(
                    re.split(rb"[\0=]", environment)
                ):
                    seen[stack].add(name)

    for stack, zuora in tenants.zuoras.items():
        zuora.on_request = lambda _request, stack=stack, zuora=zuora: look(stack, zuora)
    return seen


def assert_kept_apart(tenants: Tenants) -> None:
    """No secret is in any state, file or text; no tenant was sent what belongs to another."""
    files = [path for path in tenants.backend.rglob("*") if path.is_file()]
    files += tenants.folder.glob("Pulumi.*.yaml")
    states = {path.name: path.read_text(errors="replace") for path in files}
    assert {f"{stack}.json" for stack in tenants.zuoras} <= states.keys()
    for stack, zuora in tenants.zuoras.items():
        secrets = [zuora.client_id, zuora.client_secret]
        jobs = [job.id for job in zuora.jobs]
        for text in [*states.values(), tenants.printed]:
            assert not [secret for secret in secrets if secret in text]
        for other, another in tenants.zuoras.items():
            if other == stack:
                continue
            sent = repr([(dict(r.headers), r.path, r.body) for r in another.requests])
            assert not [word for word in [*secrets, *jobs] if word in sent]
            assert not [job for job in jobs if job in states[f"{other}.json"]]


def test_a_second_run_does_only_what_is_left(tenants: Tenants) -> None:
    """One is live, one waits, one has a wrong secret; the next run starts what is missing."""
    tenants.add("acme-done", "auto")
    waiting = tenants.add("acme-waits", "wait")
    wrong = tenants.add("acme-wrong", "auto")
    secret = tenants.variable("acme-wrong", "SECRET")
    tenants.env[secret] = "wrong"

    code, preview = tenants.fleet("preview")
    assert (code, tenants.asked(), list(tenants.backend.rglob("*.json"))) == (0, {}, [])
    assert preview.count("LIVE RatePlanCharge backfill in tenant") == 2

    seen = watch_environments(tenants)
    code, said = tenants.fleet("up")
    assert code == 1
    assert tenants.lived() == {
        "acme-done": [True, False],
        "acme-waits": [True],
        "acme-wrong": [],
    }
    (dry_run,) = waiting.jobs
    assert "acme-waits (waits for approval)\n" in said
    assert f"    approval: {dry_run.id}\n" in said
    assert "acme-wrong (failed)\n  Zuora refused the client credentials (HTTP 401" in said
    assert said.endswith("3 stacks: 1 done, 1 waits for approval, 1 failed.\n")
    assert tenants.fleet("status")[0] == 4
    assert tenants.asked() == {}

    for settings in tenants.folder.glob("Pulumi.*.yaml"):
        settings.unlink()  # as in a new checkout

    tenants.env[secret] = wrong.client_secret
    tenants.approvals["acme-waits"] = dry_run.id
    code, said = tenants.fleet("up", "--parallel", "2")
    assert (code, said) == (0, "3 stacks: 3 done.\n")
    assert tenants.asked() == {"acme-waits": 1, "acme-wrong": 2}
    assert [job.dry_run for job in waiting.jobs] == [True, False]
    assert seen == {stack: {stack} for stack in tenants.zuoras}
    assert_kept_apart(tenants)

    assert tenants.fleet("status") == (0, "3 stacks: 3 done.\n")
    assert tenants.fleet("up") == (0, "3 stacks: 3 done.\n")
    assert tenants.asked() == {}


class Terminal:
    """A terminal with the fleet on it, as a person sits before it."""

    def __init__(self, tenants: Tenants, *words: str) -> None:
        """Start the fleet."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x28\0\x78\0\0\0\0\0")  # 40 lines of 120
        tenants.env.update(TERM="xterm-256color")
        self.process = tenants.start(
            *words,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._bytes = b""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, shown: bytes) -> None:
        """Wait until something is on the screen."""
        with self._news:
            assert self._news.wait_for(lambda: shown in self._bytes, 120)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and everything that was on the screen."""
        code = self.process.wait(250)
        self._reader.join()
        os.close(self._master)
        return code, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", self._bytes.decode())

    def _read(self) -> None:
        while True:
            try:
                read = os.read(self._master, 65536)
            except OSError:  # the last process of the terminal has ended
                return
            with self._news:
                self._bytes += read
                self._news.notify()


@pytest.mark.parametrize("how", ["typed", "sent"])
def test_ctrl_c_stops_cleanly(tenants: Tenants, how: str) -> None:
    """The wait ends, its job runs on, no lock is left; the next run goes on with both."""
    first = tenants.add("acme-first", "wait", job_duration_s=None)
    second = tenants.add("acme-second", "wait")
    words = ("up", "--parallel", "1")
    if how == "typed":
        terminal = Terminal(tenants, *words)
        terminal.wait_for(b"RatePlanCharge PROCESSING")
        (cli,) = processes(first, "pulumi", "up")
        assert os.getsid(cli) == cli  # else it would be interrupted twice, and leave a lock
        terminal.type(b"\x03")
        code, screen = terminal.end()
        assert re.search(r"stack +tenant +status +time +note", screen)
        assert re.search(r"acme-first +10001 .*running.* RatePlanCharge PROCESSING", screen)
    else:
        polled = threading.Event()
        first.on_answer = lambda _: polled.set() if first.count(Operation.GET) >= 3 else None
        process = tenants.start(*words)
        assert polled.wait(120)
        process.send_signal(signal.SIGTERM)
        said, lines = process.communicate(timeout=250)
        code, screen = process.returncode, lines + said
        assert re.search(r"^acme-first running after \d+ s", screen, re.MULTILINE)
        assert "\x1b" not in screen
    assert code == 130
    assert "No other stack starts, and waits end. Jobs that run in Zuora run on." in screen
    assert screen.endswith("2 stacks: 2 not done yet.\n")
    (job,) = first.jobs
    assert (job.status, second.requests) == ("PROCESSING", [])
    assert [path for path in tenants.backend.rglob("locks/**/*") if path.is_file()] == []

    first.finish(job.id)
    code, said = tenants.fleet("up")
    assert (code, tenants.asked()) == (3, {"acme-first": 0, "acme-second": 1})
    assert said.endswith("2 stacks: 2 waits for approval.\n")


@pytest.mark.timeout(1800)
def test_twenty_tenants(tenants: Tenants) -> None:
    """Of 20, one fails, one is slow, one waits; the second run asks the two that are left."""
    normal = [f"acme-{number:02}" for number in range(1, 18)]
    for stack in normal:
        tenants.add(stack, "auto")
    tenants.add("acme-slow", "auto", job_duration_s=20)
    waiting = tenants.add("acme-waits", "wait")
    wrong = tenants.add("acme-wrong", "auto")
    secret = tenants.variable("acme-wrong", "SECRET")
    tenants.env[secret] = "wrong"

    code, said = tenants.fleet("up", "--parallel", "5")
    assert code == 1
    assert said.endswith("20 stacks: 18 done, 1 waits for approval, 1 failed.\n")
    assert tenants.lived() == {
        **{stack: [True, False] for stack in [*normal, "acme-slow"]},
        "acme-waits": [True],
        "acme-wrong": [],
    }
    (dry_run,) = waiting.jobs
    tenants.approvals["acme-waits"] = dry_run.id
    tenants.env[secret] = wrong.client_secret

    assert tenants.fleet("up", "--parallel", "5") == (0, "20 stacks: 20 done.\n")
    assert tenants.asked() == {"acme-waits": 1, "acme-wrong": 2}
    assert tenants.lived() == {stack: [True, False] for stack in tenants.zuoras}
    assert_kept_apart(tenants)
