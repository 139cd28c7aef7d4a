"""
The lifecycle of a BackfillJob: what create, read, update and delete do, in plain data.

Knows nothing of Pulumi's dynamic host, so that an adapter for the plugin protocol can call the same
functions. Properties are in wire names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pulumi_zuora_backfill.clock import Clock
from pulumi_zuora_backfill.connection import Voice, Zuora
from pulumi_zuora_backfill.contract.attempt import Attempt
from pulumi_zuora_backfill.contract.intent import key_for
from pulumi_zuora_backfill.contract.start_request import StartedJob
from pulumi_zuora_backfill.contract.stopping import STOP_TIMEOUT_S, ensure_ended, stop_job
from pulumi_zuora_backfill.contract.tenant_check import (
    ensure_same_place,
    ensure_same_tenant,
    place_of,
    scope_in_state,
)
from pulumi_zuora_backfill.errors import (
    JobError,
    JobRefusedError,
    NotFoundError,
    OutcomeUnknownError,
)
from pulumi_zuora_backfill.properties import (
    CUSTOM_TIMEOUTS,
    INPUTS,
    OUTPUTS,
    PYTHON_NAMES,
    WIRE_NAMES,
)
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.settings.parsing import duration_s
from pulumi_zuora_backfill.zuora.models import ENDED, Job, JobStatus, iso
from pulumi_zuora_backfill.zuora.refusals import WHERE_TO_LOOK

from .differences import track_id_is_derived
from .dry_run_proof import ran
from .identity import Identity
from .inputs import secrets_of
from .stack_state import StackState
from .start import Start, id_of_attempt, prepare_start, start_job, take_over

_COUNTS = ("progress", "batchSentCount", "batchFinishedCount", "errorCount")
_INPUT_NAMES = (*(WIRE_NAMES[name] for name in INPUTS), CUSTOM_TIMEOUTS)
_MEMORY = ("history", "secretHistory", "attempt")
_PROPERTY_NAMES = (*_INPUT_NAMES, *(WIRE_NAMES[name] for name in OUTPUTS), *_MEMORY)
# Outputs that tell something of the triggers, and are secret where those are.
_DERIVED = ("idempotencyKey", "ran", "history", "attempt")


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


def read_job(
    zuora: Zuora, settings: Settings, id_: str, properties: Mapping[str, Any], voice: Voice
) -> dict[str, Any]:
    """
    Look the job up and return its outputs; a job that Zuora does not know keeps its state.

    Args:
        zuora: The connection.
        settings: Today's settings.
        id_: The resource id: the job to look up if there is no state.
        properties: Its outputs.
        voice: How to speak to the user.

    Raises:
        JobError: It is unknown and there is no state either: a ``get`` of a wrong id.
        ZuoraBackfillError: Zuora could not be asked, or is another tenant than the state's.
    """
    kept = {name: properties[name] for name in _PROPERTY_NAMES if properties.get(name) is not None}
    job_id = str(kept.get("jobId", id_))
    ensure_same_place(zuora.base_url, kept, settings)
    tenant_id = zuora.client.tenant_id()
    ensure_same_tenant(tenant_id, kept)
    scope = scope_in_state(kept, settings)
    try:
        job = zuora.client.get(job_id, scope)
    except NotFoundError as error:
        if "jobId" not in kept:
            raise JobError(
                f"Zuora does not know job {job_id} in {scope.described()}.",
                f"Check the id in {WHERE_TO_LOOK}, and the entity (ZUORA_ENTITY_IDS or "
                "zuora:entityIds): a job is only seen from its own entity.",
            ) from error
        voice.warn(
            f"Zuora no longer knows job {job_id}: it was purged, or the tenant was refreshed.\n"
            "State keeps it with the status UNKNOWN. No new job is started because of that."
        )
        return _secret_again({**kept, "status": JobStatus.UNKNOWN.value})
    _say_status(job, kept, voice)
    place = place_of(zuora.base_url, tenant_id, scope)
    seen = {**place, "type": job.type, "recovered": False, **kept, **outputs_of(job)}
    return _secret_again(_known(seen))


def unchanged(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs of an open attempt as they are; nothing is sent."""
    kept = {name: properties[name] for name in _PROPERTY_NAMES if properties.get(name) is not None}
    return _secret_again(kept)


def update_job(
    olds: Mapping[str, Any], news: Mapping[str, Any], changed: tuple[str, ...], voice: Voice
) -> dict[str, Any]:
    """Return the outputs after a change of state only; nothing is sent."""
    declared = {name: news.get(name) for name in _INPUT_NAMES}
    if declared["trackId"] is None and track_id_is_derived(olds):
        declared["trackId"] = olds["trackId"]
    if "batchSize" in changed:
        voice.info("Nothing was sent: the new batch_size counts at the next start.")
    elif changed:
        names = ", ".join(PYTHON_NAMES[name] for name in changed)
        voice.info(f"Nothing was sent; state keeps the new {names}.")
    outputs = _known({**{name: olds.get(name) for name in _PROPERTY_NAMES}, **declared})
    if "triggers" in secrets_of(news):
        outputs["secretHistory"] = True
    return _secret_again(outputs)


