"""A stack with two resources as Pulumi's engine runs it: what is called, in which order, and what is in state when the process dies."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import count
from typing import Any

from pulumi_zuora_backfill.program.arguments.stack_state import _KEPT

from pulumi_zuora_backfill.errors import InputError, ZuoraBackfillError
from pulumi_zuora_backfill.job.differences import changes_between
from pulumi_zuora_backfill.job.inputs import check_inputs
from pulumi_zuora_backfill.job.lifecycle import create_job, delete_job, read_job, update_job
from pulumi_zuora_backfill.settings.loading import DEFAULT_CALL_TIMEOUT_S
from pulumi_zuora_backfill.testing.sandbox import Behaviours, RecordedRequest, Sandbox, SandboxJob

from .judge import Judge
from .oracle import DAY_S, IN_FLIGHT_S, Wish
from .process import Crash, Fate, Process

NAMES = ("a", "b")
LOST_SECRET = "not the secret any more"
LONG_CALL_S = 2000.0  # above any time that this Zuora asks to wait
_organizations = count(1)


@dataclass
class Entry:
    """
    A resource in a stack's state.

    Attributes:
        inputs: As checked.
        outputs: As the provider returned them.
        trigger: Pulumi's own `replacement_trigger`.
        pending: Its job was let go of, its successor is still missing.
        tainted: It was marked with `pulumi state taint`.
    """

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    trigger: int
    pending: bool = False
    tainted: bool = False

    @property
    def id(self) -> str:
        """The resource's id: its job."""
        return str(self.outputs["jobId"])


@dataclass
class _Run:
    """One command on one pipeline, with its process and with the past as it was when the program started."""

    pipeline: int
    process: Process
    jobs: dict[str, Entry]


@dataclass
class _Step:
    """What one resource's part of a command is about, for the oracle."""

    wish: Wish | None = None
    may_stop: str | None = None
    predecessor: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)


