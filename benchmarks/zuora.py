"""A local Zuora in a process of its own, so that it shares no interpreter with what is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pulumi_zuora_backfill.testing import Sandbox

_NO_LIMIT = 1_000_000  # a token for each job would be refused soon, and be measured as a wait


@contextmanager
def local_zuora(
    answer_ms: int, environment: Mapping[str, str], job_duration_s: float | None = None
) -> Iterator[dict[str, str]]:
    """
    Serve an empty tenant, and hand out the environment that leads to it.

    Args:
        answer_ms: How long each answer takes.
        environment: Of the process.
        job_duration_s: How long a job runs; `None`: for ever.

    Raises:
        RuntimeError: It did not start.
    """
    with subprocess.Popen(
        [sys.executable, "-m", __name__, json.dumps([answer_ms / 1000, job_duration_s])],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        told = process.stdout.readline()
        if not told:
            raise RuntimeError("The local Zuora did not start; the reason stands above.")
        yield json.loads(told)
        process.stdin.close()  # which ends it


def serve(answer_time_s: float, job_duration_s: float | None) -> None:
    """Serve until the other side closes the pipe."""
    with Sandbox(
        answer_time_s=answer_time_s,
        job_duration_s=job_duration_s,
        requests_per_minute=_NO_LIMIT,
        token_requests_per_minute=_NO_LIMIT,
        requests_at_once=_NO_LIMIT,
    ) as zuora:
        print(json.dumps(zuora.environment()), flush=True)  # read by the other side
        sys.stdin.read()


if __name__ == "__main__":
    serve(*json.loads(sys.argv[1]))
