"""
The dynamic provider: Pulumi's calls on one side, the lifecycle's plain functions on the other.

State refers to the class by its path, so module and name stay for ever. It holds nothing when it is serialised; `BackfillJobProvider.configure`, in the
plugin host, is the only place that wires settings, credentials, transport and client.
"""

from __future__ import annotations

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

from . import dynamic_host, lifecycle
from .announcements import announce_start
from .changes import changes_between
from .clock import Clock
from .config import Settings, load_settings
from .errors import InputError
from .inputs import check_inputs
from .lifecycle import Voice, Zuora
from .past import Past
from .place import place_mismatch

_VOICE = Voice(status=dynamic_host.status, info=dynamic_host.info, warn=dynamic_host.warn)


class BackfillJobProvider(ResourceProvider):
    """Serves `BackfillJob`; what each call does is the lifecycle table of the README."""

    serialize_as_secret_always = False  # nothing is captured, so there is nothing to hide

    def configure(self, req: ConfigureRequest) -> None:
        """Read the settings; what is wrong with them is an error only when Zuora is needed."""
        self._settings: Settings = load_settings(os.environ, req.config.get)
        self._clock = Clock()
        self._lock = threading.Lock()
        self._zuora: Zuora | None = None
        self._announced: set[str] = set()
        dynamic_host.lift_worker_limit()

    @dynamic_host.clean_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate; where there is nothing to compare with, a job will be started, and the reviewer is told."""
        inputs, faults = check_inputs(news)
        if not _olds and not faults:
            self._announce(inputs, Past.from_input(inputs.get("past")).predecessor)
        return CheckResult(inputs, [CheckFailure(fault.wire_name, fault.reason) for fault in faults])

    @dynamic_host.clean_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Tell another job from a change of state, and the reviewer what a replacement means."""
        mismatch = place_mismatch(self._settings.base_url, _olds, self._settings)
        if mismatch:
            dynamic_host.warn(f"Job {_id} in state belongs to {mismatch}. Anything that needs Zuora will be refused.")
        changes = changes_between(_id, _olds, _news, self._settings)
        if changes.replacing:
            if _news.get("existingJobId") == _id:
                raise InputError(
                    f"existing_job_id is {_id}, the very job that a change of {', '.join(changes.replacing)} asks to replace; nothing was done.",
                    "Take existing_job_id away to start a new job, or take the change back.",
                )
            self._announce(_news, {**_olds, "jobId": _id}, changes.replacing)
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
        return ReadResult(id_, lifecycle.read_job(self._connected(), self._settings, id_, props, _VOICE))

    @dynamic_host.clean_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep what was declared anew; nothing is sent."""
        return UpdateResult(lifecycle.update_job(_olds, _news))

    @dynamic_host.clean_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Stop the job where it may be stopped."""
        lifecycle.delete_job(self._connected, self._settings, self._clock, _id, _props, _VOICE)

    def _announce(
        self, inputs: Mapping[str, Any], predecessor: Mapping[str, Any], changed: tuple[str, ...] = ()
    ) -> None:
        """Speak to the reviewer, once per resource and run: a replacement is asked about twice."""
        identity = inputs.get("identity")
        urn = str(identity.get("urn")) if isinstance(identity, Mapping) else ""
        with self._lock:
            if urn in self._announced:
                return
            self._announced.add(urn)
        announcement = announce_start(inputs, predecessor, self._settings, changed)
        (dynamic_host.warn if announcement.warning else dynamic_host.info)(announcement.text)

    def _connected(self) -> Zuora:
        """Wire everything that talks to Zuora, once, when it is needed for the first time."""
        with self._lock:
            if self._zuora is None:
                self._zuora = self._connect()
            return self._zuora

    def _connect(self) -> Zuora:
        from .auth import (
            ClientCredentials,
        )  # here, as the program that only declares resources need not load an HTTP library
        from .client import BackfillClient
        from .exchange import Exchange
        from .guard import Guard
        from .submission import Submission
        from .transport import Transport

        base_url, client_id, client_secret = self._settings.require()
        exchange = Exchange(base_url, compress_requests=self._settings.compress_requests)
        credentials = ClientCredentials(
            exchange, client_id, client_secret, tenant_id=self._settings.tenant_id, clock=self._clock
        )
        transport = Transport(
            exchange,
            credentials,
            version=self._settings.version,
            call_timeout_s=self._settings.call_timeout_s,
            clock=self._clock,
            report=dynamic_host.status,
        )
        client = BackfillClient(transport, credentials)
        submission = Submission(client, Guard(client), self._clock, dynamic_host.status)
        return Zuora(base_url=base_url, client=client, submission=submission)
