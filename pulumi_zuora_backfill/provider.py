"""
The dynamic providers: Pulumi's calls on one side, the lifecycle's plain functions on the other.

State refers to the classes by their path, so module and names stay for ever. They hold nothing when they are serialised; settings are read, and credentials,
transport and client wired, in the plugin host and nowhere else.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Mapping
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
from .completion import lifecycle as awaiting
from .connection import Voice, Zuora, connect
from .contract.tenant_check import place_mismatch
from .errors import InputError
from .job import lifecycle
from .job.announcements import announce_start
from .job.differences import changes_between
from .job.inputs import check_inputs, ensure_job_id, scope_of
from .program.stack_state import Past
from .properties import PYTHON_NAMES
from .settings.loading import Settings, load_settings
from .validation import is_unknown
from .zuora.models import Scope

_VOICE = Voice(status=dynamic_host.status, info=dynamic_host.info, warn=dynamic_host.warn)


class _Run:
    """What this run has seen. A process serves one run; of a provider it may hold two, where state has it in the words of another SDK."""

    def __init__(self) -> None:
        self.preview = False
        self.announced: set[str] = set()
        self.live: dict[tuple[str, Scope], str] = {}
        self.replacing: dict[str, object] = {}
        self.taken_over: set[str] = set()


# One connection per process: all providers share one token, one silence, and one knowledge of what was started.
_lock = threading.Lock()
_zuora: Zuora | None = None
_run = _Run()


@functools.cache
def _prepare_host() -> bool:
    """Make the plugin host fit, once per process, as each step looks through every object there is; tell whether it has enough workers."""
    dynamic_host.hear_cancellation()
    return dynamic_host.lift_worker_limit()


def _warn_of_few_workers() -> None:
    """Say that waits will be slow, where the host could not be helped."""
    dynamic_host.warn(
        "Pulumi's plugin host serves four calls at a time, and this version of it could not be given more: waits may hold each other and other "
        "resources up. Put all jobs into the job_ids of one BackfillCompletion, and tell the maintainers of pulumi-zuora-backfill."
    )


class _ZuoraProvider(ResourceProvider):
    """What both providers share: the settings, and the connection."""

    serialize_as_secret_always = False  # nothing is captured, so there is nothing to hide

    def configure(self, req: ConfigureRequest) -> None:
        """Read the settings; what is wrong with them is an error only when Zuora is needed."""
        self._settings: Settings = load_settings(
            os.environ, req.config.get, dynamic_host.config_keys(req.config)
        )
        self._clock = Clock(sleep=dynamic_host.sleep)
        _prepare_host()

    def _connected(self) -> Zuora:
        """Wire everything that talks to Zuora, when it is needed for the first time."""
        global _zuora
        with _lock:
            if _zuora is None:
                _zuora = connect(self._settings, self._clock, dynamic_host.status)
            return _zuora

    def _first_time(self, what: str) -> bool:
        with _lock:
            said = what in _run.announced
            _run.announced.add(what)
        return not said


class BackfillJobProvider(_ZuoraProvider):
    """Serves `BackfillJob`; what each call does is the lifecycle table of the README."""

    @dynamic_host.clean_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate; where there is nothing to compare with, a job will be started, and the reviewer is told."""
        inputs, faults = check_inputs(news)
        # Kept here and not in the inputs: an update plan compares those of the preview with those of the update.
        _run.preview = bool(inputs.get("identity", {}).pop("preview", False))
        if "past" in _olds:
            # Only a start needs the past, and is checked without olds; another one would be written to state whenever a job was added.
            inputs["past"] = _olds["past"]
        self._meet(inputs)
        if isinstance(inputs.get("existingJobId"), str):
            # Where another resource of the stack has had it, that one is deleted later, and must not stop it.
            _run.taken_over.add(inputs["existingJobId"])
        if not _olds and not faults:
            past = Past.from_input(inputs.get("past"))
            if past.predecessor:
                # A delete does not say what it is for; a replacement has been checked before, and a destroy has not.
                _run.replacing[str(past.predecessor["jobId"])] = inputs.get("existingJobId")
            self._announce(inputs, past)
        return CheckResult(
            inputs, [CheckFailure(fault.wire_name, fault.reason) for fault in faults]
        )

    @dynamic_host.clean_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Tell another job from a change of state, and the reviewer what a replacement means."""
        mismatch = place_mismatch(self._settings.base_url, _olds, self._settings, scope_of(_news))
        if mismatch:
            dynamic_host.warn(
                f"Job {_id} in state belongs to {mismatch}. Anything that needs Zuora will be refused."
            )
        changes = changes_between(_id, _olds, _news, self._settings, preview=_run.preview)
        if changes.replacing:
            if _news.get("existingJobId") == _id:
                names = ", ".join(PYTHON_NAMES[name] for name in changes.replacing)
                raise _adopts_what_it_replaces(_id, f"a change of {names}")
            past = Past(predecessor={**_olds, "jobId": _id}, job_ids=frozenset())
            self._announce(_news, past, changes.replacing)
        elif (
            "existingJobId" in changes.state_only
            and _news.get("existingJobId") is None
            and "idempotencyKey" not in _olds
            and self._first_time(f"line {_id}")
        ):
            dynamic_host.warn(
                f"Job {_id} was taken over and not started here. Without existing_job_id only the state knows of it: a destroy and another up would start "
                "a second job. Better keep the line."
            )
        return DiffResult(
            changes=bool(changes.replacing or changes.state_only),
            replaces=list(changes.replacing),
            delete_before_replace=True,
        )

    @dynamic_host.clean_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make sure that there is one job for these inputs."""
        outputs = lifecycle.create_job(self._connected(), self._settings, props, _VOICE)
        return CreateResult(outputs["jobId"], outputs)

    @dynamic_host.clean_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look the job up; never report it gone."""
        ensure_job_id(id_)
        return ReadResult(
            id_, lifecycle.read_job(self._connected(), self._settings, id_, props, _VOICE)
        )

    @dynamic_host.clean_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep what was declared anew; nothing is sent."""
        return UpdateResult(lifecycle.update_job(_olds, _news))

    @dynamic_host.clean_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Stop the job where it may be stopped; refuse to replace one that runs and may not."""
        if _run.replacing.get(_id) == _id:
            raise _adopts_what_it_replaces(_id, "--replace, taint or a trigger")
        replacing = _id in _run.replacing
        if _id in _run.taken_over:
            # It is another resource's now, and not this one's to stop.
            _props = {**_props, "onDelete": "leave"}
            if not replacing:
                dynamic_host.info(f"Job {_id} goes on: another resource takes it over.")
        lifecycle.delete_job(
            self._connected, self._settings, self._clock, _id, _props, _VOICE, replacing=replacing
        )

    def _meet(self, inputs: Mapping[str, Any]) -> str | None:
        """Note a live job, and return the name of another one for the same type and place."""
        if inputs.get("dryRun") is not False or is_unknown(inputs) or "type" not in inputs:
            return None
        declared = scope_of(inputs)
        place = (inputs["type"], self._settings.scope_for(declared.entity_id, declared.org_ids))
        urn = _urn_of(inputs)
        with _lock:
            first = _run.live.setdefault(place, urn)
        return None if first == urn else first.rsplit("::", 1)[-1]

    def _announce(
        self, inputs: Mapping[str, Any], past: Past, changed: tuple[str, ...] = ()
    ) -> None:
        """Speak to the reviewer, once per resource and run: a replacement is asked about twice."""
        if not self._first_time(_urn_of(inputs)):
            return
        if self._settings.faults and self._first_time("settings"):
            dynamic_host.warn(
                f"The settings are not usable, and whatever needs Zuora will be refused: {'; '.join(self._settings.faults)}."
            )
        announcement = announce_start(inputs, past, self._settings, changed, self._meet(inputs))
        (dynamic_host.warn if announcement.warning else dynamic_host.info)(announcement.text)


class BackfillCompletionProvider(_ZuoraProvider):
    """Serves `BackfillCompletion`; deleting one does nothing."""

    @dynamic_host.clean_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate; where a wait will begin, say what for: a diff is asked for twice where a job is replaced."""
        inputs, faults = awaiting.check_completion(news)
        if not faults and awaiting.begins_to_wait(_olds, inputs):
            dynamic_host.info(awaiting.announce_wait(_olds, inputs, self._settings))
        return CheckResult(
            inputs, [CheckFailure(fault.wire_name, fault.reason) for fault in faults]
        )

    @dynamic_host.clean_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Every change is an update."""
        return DiffResult(changes=bool(awaiting.completion_changes(_olds, _news)), replaces=[])

    @dynamic_host.clean_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for the jobs."""
        outputs = self._wait(props, "create")
        return CreateResult(outputs["jobIds"][0], outputs)

    @dynamic_host.clean_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look at the jobs once."""
        return ReadResult(
            id_, awaiting.read_completion(self._connected(), self._settings, props, _VOICE)
        )

    @dynamic_host.clean_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Wait for the jobs that are now declared."""
        return UpdateResult(self._wait(_news, "update", _olds))

    def _wait(
        self, inputs: Mapping[str, Any], kind: str, olds: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        if not _prepare_host() and self._first_time("workers"):
            _warn_of_few_workers()
        return awaiting.await_jobs(
            self._connected(), self._settings, self._clock, inputs, kind, _VOICE, olds
        )


def _adopts_what_it_replaces(job_id: str, asks: str) -> InputError:
    return InputError(
        f"existing_job_id is {job_id}, the very job that {asks} asks to replace; nothing was done.",
        "Take existing_job_id away to start a new job, or do not ask for a replacement.",
    )


def _urn_of(inputs: Mapping[str, Any]) -> str:
    identity = inputs.get("identity")
    return str(identity.get("urn")) if isinstance(identity, Mapping) else ""