def delete_job(
    connect: Callable[[], Zuora],
    settings: Settings,
    clock: Clock,
    properties: Mapping[str, Any],
    voice: Voice,
    *,
    replacing: bool,
    kept_by: str | None = None,
    ended: bool = False,
) -> None:
    """
    Give up the job: ask it to stop if it may be stopped and may still run.

    Replacing a job that runs and may not be stopped is refused here already. State then stays as it
    is, and the change can be taken back.

    Args:
        connect: Returns the connection, if it is needed.
        settings: Today's settings.
        clock: Time.
        properties: The resource's outputs.
        voice: How to speak to the user.
        replacing: Whether another job replaces it.
        kept_by: The resource that holds the job or takes it over; it is not stopped then.
        ended: Whether this run has seen that the job has ended.

    Raises:
        JobStillRunningError: It did not stop in time, or it is replaced and may not be stopped.
        ZuoraBackfillError: Zuora could not be asked, or is another tenant than the state's.
    """
    job_id = properties.get("jobId")
    if job_id is None:
        _say_attempt_is_left(properties, voice, replacing=replacing)
        return
    if ended or properties.get("status") in ENDED:
        return
    may_be_stopped = properties.get("onDelete") == "stop" and not kept_by
    if not may_be_stopped and not replacing:
        goes_on = f"{kept_by!r} holds it" if kept_by else 'on_delete is "leave"'
        voice.info(
            f"Job {job_id} was not stopped: {goes_on}. If it still runs, Zuora continues it."
        )
        return
    if settings.base_url is not None:
        ensure_same_place(settings.base_url, properties, settings)
    zuora = connect()
    ensure_same_tenant(zuora.client.tenant_id(), properties)
    scope = scope_in_state(properties, settings)
    if not may_be_stopped:
        ensure_ended(
            zuora.client,
            job_id,
            properties.get("status"),
            scope,
            "To keep this job, take the change back: state still has it.",
        )
        return
    timeouts = properties.get(CUSTOM_TIMEOUTS) or {}
    timeout_s = duration_s(str(timeouts["delete"])) if timeouts.get("delete") else STOP_TIMEOUT_S
    job = stop_job(zuora.client, job_id, scope, clock, voice.status, timeout_s)
    if job is None:
        voice.info(f"Zuora no longer knows job {job_id}: there was nothing to stop.")


def outputs_of(job: Job) -> dict[str, Any]:
    """Return what Zuora tells of a job; counts only once it has ended."""
    counts = (job.progress, job.batch_sent_count, job.batch_finished_count, job.error_count)
    return {
        "jobId": job.id,
        "status": job.status,
        "createdOn": iso(job.created_on),
        "updatedOn": iso(job.updated_on),
        "zuoraUser": job.user,
        **dict(zip(_COUNTS, counts if job.ended else (None,) * 4, strict=True)),
    }


def _declared(start: Start) -> dict[str, Any]:
    return {
        **{name: start.inputs.get(name) for name in _INPUT_NAMES},
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


def _say_status(job: Job, kept: Mapping[str, Any], voice: Voice) -> None:
    """Tell of a job that has failed or was stopped, and of one that is seen to have ended."""
    if job.status in (JobStatus.FAILED, JobStatus.STOPPED):
        voice.warn(f"Job {job.id} is {job.status}. To run the backfill again, change triggers.")
    elif job.ended and kept.get("status") != job.status:
        errors = "unknown number of" if job.error_count is None else job.error_count
        voice.info(f"Job {job.id} is {job.status}, {errors} failed records.")


def _say_attempt_is_left(properties: Mapping[str, Any], voice: Voice, *, replacing: bool) -> None:
    """Say that nobody knows whether there is a job."""
    attempt = Attempt.from_state(properties.get("attempt"))
    if attempt and attempt.refused:
        return
    when = f" of {iso(attempt.began)}" if attempt else ""
    then = "The guard looks before the next one starts." if replacing else "Nothing was stopped."
    voice.warn(
        f"The attempt{when} may have started a {properties.get('type')} backfill in tenant "
        f"{properties.get('tenantId')}. {then} Look in {WHERE_TO_LOOK}."
    )


def _kept_secret(start: Start, outputs: Mapping[str, Any]) -> dict[str, Any]:
    secret = start.secret or bool(start.predecessor.get("secretHistory"))
    return _secret_again(_known({**outputs, "secretHistory": secret or None}))


def _secret_again(outputs: dict[str, Any]) -> dict[str, Any]:
    """Mark what tells something of secret triggers, in the engine's own notation."""
    if not outputs.get("secretHistory"):
        return outputs
    return outputs | {
        name: {
            "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
            "value": value,
        }
        for name in _DERIVED
        if (value := outputs.get(name)) is not None
    }


def _known(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