class World:
    """One program, two pipelines with a state each, one tenant; every command is watched by the oracle."""

    def __init__(self, zuora: Sandbox) -> None:
        """Take over a local Zuora that may have served another world; it keeps nothing but its time."""
        for job in zuora.jobs:
            zuora.forget_job(job.id)
        zuora.clear_plans()
        zuora.clock.advance(DAY_S + IN_FLIGHT_S)
        for job in zuora.jobs:
            zuora.forget_job(job.id)
        zuora.forget_requests()
        zuora.permit()
        usual = Behaviours()
        for behaviour in fields(Behaviours):
            setattr(zuora.behaviours, behaviour.name, getattr(usual, behaviour.name))
        self.zuora = zuora
        self.oracle = Judge(zuora)
        self.organization = f"acme-{next(_organizations)}"
        self.declared: dict[str, dict[str, Any]] = {
            name: {"type": "RatePlanCharge"} for name in NAMES
        }
        self.trigger = dict.fromkeys(NAMES, 0)
        self.states: tuple[dict[str, Entry], ...] = ({}, {})
        self._adopted: tuple[set[str], ...] = (set(), set())
        self.credentials_good = True
        self.said: list[str] = []
        self.patient = True
        self._process: Process | None = None

    def jobs(self, name: str | None = None) -> list[SandboxJob]:
        """Return the tenant's jobs, or those that a resource asked for; oldest first."""
        jobs = self.zuora.jobs
        if name is None:
            return jobs
        return [job for job in jobs if self.oracle.asker(job.id) == name]

    def declare(self, name: str = "a", **inputs: Any) -> None:
        """Change the program: set inputs, in wire names; `None` takes one away."""
        self.declared[name] = {
            key: value
            for key, value in {**self.declared[name], **inputs}.items()
            if value is not None
        }

    def up(
        self,
        *names: str,
        pipeline: int = 0,
        replace: Collection[str] = (),
        retain: bool = False,
        fate: Fate | None = None,
        calm: bool = False,
    ) -> dict[str, ZuoraBackfillError]:
        """
        Run `pulumi up`.

        Args:
            *names: Which resources, in this order; all by default.
            pipeline: Whose state.
            replace: As `--replace`.
            retain: Whether the resources are declared with `retain_on_delete`.
            fate: What happens to the process.
            calm: Nothing stands against it: a refusal needs an excuse.

        Returns:
            What the user reads, for each resource that failed.
        """
        run = self._run(
            pipeline, fate, call_timeout_s=LONG_CALL_S if calm else DEFAULT_CALL_TIMEOUT_S
        )
        errors = {}
        try:
            for name in names or NAMES:
                step = _Step()
                try:
                    self._watched(
                        run,
                        step,
                        lambda name=name, step=step: self._up_one(
                            run, name, step, name in replace, retain
                        ),
                    )
                except ZuoraBackfillError as error:
                    errors[name] = error
                    if "used only once" in str(error):
                        self.wait_for_one_time_keys()
                    if calm:
                        self._ensure_excused(run, step, error)
        except Crash:
            self.wait_for_one_time_keys()
        return errors

    def calm_up(self, *names: str, pipeline: int = 0) -> dict[str, ZuoraBackfillError]:
        """Mend everything, wait for what is in flight, and run `pulumi up` with patience: it must succeed, or be excused."""
        self.zuora.clear_plans()
        self.zuora.permit()
        self.credentials_good = True
        self.zuora.behaviours.second_job_category = None
        self.zuora.behaviours.stop_takes_s = 0.0
        self.zuora.clock.advance(IN_FLIGHT_S)
        return self.up(*names, pipeline=pipeline, calm=True)

    def destroy(
        self, *names: str, pipeline: int = 0, fate: Fate | None = None
    ) -> dict[str, ZuoraBackfillError]:
        """Run `pulumi destroy`."""
        run = self._run(pipeline, fate)
        state, errors = self.states[pipeline], {}
        try:
            for name in [name for name in names or NAMES if name in state]:
                entry = state[name]
                step = _Step(may_stop=entry.id)
                try:
                    if not entry.pending:
                        self._watched(
                            run, step, lambda name=name, entry=entry: self._delete(run, name, entry)
                        )
                    run.process.fate.step()
                    del state[name]
                    self.oracle.destroyed(pipeline, name)
                except ZuoraBackfillError as error:
                    errors[name] = error
        except Crash:
            pass
        return errors

    def refresh(
        self, *, pipeline: int = 0, fate: Fate | None = None
    ) -> dict[str, ZuoraBackfillError]:
        """Run `pulumi refresh`: what is found lands in state and is no change."""
        run = self._run(pipeline, fate)
        errors = {}

        def read(entry: Entry) -> None:
            process = run.process
            outputs = read_job(
                process.zuora(), process.settings, entry.id, entry.outputs, process.voice
            )
            changes = changes_between(entry.id, outputs, entry.inputs, process.settings)
            assert not changes.replacing, f"a refresh finds a drift: {changes}"
            process.fate.step()
            entry.outputs = _carried(outputs)

        try:
            for name, entry in self.states[pipeline].items():
                if not entry.pending:
                    try:
                        self._watched(run, _Step(), lambda entry=entry: read(entry))
                    except ZuoraBackfillError as error:
                        errors[name] = error
        except Crash:
            pass
        return errors

    def taint(self, name: str = "a", pipeline: int = 0) -> None:
        """Run `pulumi state taint`."""
        self.states[pipeline][name].tainted = True

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and with it what is in flight."""
        self.zuora.clock.advance(seconds)
        self.oracle.look()

    def purge(self, job_id: str) -> None:
        """Let Zuora forget a job."""
        self.oracle.purged(job_id)
        self.zuora.forget_job(job_id)

    def wait_for_one_time_keys(self) -> None:
        """Wait two minutes, when the user is patient: a one-time key may be in flight, which is a limit of its own."""
        if self.patient:
            self.pass_time(IN_FLIGHT_S)

    def _run(
        self, pipeline: int, fate: Fate | None, *, call_timeout_s: float = DEFAULT_CALL_TIMEOUT_S
    ) -> _Run:
        self.zuora.forget_requests()
        secret = None if self.credentials_good else LOST_SECRET
        if self._process is not None:
            self._process.close()
        process = self._process = Process(
            self.zuora, fate or Fate(), secret=secret, call_timeout_s=call_timeout_s
        )
        return _Run(pipeline=pipeline, process=process, jobs=dict(self.states[pipeline]))

    def _watched(self, run: _Run, step: _Step, action: Any) -> None:
        """Do one resource's part, and show the oracle what was sent, however it ended."""
        before = len(self.zuora.requests)

        def sent() -> Sequence[RecordedRequest]:
            return self.zuora.requests[before:]

        ended: BaseException | None = None
        try:
            action()
        except ZuoraBackfillError as error:
            ended = error
            self.oracle.refused(error, sent())
            raise
        except Crash as crash:
            ended = crash
            raise
        finally:
            self.said, run.process.said = run.process.said, []
            assert not any(self.zuora.client_secret in line for line in self.said)
            self.oracle.requests(sent(), step.wish, step.may_stop)
            self.oracle.ended(step.wish, run.pipeline, ended, sent())
            self.oracle.look()

    def _up_one(self, run: _Run, name: str, step: _Step, forced: bool, retain: bool) -> None:
        state, process = self.states[run.pipeline], run.process
        entry = state.get(name)
        inputs = step.inputs = self._inputs(run, name)
        existing = inputs.get("existingJobId")
        if entry is None:
            step.wish = None if existing else self._wish(run, step, name)
            self._create(run, name, step, None)
            return
        step.predecessor = entry.id
        triggered = entry.trigger != self.trigger[name]
        asked = (
            forced
            or entry.tainted
            or triggered
            or entry.pending
            or _intent(inputs) != _intent(entry.inputs)
        )
        adopts = existing is not None and existing not in (
            entry.id,
            entry.inputs.get("existingJobId"),
        )
        if existing is None and asked:
            step.wish = self._wish(run, step, name)
        if not (forced or entry.tainted or triggered):
            changes = changes_between(entry.id, entry.outputs, inputs, process.settings)
            if changes.replacing and existing == entry.id:
                raise InputError("as `BackfillJobProvider.diff` says it")
            assert bool(changes.replacing or entry.pending) == (asked or adopts), changes
            if not changes.replacing and not entry.pending:
                if changes.state_only:
                    state[name] = Entry(
                        inputs, _carried(update_job(entry.outputs, inputs)), entry.trigger
                    )
                return
        if not entry.pending:
            step.may_stop = entry.id
            if not retain:
                if existing == entry.id:
                    raise InputError("as `BackfillJobProvider.delete` says it")
                self._delete(run, name, entry, replacing=True)
            process.fate.step()
            entry.pending = True
            step.may_stop = None if retain else entry.id
        self._create(run, name, step, entry)

    def _ensure_excused(self, run: _Run, step: _Step, error: ZuoraBackfillError) -> None:
        started = [
            entry
            for entry in self.states[run.pipeline].values()
            if "existingJobId" not in entry.inputs
        ]
        accounted = _had((*run.jobs.values(), *started))
        excused = self.oracle.excuses(error, step.inputs, accounted, step.predecessor, step.wish)
        assert excused, f"I2: refused although nothing stands against it: {error}"

    def _wish(self, run: _Run, step: _Step, name: str) -> Wish:
        wish = self.oracle.wish(run.pipeline, name, _intent(step.inputs))
        wish.guards.add(step.inputs["guard"])
        named = {*step.inputs.get("knownJobIds", ()), *self._adopted[run.pipeline]}
        wish.named.update(named.intersection(wish.jobs))
        wish.accounted.update(
            step.inputs["past"]["jobIds"].split(), step.inputs.get("knownJobIds", ())
        )
        return wish

    def _create(self, run: _Run, name: str, step: _Step, old: Entry | None) -> None:
        process, inputs = run.process, step.inputs
        before = len(self.zuora.requests)
        outputs = create_job(process.zuora(), process.settings, inputs, process.voice)
        adopted = inputs.get("existingJobId")
        if adopted is not None:
            self._adopted[run.pipeline].add(adopted)
        self.oracle.requests(self.zuora.requests[before:], step.wish, None)
        self.oracle.created(outputs, old.id if old else None, adopted, self.zuora.requests[before:])
        process.fate.step()
        self.states[run.pipeline][name] = Entry(inputs, _carried(outputs), self.trigger[name])
        self.oracle.held(run.pipeline, name, outputs["jobId"])
        self.oracle.got(run.pipeline, name, _intent(inputs), outputs["jobId"])
        process.fate.step()

    def _delete(self, run: _Run, name: str, entry: Entry, *, replacing: bool = False) -> None:
        assert self.oracle.owns(run.pipeline, name, entry.id)
        process = run.process
        delete_job(
            process.zuora,
            process.settings,
            process.clock,
            entry.id,
            entry.outputs,
            process.voice,
            replacing=replacing,
        )

    def _inputs(self, run: _Run, name: str) -> dict[str, Any]:
        """Return the checked inputs, with the state as it was when the program started."""
        predecessor = run.jobs[name].outputs if name in run.jobs else {}
        declared = {
            **self.declared[name],
            "identity": {
                "organization": self.organization,
                "urn": f"urn:pulumi:dev::shop::pulumi-python:dynamic/zuora:BackfillJob::{name}",
                "preview": False,
            },
            "past": {
                "predecessor": {
                    key: predecessor[key] for key in _KEPT if predecessor.get(key) is not None
                },
                "jobIds": " ".join(sorted(_had(run.jobs.values()))),
            },
        }
        inputs, faults = check_inputs(_carried(declared))
        assert not faults, faults
        return inputs


def _had(entries: Iterable[Entry]) -> set[str]:
    """Return all jobs that resources have, or have had."""
    return {
        job_id
        for entry in entries
        for job_id in (entry.id, *(each["jobId"] for each in entry.outputs.get("history", ())))
    }


def _intent(inputs: dict[str, Any]) -> tuple[object, ...]:
    """Return what makes one job another one, as the user sees it."""
    return inputs["type"], inputs["dryRun"], json.dumps(inputs.get("triggers"), sort_keys=True)


def _carried(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties as Pulumi carries them: numbers are floats, nulls vanish."""

    def carry(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: carry(item) for key, item in value.items() if item is not None}
        if isinstance(value, list):
            return [carry(item) for item in value]
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    carried: dict[str, Any] = carry(properties)
    return carried


def job_ids(jobs: Iterable[SandboxJob]) -> list[str]:
    """Return the ids of jobs."""
    return [job.id for job in jobs]
