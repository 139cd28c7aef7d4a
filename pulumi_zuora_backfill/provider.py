"""
The dynamic providers: Pulumi's calls in, plain functions out.

State refers to the classes by their path, so module and names stay for ever. They hold nothing when
they are serialised; settings are read, and credentials and client wired, in the plugin host only.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from . import dynamic_host
from .clock import Clock
from .completion import declared, waiting
from .connection import Voice, Zuora, connect
from .contract.tenant_check import place_mismatch, scope_in_force, scope_of
from .errors import ZuoraBackfillError
from .input_checks import is_unknown
from .job.create import PartlyCreatedError, create_job
from .job.delete import delete_job
from .job.differences import changes_between
from .job.identity import Identity, ensure_settings_arrive, identity_of
from .job.inputs import check_inputs, ensure_job_id
from .job.plan import (
    adopts_what_it_replaces,
    continuation_of,
    ensure_startable,
    is_open_attempt,
    plan_start,
)
from .job.read import read_job, unchanged
from .job.run_memory import RunMemory
from .job.stack_state import StackState
from .job.start import look_at_existing
from .job.update import update_job
from .settings.loading import Settings, load_settings

_VOICE = Voice(status=dynamic_host.status, info=dynamic_host.info, warn=dynamic_host.warn)

# One connection and one memory per process: all providers share one token and one silence.
_lock = threading.Lock()
_zuora: Zuora | None = None
_run = RunMemory()


@functools.cache
def _prepare_host() -> bool:
    """Make the plugin host fit, once per process; tell whether it has enough workers."""
    dynamic_host.hear_cancellation()
    return dynamic_host.lift_worker_limit()


def _warn_of_few_workers() -> None:
    """Say that waits will be slow, if the host could not be helped."""
    dynamic_host.warn(
        "Waits may hold up other resources: this version of Pulumi's plugin host serves four "
        "calls at a time.\nPut all jobs into the job_ids of one BackfillCompletion, and tell the "
        "maintainers of pulumi-zuora-backfill."
    )


class _ZuoraProvider(ResourceProvider):
    """What both providers share: the settings, and the connection."""

    serialize_as_secret_always = False  # nothing is captured, so there is nothing to hide

    def configure(self, req: ConfigureRequest) -> None:
        """Read the settings; what is missing is an error only when Zuora is needed."""
        self._stack_keys = dynamic_host.config_keys(req.config)
        # A project named zuora has keys of its own there: none of them is a misspelt setting.
        checked = [] if dynamic_host.is_project(req.config, "zuora") else self._stack_keys
        self._settings: Settings = load_settings(os.environ, req.config.get, checked)
        self._clock = Clock(sleep=dynamic_host.sleep)
        _prepare_host()

    def _connected(self) -> Zuora:
        """Wire everything that talks to Zuora, when it is needed for the first time."""
        global _zuora
        with _lock:
            if _zuora is None:
                _zuora = connect(self._settings, self._clock, dynamic_host.status)
            return _zuora

    def _identity(self, inputs: Mapping[str, Any]) -> Identity:
        """Return which resource is to send something, once all it needs has arrived."""
        identity = identity_of(inputs)
        ensure_settings_arrive(identity, self._settings, self._stack_keys)
        return identity


class BackfillJobProvider(_ZuoraProvider):
    """Serves `BackfillJob`; what each call does is the lifecycle table of the reference."""

    @dynamic_host.clean_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate; without olds a job will be started, so say so, or why it will not."""
        _hide_secrets(news)
        inputs, faults = check_inputs(_without_preview(news), preview=_run.preview)
        urn = _urn(inputs)
        state = StackState.from_input(inputs.get("past"))
        _run.checked(urn)
        _run.learn_of_program(urn, state, inputs.get("existingJobId"))
        if "past" in _olds:
            # Only a start needs it; a new one would be written to state whenever a job was added.
            inputs["past"] = _olds["past"]
        if not _olds and not faults:
            _run.to_start(urn, inputs)
            ensure_startable(inputs, self._settings, self._stack_keys, state, _run, urn)
            self._announce(inputs, urn, state.predecessor or None, ())
        return CheckResult(
            inputs, [CheckFailure(fault.wire_name, fault.reason) for fault in faults]
        )

    @dynamic_host.clean_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Tell another job from a change of state, and the reviewer what a replacement means."""
        urn, job_id = _urn(_news), _olds.get("jobId")
        mismatch = place_mismatch(self._settings.base_url, _olds, self._settings, scope_of(_news))
        if mismatch and _run.first_time(f"mismatch {urn}"):
            dynamic_host.warn(
                f"Job {job_id or '(id not known)'} in state belongs to {mismatch}.\nRefresh, "
                "destroy and replacement are refused until the settings fit."
            )
        changes = changes_between(job_id, _olds, _news, self._settings, preview=_run.preview)
        # A refresh asks too; it changes nothing about an attempt.
        attempt = is_open_attempt(_olds) and _run.declares(urn)
        if changes.replacing:
            if job_id is not None and _news.get("existingJobId") == job_id:
                raise adopts_what_it_replaces(job_id, changes.replacing)
            _run.show_before(urn, _olds)
            self._announce(_news, urn, _olds, changes.replacing)
        elif attempt:
            if _run.first_time(urn):
                _say(continuation_of(urn, _news, _olds, self._settings, self._clock.now()))
        elif (
            "existingJobId" in changes.state_only
            and _news.get("existingJobId") is None
            and "idempotencyKey" not in _olds
            and _run.first_time(f"line {urn}")
        ):
            dynamic_host.warn(
                f"Keep existing_job_id: job {job_id} was taken over, not started here.\nWithout "
                "that line only this stack's state knows that the job belongs to it."
            )
        _run.note_changes(urn, changes.state_only)
        return DiffResult(
            changes=attempt or bool(changes.replacing or changes.state_only),
            replaces=list(changes.replacing),
            delete_before_replace=True,
        )

    @dynamic_host.clean_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make sure that there is one job for these inputs."""
        outputs = self._start(props, _run.before(_urn(props)))
        return CreateResult(outputs["jobId"], outputs)

    @dynamic_host.clean_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look the job up; never report it gone. An open attempt stays as it is."""
        if is_open_attempt(props):
            return ReadResult(id_, unchanged(props))
        if "jobId" not in props:
            ensure_job_id(id_)
        zuora = self._connected()
        return ReadResult(id_, read_job(zuora, self._settings, id_, props, _VOICE))

    @dynamic_host.clean_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Continue an open attempt; otherwise keep what was declared anew and send nothing."""
        if is_open_attempt(_olds):
            return UpdateResult(self._start(_news, _olds, _id))
        return UpdateResult(update_job(_olds, _news, _run.changes(_urn(_news)), _VOICE))

    @dynamic_host.clean_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Stop the job if it may be stopped; refuse to replace one that runs and may not."""
        in_state = dynamic_host.served_urn()
        urn = _run.urn_now(in_state)
        job_id, replacement = _props.get("jobId"), _run.replacement_of(urn)
        if replacement is not None:
            _run.show_before(urn, _props)
            self._ensure_replaceable(job_id, replacement)
        try:
            delete_job(
                self._connected,
                self._settings,
                self._clock,
                _props,
                _VOICE,
                replacing=replacement is not None,
                kept_by=_run.kept_by(job_id, urn),
                ended=_run.has_ended(job_id),
            )
        except ZuoraBackfillError as error:
            if replacement is None:
                error.add_hint(
                    "If the tenant or the job is gone, remove the resource from the state:\n"
                    f"  pulumi state delete '{in_state}'"
                )
            raise

    def _ensure_replaceable(self, job_id: object, replacement: Mapping[str, Any]) -> None:
        """Look at the job that is taken over instead, while state still has the one before."""
        if replacement.get("existingJobId") is None:
            return
        if replacement["existingJobId"] == job_id:
            raise adopts_what_it_replaces(str(job_id))
        scope = scope_in_force(replacement, self._settings)
        look_at_existing(self._connected(), replacement, scope)

    def _start(
        self, props: dict[str, Any], before: Mapping[str, Any] | None, id_: str | None = None
    ) -> dict[str, Any]:
        """Start or continue; state keeps an attempt whose outcome is not known."""
        identity = self._identity(props)
        try:
            return create_job(
                self._connected(), self._settings, props, identity, _VOICE, predecessor=before
            )
        except PartlyCreatedError as error:
            raise dynamic_host.KeptInStateError(
                str(error), id_ or error.id, error.outputs, error.unrecorded
            ) from error

    def _announce(
        self,
        inputs: Mapping[str, Any],
        urn: str,
        before: Mapping[str, Any] | None,
        changed: tuple[str, ...],
    ) -> None:
        """Speak to the reviewer, once per resource and run: a replacement is asked about twice."""
        if _run.first_time(urn):
            now = self._clock.now()
            _say(plan_start(urn, inputs, self._settings, before, changed, _run, now))


class BackfillCompletionProvider(_ZuoraProvider):
    """Serves `BackfillCompletion`; deleting one sends nothing."""

    @dynamic_host.clean_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate; say what a new wait is for: a replacement asks for two diffs."""
        _hide_secrets(news)
        inputs, faults = declared.check_completion(_without_preview(news))
        if not faults and declared.begins_to_wait(_olds, inputs):
            dynamic_host.info(declared.announce_wait(_olds, inputs, self._settings))
        return CheckResult(
            inputs, [CheckFailure(fault.wire_name, fault.reason) for fault in faults]
        )

    @dynamic_host.clean_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Every change is an update."""
        return DiffResult(changes=bool(declared.completion_changes(_olds, _news)), replaces=[])

    @dynamic_host.clean_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for the jobs."""
        outputs = self._wait(props, "create")
        return CreateResult(outputs["jobIds"][0], outputs)

    @dynamic_host.clean_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look at the jobs once."""
        zuora = self._connected()
        return ReadResult(id_, waiting.read_completion(zuora, self._settings, props, _VOICE))

    @dynamic_host.clean_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Wait for the jobs that are now declared."""
        return UpdateResult(self._wait(_news, "update", _olds))

    @dynamic_host.clean_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Send nothing; what it has seen completed need not be asked about again in this run."""
        _run.learn_of_end(_props.get("jobs"))

    def _wait(
        self, inputs: Mapping[str, Any], kind: str, olds: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        self._identity(inputs)
        if not _prepare_host() and _run.first_time("workers"):
            _warn_of_few_workers()
        zuora = self._connected()
        return waiting.await_jobs(zuora, self._settings, self._clock, inputs, kind, _VOICE, olds)


def _without_preview(news: Mapping[str, Any]) -> dict[str, Any]:
    """Take the preview flag out and note it: an update plan compares the inputs of both runs."""
    identity = news.get("identity")
    if not isinstance(identity, Mapping):
        return dict(news)
    _run.preview = bool(identity.get("preview"))
    return {**news, "identity": {n: v for n, v in identity.items() if n != "preview"}}


def _hide_secrets(inputs: Mapping[str, Any]) -> None:
    """Keep what the program has declared as a secret out of all texts; triggers are in none."""
    identity = Identity.of(inputs)
    for name in identity.secrets - {"triggers"} if identity else ():
        value = inputs.get(name)
        texts = value if isinstance(value, list) else [value]
        dynamic_host.hide(text for text in texts if isinstance(text, str) and not is_unknown(text))


def _urn(inputs: Mapping[str, Any]) -> str:
    """Return the URN, from the engine if the host shows it, else as the program computed it."""
    identity = Identity.of(inputs)
    return dynamic_host.served_urn() or (identity.urn if identity else "")


def _say(announcement: Any) -> None:
    say: Callable[[str], None] = dynamic_host.warn if announcement.warning else dynamic_host.info
    say(announcement.text)
