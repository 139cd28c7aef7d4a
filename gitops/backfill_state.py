"""
Tells a pipeline what a stack's state says of its backfill jobs. It asks neither Zuora nor Pulumi.

Copy it beside `Pulumi.yaml`; it needs Python and nothing else.

    pulumi stack export --stack prod | python backfill_state.py ended-well
    pulumi stack export --stack prod | python backfill_state.py waiting

`ended-well` prints each job, and exits with 4 if one did not end well. Run `pulumi refresh` first:
state knows what the last look has seen. `waiting` prints `waiting=true` if a job is there whose end
no wait has seen yet, else `waiting=false`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

JOB = "pulumi-python:dynamic/zuora:BackfillJob"
COMPLETION = "pulumi-python:dynamic/zuora:BackfillCompletion"
RESOURCE_FAILED = 4  # what the pulumi CLI exits with for a resource that failed
FINE = {"ACCEPTED", "PROCESSING", "COMPLETED"}


def outputs_of(state: Mapping[str, Any], type_token: str) -> dict[str, dict[str, Any]]:
    """Return what state keeps of the resources of a type, by URN; what is being replaced aside."""
    resources = (state.get("deployment") or {}).get("resources") or []
    return {
        resource["urn"]: resource.get("outputs") or {}
        for resource in resources
        if resource["type"] == type_token and not resource.get("delete")
    }


def ended_well(state: Mapping[str, Any]) -> bool:
    """Print how each job stands; tell whether none failed, was stopped, or is not known."""
    well = True
    for urn, job in outputs_of(state, JOB).items():
        status = job.get("status") or "NOT KNOWN"
        well = well and status in FINE
        print(f"{status:10} {job.get('jobId') or 'no job id yet'} {urn}")
    return well


def is_waiting(state: Mapping[str, Any]) -> bool:
    """Tell whether there is a job that no completion in state has seen to its end."""
    waits = outputs_of(state, COMPLETION).values()
    seen = {None, *(job_id for wait in waits for job_id in wait.get("jobIds") or [])}
    return any(job.get("jobId") not in seen for job in outputs_of(state, JOB).values())


def main(question: str = "", *more: str) -> int:
    """Answer one question about the state on stdin; the result is the exit code."""
    if more or question not in ("ended-well", "waiting"):
        print(__doc__, file=sys.stderr)
        return 2
    state = json.load(sys.stdin)
    if question == "ended-well":
        return 0 if ended_well(state) else RESOURCE_FAILED
    print(f"waiting={str(is_waiting(state)).lower()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
