"""
What create does: the job is started, found again or taken over, and its outputs are returned.

Knows nothing of Pulumi's dynamic host, like its siblings: an adapter for the plugin protocol can
call the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_zuora_backfill.connection import Voice, Zuora
from pulumi_zuora_backfill.contract.attempt import Attempt
from pulumi_zuora_backfill.contract.intent import key_for
from pulumi_zuora_backfill.contract.start_request import StartedJob
from pulumi_zuora_backfill.contract.tenant_check import place_of
from pulumi_zuora_backfill.errors import JobError, JobRefusedError, OutcomeUnknownError
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.zuora.models import JobStatus

from .dry_run_proof import ran
from .identity import Identity
from .outputs import INPUT_NAMES, PLACE, known, outputs_of, secret_again
from .stack_state import StackState
from .start import Start, id_of_attempt, prepare_start, start_job, take_over


class PartlyCreatedError(JobError):
    """
    No job is there that is known of, and state has to keep what the next `up` continues from.

    Attributes:
        id: The resource id.
        outputs: What state keeps.
        unrecorded: The text for a host that cannot keep it.
    """

    def __init__(
        self, error: OutcomeUnknownError | JobRefusedError, id_: str, outputs: dict[str, Any]
    ) -> None:
        """Keep the record beside the text."""
        super().__init__(error.message, error.hint)
        self.id = id_
        self.outputs = outputs
        way_on = error.unrecorded_hint if isinstance(error, OutcomeUnknownError) else error.hint
        self.unrecorded = f"{error.message}\n{way_on}"


def create_job(
    zuora: Zuora,
    settings: Settings,
    inputs: Mapping[str, Any],
    identity: Identity,
    voice: Voice,
    *,
    predecessor: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Start the job, or take over the one that is there, and return its outputs.

    Args:
        zuora: The connection.
        settings: Today's settings.
        inputs: The checked inputs.
        identity: Which resource this is.
        voice: How to speak to the user.
        predecessor: Outputs of the job or the attempt before, as the engine showed them in this
            run; ``None`` if it showed nothing.

    Raises:
        PartlyCreatedError: It is not known whether a job was started; state keeps the attempt.
        ZuoraBackfillError: There is no job that this resource may call its own.
    """
    state = StackState.from_input(inputs.get("past"))
    start = prepare_start(zuora, settings, inputs, identity, predecessor, state)
    if inputs.get("existingJobId") is not None:
        job = take_over(zuora, start, voice)
        started: dict[str, Any] = {"recovered": False}
    else:
        try:
            submitted = start_job(zuora, settings, start)
        except (OutcomeUnknownError, JobRefusedError) as error:
            if error.attempt is None:
                raise
            raise PartlyCreatedError(
                error, id_of_attempt(start), _attempt_outputs(start, error.attempt)
            ) from error
        job = submitted.job
        if submitted.remark:
            voice.warn(submitted.remark)
        started = _started(submitted)
    voice.status(f"Job {job.id} is {job.status}.")
    return _kept_secret(
        start,
        {
            **_declared(start),
            **started,
            **outputs_of(job),
            "ran": ran(start.intent),
            "history": start.history.with_job(
                key_for(start.intent),
                job.id,
                dry_run=start.intent.dry_run and inputs.get("existingJobId") is None,
            ).to_state(),
        },
    )


def _declared(start: Start) -> dict[str, Any]:
    return {
        **{name: start.inputs.get(name) for name in INPUT_NAMES},
        **place_of(start.intent.base_url, start.intent.tenant_id, start.scope),
    }


def _attempt_outputs(start: Start, attempt: Attempt) -> dict[str, Any]:
    """Return what state keeps of an attempt, and the history that nothing else has."""
    return _kept_secret(
        start,
        {
            **_declared(start),
            "status": JobStatus.REFUSED.value if attempt.refused else JobStatus.UNKNOWN.value,
            "history": start.history.to_state(),
            "attempt": attempt.to_state(),
        },
    )


def _started(started: StartedJob) -> dict[str, Any]:
    return {
        "idempotencyKey": started.idempotency_key,
        "trackId": started.track_id,
        "requestId": started.request_id,
        "recovered": started.recovered,
    }


def _kept_secret(start: Start, outputs: Mapping[str, Any]) -> dict[str, Any]:
    markers = {
        "secretHistory": start.secret or bool(start.predecessor.get("secretHistory")),
        "secretPlace": not start.identity.secrets.isdisjoint(PLACE),
    }
    return secret_again(known({**outputs, **{name: on or None for name, on in markers.items()}}))
