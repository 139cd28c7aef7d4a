"""What the user is told: whether a refusal has a reason, says enough and no more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_zuora_backfill.errors import (
    AmbiguousJobError,
    GuardError,
    InputError,
    JobError,
    JobRefusedError,
    JobStillRunningError,
    OutcomeUnknownError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.job.create import PartlyCreatedError
from pulumi_zuora_backfill.testing.sandbox import Operation, RecordedRequest

from .oracle import DAY_S, Oracle, Start, started_in

_RUNNING = ("ACCEPTED", "PROCESSING")
_CLOCKS_DIFFER_S = 61.0
_TIME = r"before \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def is_refused(error: ZuoraBackfillError) -> bool:
    """Tell whether Zuora refused the job, whether or not state keeps the refusals that it saved."""
    return isinstance(error, JobRefusedError) or (
        isinstance(error, PartlyCreatedError) and error.outputs["status"] == "REFUSED"
    )


class Judge(Oracle):
    """An oracle that hears the errors themselves, and judges them too."""

    def refused(self, error: ZuoraBackfillError, requests: Sequence[RecordedRequest]) -> None:
        """Judge what the user is told."""
        text = str(error)
        assert self._zuora.client_secret not in text
        tokens = {r.headers.get("Authorization", "").removeprefix("Bearer ") for r in requests}
        assert not any(token in text for token in tokens - {""})
        made = started_in(requests)
        assert not made or isinstance(error, PartlyCreatedError | AmbiguousJobError), (
            f"{made} told as none: {error}"
        )
        assert not isinstance(error, OutcomeUnknownError), "a start leaves state without a record"
        operations = [request.operation for request in requests]
        if isinstance(error, GuardError):
            # A POST that was turned away (429) may stand before it, and has started nothing.
            assert not made, "I5: sent although refused"
            assert "known_job_ids" in text or "may have started a live" in text
        if isinstance(error, AmbiguousJobError):
            assert operations[-1] is not Operation.CREATE, "I5: sent although undecided"
            assert "triggers" in text
            assert "existing_job_id" in text or "in a row" in text
        if isinstance(error, PartlyCreatedError) and is_refused(error):
            assert not made, f"{made} told as none: {error}"
            assert "No job was started." in text
        elif isinstance(error, PartlyCreatedError) and "No job was started." in text:
            # A saved refusal of a key whose answer was lost before; state keeps the record open.
            assert not made, f"{made} told as none: {error}"
        elif isinstance(error, PartlyCreatedError):
            assert re.search(f"`pulumi up` again {_TIME}", text)
            assert "guard" in text
            assert "`pulumi up` again" in error.unrecorded
            assert not re.search(_TIME, error.unrecorded), "a promise that no state can keep"

    def excuses(
        self,
        error: ZuoraBackfillError,
        inputs: Mapping[str, Any],
        start: Start | None,
        predecessor: str | None,
        beside: Sequence[str],
    ) -> bool:
        """
        Tell whether a calm run may be refused like this.

        Args:
            error: The refusal.
            inputs: What is declared.
            start: What the user asks for.
            predecessor: The job to be replaced.
            beside: Names of the stack's other live jobs of the type.
        """
        text, jobs = str(error), {job.id: job for job in self._zuora.jobs}
        existing = inputs.get("existingJobId")
        if isinstance(error, InputError) and "a dry run, which can be no live job" in text:
            return existing in jobs and jobs[existing].dry_run
        if isinstance(error, GuardError) and "of this stack may have started a live" in text:
            return inputs["guard"] != "none"
        if isinstance(error, GuardError) and "of this stack is a live" in text:
            return inputs["guard"] != "none" and any(repr(name) in text for name in beside)
        if isinstance(error, GuardError) and start is not None:
            found = [
                job
                for job in self.standing(start, explain=False)
                if not self.own_and_open(start, job)
            ]
            named = [job for job in found if job.id in text]
            # Also by a dry run that has taken a job over: nobody knows that it is none.
            held_here = re.search(r"held by '\w+' of this stack", text) is not None
            assert named or held_here or not found, f"I5: candidates are not named: {found}, {text}"
            if "held by" not in text:
                missing = [job for job in self.standing(start) if job.id not in text]
                assert not missing, f"I5: not all candidates are named: {missing}, {text}"
            return inputs["guard"] != "none" and bool(named or held_here)
        if isinstance(error, AmbiguousJobError) and start is not None:
            if any(job_id in text for job_id in self._purged):
                return True
            now = self._zuora.clock.now()
            return any(
                job.id in text
                and not self.own_and_open(start, job)
                and (start.guarded or now - job.created_s <= DAY_S + _CLOCKS_DIFFER_S)
                for job in self.standing(start, explain=False)
            )
        if isinstance(error, JobStillRunningError):
            return predecessor in jobs and jobs[predecessor].status in _RUNNING
        if isinstance(error, InputError):
            return existing is not None and existing == predecessor
        if is_refused(error) and start is not None:
            another_body = (
                self._zuora.behaviours.same_key_other_body_status == 422
                and len(start.wish.batch_sizes) > 1
            )
            # More than two saved refusals in a row are left to a day's wait.
            return another_body or self.refusals(start.wish) > 2
        if type(error) is JobError:
            return existing in self._purged or (
                existing in jobs and jobs[existing].type != inputs["type"]
            )
        return False
