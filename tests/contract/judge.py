"""What the user is told: whether a refusal has a reason, says enough and no more, and what it promises."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
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
from pulumi_zuora_backfill.testing.sandbox import Operation, RecordedRequest

from .oracle import DAY_S, GUARDS_AGE_S, Oracle, Wish


class Judge(Oracle):
    """An oracle that hears the errors themselves, and judges them too."""

    def ended(
        self,
        wish: Wish | None,
        pipeline: int,
        error: BaseException | None,
        requests: Sequence[RecordedRequest],
    ) -> None:
        """Note how an attempt ended: with a promise until when it may be repeated, or without."""
        if wish is None or not any(request.operation is Operation.CREATE for request in requests):
            return
        wish.pipelines.add(pipeline)
        if isinstance(error, OutcomeUnknownError) and "used only once" not in str(error):
            # A strict guard names the job at any time, and so no time is told; once the guard is another, the key counts, as long as it lives.
            told = re.findall(r"before (\S+Z) ", str(error))
            until_s = [
                datetime.fromisoformat(until.replace("Z", "+00:00")).timestamp() for until in told
            ]
            wish.promised_s = min(
                wish.promised_s, *(until_s or [self._zuora.clock.now() + GUARDS_AGE_S])
            )
        elif error is not None:
            wish.trusting = False

    def refused(self, error: ZuoraBackfillError, requests: Sequence[RecordedRequest]) -> None:
        """Judge what the user is told."""
        text = str(error)
        assert self._zuora.client_secret not in text
        tokens = {
            request.headers.get("Authorization", "").removeprefix("Bearer ") for request in requests
        } - {""}
        assert not any(token in text for token in tokens)
        keys = {
            request.headers.get("Idempotency-Key")
            for request in requests
            if request.operation is Operation.CREATE
        }
        began_s = min((request.at for request in requests), default=0.0)
        made = [
            job.id
            for job in self._zuora.jobs
            if job.idempotency_key in keys and job.created_s >= began_s
        ]
        assert not made or isinstance(error, OutcomeUnknownError | AmbiguousJobError), (
            f"{made} told as none: {error}"
        )
        operations = [request.operation for request in requests]
        if isinstance(error, GuardError):
            assert Operation.CREATE not in operations, "I5: sent although refused"
            assert "existing_job_id" in text
            assert "known_job_ids" in text
        if isinstance(error, AmbiguousJobError):
            assert operations[-1] is not Operation.CREATE, "I5: sent although it cannot be decided"
            assert "triggers" in text
            assert "existing_job_id" in text or "in a row" in text
        if isinstance(error, OutcomeUnknownError):
            assert re.search(
                r"`pulumi up` again( before \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\. .*guard='strict' names it)",
                text,
            )

    def excuses(
        self,
        error: ZuoraBackfillError,
        inputs: Mapping[str, Any],
        accounted: Collection[str],
        predecessor: str | None,
        wish: Wish | None,
    ) -> bool:
        """
        Tell whether a calm run may be refused like this.

        Args:
            error: The refusal.
            inputs: What is declared.
            accounted: The jobs that the state holds.
            predecessor: The job to be replaced.
            wish: What the user asks for.
        """
        text = str(error)
        jobs = {job.id: job for job in self._zuora.jobs}
        explained = {*accounted, *inputs.get("knownJobIds", ())}
        open_ = [
            job for job in jobs.values() if job.type == inputs["type"] and job.id not in explained
        ]
        now = self._zuora.clock.now()
        existing = inputs.get("existingJobId")
        if isinstance(error, AmbiguousJobError):
            named = {job_id for job_id in self._purged if job_id in text}
            recent = [job for job in open_ if now - job.created_s <= DAY_S + 61]
            if recent and not named:
                walked_past = {job.id for job in recent if job.status == "STOPPED"}
                assert all(job.id in text or job.id in walked_past for job in recent), (
                    f"I5: not all candidates are named: {recent}, {text}"
                )
            return bool(named or recent)
        if isinstance(error, GuardError):
            found = [
                job
                for job in open_
                if inputs["guard"] == "strict" or now - job.created_s >= GUARDS_AGE_S - 1
            ]
            assert all(
                job.id in text for job in found if job.status not in ("FAILED", "STOPPED")
            ), "I5: not all candidates are named"
            return bool(found) and inputs["guard"] != "none"
        if isinstance(error, JobStillRunningError):
            return predecessor in jobs and jobs[predecessor].status in ("ACCEPTED", "PROCESSING")
        if isinstance(error, InputError):
            return existing is not None and existing == predecessor
        if isinstance(error, JobRefusedError):
            return (
                self._zuora.behaviours.same_key_other_body_status == 422
                and wish is not None
                and len(wish.batch_sizes) > 1
            )
        if type(error) is JobError:
            return existing in self._purged or (
                existing in jobs and jobs[existing].type != inputs["type"]
            )
        return False
