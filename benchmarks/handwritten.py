"""
A dynamic provider as tutorials write it.

It uses `requests`, and a new token and a new connection for every job. It starts a second job when
an answer is lost. It is here to be measured, not to be copied.
"""

from __future__ import annotations

import os
from typing import Any

import pulumi
import requests
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class HandWrittenProvider(ResourceProvider):
    """Gets a token, starts the job, keeps its id."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Start the job."""
        base_url = os.environ["ZUORA_BASE_URL"]
        form = {
            "client_id": os.environ["ZUORA_CLIENT_ID"],
            "client_secret": os.environ["ZUORA_CLIENT_SECRET"],
            "grant_type": "client_credentials",
        }
        token = requests.post(f"{base_url}/oauth/token", data=form, timeout=30)
        token.raise_for_status()
        started = requests.post(
            f"{base_url}/v1/uno/data-backfill/propagation/jobs",
            json={
                "type": props["type"],
                "batchSize": int(props["batchSize"]),
                "dryRun": props["dryRun"],
            },
            headers={"Authorization": f"Bearer {token.json()['access_token']}"},
            timeout=30,
        )
        started.raise_for_status()
        job_id = started.json()["jobId"]
        return CreateResult(job_id, {**props, "jobId": job_id})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Start another job when an argument changes."""
        changed = [
            name for name in ("type", "batchSize", "dryRun") if _olds.get(name) != _news.get(name)
        ]
        return DiffResult(changes=bool(changed), replaces=changed)


class HandWritten(Resource, module="benchmarks", name="HandWritten"):
    """A backfill job."""

    job_id: pulumi.Output[str]

    def __init__(self, name: str) -> None:
        """Declare it."""
        props = {"type": "RatePlanCharge", "batchSize": 1000, "dryRun": False, "jobId": None}
        super().__init__(HandWrittenProvider(), name, props)
