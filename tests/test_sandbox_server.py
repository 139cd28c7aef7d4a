"""The sandbox as a server: connections, hooks, held answers, stop and start, and the command."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from pulumi_zuora_backfill.testing.sandbox import Fault, Operation, RecordedRequest, Sandbox
from tests.test_sandbox_caller import JOBS, NEW, Caller, caller, codes, zuora

__all__ = ["caller", "zuora"]  # pytest finds fixtures by name

COMMAND = [sys.executable, "-m", "pulumi_zuora_backfill.testing.sandbox"]


def test_connections_are_kept_alive(caller: Caller) -> None:
    """One session is one connection, failures included; a dropped one is followed by a new one."""
    caller.zuora.plan(Fault.HTML_502, on=Operation.LIST)
    for _ in range(3):
        caller.create()
        caller.list()
        caller.call("DELETE", "", {"some": "body"})
    assert {request.connection for request in caller.zuora.requests} == {
        2
    }  # the first one was the token's
    caller.zuora.plan(Fault.CONNECTION_DROPPED_BEFORE)
    with pytest.raises(requests.ConnectionError):
        caller.list()
    caller.list()
    assert caller.zuora.connections == 3


def test_head_does_not_upset_the_connection(caller: Caller) -> None:
    """A HEAD has no body, so that the next answer on the connection is read right."""
    assert caller.call("HEAD", "", None).status_code == 200
    assert caller.list().json() == {"success": True, "jobs": []}


@pytest.mark.parametrize("sent", [0, 10])
def test_half_a_request_is_none(caller: Caller, sent: int) -> None:
    """A client that dies while it sends has asked for nothing.

    No record, no job, and no refusal saved under its key.
    """
    zuora = caller.zuora
    whole = requests.Request(
        "POST",
        zuora.base_url + JOBS,
        headers={**caller.session.headers, "Idempotency-Key": "k"},
        json=NEW,
    ).prepare()
    assert isinstance(whole.body, bytes)
    head = "".join(f"{name}: {value}\r\n" for name, value in whole.headers.items())
    with socket.create_connection(("127.0.0.1", int(zuora.base_url.rsplit(":", 1)[1]))) as client:
        client.sendall(
            f"POST {whole.path_url} HTTP/1.1\r\nHost: zuora\r\n{head}\r\n".encode()
            + whole.body[:sent]
        )
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert (zuora.requests, zuora.jobs) == ([], [])
    assert caller.create(key="k").status_code == 200


def test_parallel_requests_make_one_job_for_one_key(zuora: Sandbox) -> None:
    """However many clients use one key at once, there is one job.

    Whoever comes while it is made reads 409.
    """

    def create(_: int) -> int:
        return Caller(zuora).create(key="k").status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(create, range(24)))
    assert statuses <= {200, 409}
    assert len(zuora.jobs) == 1


def test_too_many_requests_at_once_are_refused() -> None:
    """The concurrency limit is 429, category 70, and not saved."""
    with ThreadPoolExecutor(1) as pool, Sandbox(requests_at_once=1) as zuora:
        caller = Caller(zuora)
        zuora.plan(Fault.HANG, on=Operation.LIST)
        held = pool.submit(Caller(zuora).list)
        zuora.wait_until_held()
        assert codes(caller.create(key="k")) == [(429, "70")]
        zuora.release()
        assert held.result().status_code == 200
        assert caller.create(key="k").status_code == 200


def test_answers_take_as_long_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """`answer_time_s` delays each answer once the work is done, the token's too.

    It delays no other connection.
    """
    slept: list[tuple[float, int]] = []
    with Sandbox(answer_time_s=3) as zuora:
        monkeypatch.setattr("time.sleep", lambda seconds: slept.append((seconds, len(zuora.jobs))))
        Caller(zuora).create()
    assert slept == [(3, 0), (3, 1)]


def test_hooks_see_each_request_at_its_point(caller: Caller) -> None:
    """`on_request` comes before the work, `on_answer` after it and before the answer."""
    seen: list[tuple[str, int, int | None]] = []

    def note(point: str, request: RecordedRequest) -> None:
        seen.append((point, len(caller.zuora.jobs), request.status))

    caller.zuora.on_request = lambda request: note("request", request)
    caller.zuora.on_answer = lambda request: note("answer", request)
    caller.create()
    caller.zuora.plan(Fault.CONNECTION_DROPPED_AFTER)
    with pytest.raises(requests.ConnectionError):
        caller.create()
    assert seen == [
        ("request", 0, None),
        ("answer", 1, 200),
        ("request", 1, None),
        ("answer", 2, None),
    ]


def test_fault_planned_in_a_hook_meets_the_request(caller: Caller) -> None:
    """A hook may decide about the request that it sees."""
    caller.zuora.on_request = lambda _: caller.zuora.plan(Fault.GATEWAY_404)
    assert caller.list().status_code == 404


def test_failing_hook_is_shown(caller: Caller, capfd: pytest.CaptureFixture[str]) -> None:
    """An exception in a hook is printed, and its request gets no answer."""

    def fail(_: RecordedRequest) -> None:
        msg = "a fault of the test"
        raise AssertionError(msg)

    caller.zuora.on_request = fail
    with pytest.raises(requests.ConnectionError):
        caller.list()
    assert "AssertionError: a fault of the test" in capfd.readouterr().err


@pytest.mark.parametrize("made", [True, False])
def test_hang_holds_the_answer_until_released(caller: Caller, made: bool) -> None:
    """The job is made before the wait or after it; the answer comes with the release."""
    caller.zuora.plan(Fault.HANG, on=Operation.CREATE, job_is_made=made)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(caller.create)
        caller.zuora.wait_until_held()
        assert len(caller.zuora.jobs) == made
        assert not answer.done()
        caller.zuora.release()
        assert answer.result().json()["jobId"] == caller.zuora.jobs[0].id


@pytest.mark.parametrize("made", [True, False])
def test_stop_drops_what_is_held(zuora: Sandbox, made: bool) -> None:
    """A stopped server sends nothing any more.

    A job that was to be made after the release is never made.
    """
    zuora.plan(Fault.HANG, on=Operation.CREATE, job_is_made=made)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(Caller(zuora).create, key="k")
        zuora.wait_until_held()
        zuora.stop()
        assert isinstance(answer.exception(), requests.ConnectionError)
    assert len(zuora.jobs) == made
    assert zuora.requests[-1].status is None


def test_hang_holds_again_after_a_restart(zuora: Sandbox) -> None:
    """A stop lets go of what is held then, not of what comes later."""
    zuora.stop()
    with ThreadPoolExecutor(1) as pool, zuora:
        zuora.plan(Fault.HANG, on=Operation.CREATE)
        answer = pool.submit(Caller(zuora).create)
        zuora.wait_until_held()
        zuora.release()
        assert answer.result().json()["jobId"] == zuora.jobs[0].id


def test_state_and_address_survive_a_stop(zuora: Sandbox) -> None:
    """A sandbox that is started again serves the same tenant at the same address."""
    caller, url = Caller(zuora), zuora.base_url
    job_id = caller.create(key="k").json()["jobId"]
    zuora.stop()
    zuora.stop()
    with pytest.raises(requests.ConnectionError):
        caller.list()
    zuora.start()
    assert zuora.base_url == url
    assert caller.create(key="k").json()["jobId"] == job_id
    assert zuora.connections == 3
    with pytest.raises(RuntimeError, match="started already"):
        zuora.start()


def test_address_is_unknown_before_the_start() -> None:
    """A sandbox that was never started says so."""
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = Sandbox().base_url


def test_environment_points_at_the_sandbox(zuora: Sandbox) -> None:
    """The three variables that the provider reads."""
    assert zuora.environment() == {
        "ZUORA_BASE_URL": zuora.base_url,
        "ZUORA_CLIENT_ID": zuora.client_id,
        "ZUORA_CLIENT_SECRET": zuora.client_secret,
    }


def test_seed_repeats_ids() -> None:
    """Two sandboxes of one seed have the same credentials and job ids.

    It does not matter how often their clients asked.
    """

    def ids(lists: int) -> tuple[str, str, str]:
        with Sandbox(seed=7) as zuora:
            caller = Caller(zuora)
            for _ in range(lists):
                caller.list()
            return zuora.client_id, zuora.client_secret, caller.create().json()["jobId"]

    assert ids(0) == ids(3)
    assert Sandbox().client_id != Sandbox().client_id


def test_clock_does_not_go_back(zuora: Sandbox) -> None:
    """Nothing becomes younger."""
    with pytest.raises(ValueError, match="only goes forward"):
        zuora.clock.advance(-1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_until_a_signal(number: signal.Signals) -> None:
    """It prints what a shell can eval, serves, and ends without a trace."""
    with subprocess.Popen(
        [*COMMAND, "--job-duration", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as it:
        assert it.stdout
        lines = [it.stdout.readline() for _ in range(3)]
        shell = (
            "".join(lines)
            + 'printf "%s\\n" "$ZUORA_BASE_URL" "$ZUORA_CLIENT_ID" "$ZUORA_CLIENT_SECRET"'
        )
        url, client_id, secret = subprocess.check_output(["sh", "-c", shell], text=True).split()
        form = {"client_id": client_id, "client_secret": secret, "grant_type": "client_credentials"}
        token = requests.post(f"{url}/oauth/token", data=form, timeout=10).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        jobs = f"{url}/v1/uno/data-backfill/propagation/jobs"
        job_id = requests.post(jobs, json=NEW, headers=headers, timeout=10).json()["jobId"]
        assert (
            requests.get(f"{jobs}/{job_id}", headers=headers, timeout=10).json()["job"]["status"]
            == "COMPLETED"
        )
        it.send_signal(number)
        assert it.communicate(timeout=20) == ("", "")
        assert it.returncode == 0


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--port", "99999"], ["--nonsense"]])
def test_command_refuses_bad_arguments(arguments: list[str]) -> None:
    """A bad argument is one clear line."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"sandbox: error: .*", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr


def test_command_refuses_a_port_in_use(zuora: Sandbox) -> None:
    """A taken port is one clear line."""
    port = zuora.base_url.rpartition(":")[2]
    done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"cannot listen on port {port}" in done.stderr.splitlines()[-1]


def test_missing_werkzeug_is_explained() -> None:
    """Without Werkzeug the import says what to install."""
    program = (
        "import sys; sys.modules['werkzeug'] = None; import pulumi_zuora_backfill.testing.sandbox"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert "install `pulumi-zuora-backfill[testing]`" in done.stderr.splitlines()[-1]


def test_command_without_werkzeug_is_one_line(tmp_path: Path) -> None:
    """The command says what to install, and nothing else."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['werkzeug'] = None")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The sandbox needs Werkzeug: install `pulumi-zuora-backfill[testing]`.\n"
