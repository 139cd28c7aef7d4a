"""
Two stacks with two resources each as Pulumi's engine runs them, in one tenant.

What is called, in which order, and what is in state when the process dies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import count
from typing import Any

from pulumi_zuora_backfill.errors import ZuoraBackfillError
from pulumi_zuora_backfill.job.create import PartlyCreatedError, create_job
from pulumi_zuora_backfill.job.delete import delete_job
from pulumi_zuora_backfill.job.differences import changes_between
from pulumi_zuora_backfill.job.identity import identity_of
from pulumi_zuora_backfill.job.inputs import check_inputs
from pulumi_zuora_backfill.job.plan import adopts_what_it_replaces, ensure_startable
from pulumi_zuora_backfill.job.read import read_job, unchanged
from pulumi_zuora_backfill.job.stack_state import StackState
from pulumi_zuora_backfill.job.update import update_job
from pulumi_zuora_backfill.program import state_reader
from pulumi_zuora_backfill.settings.loading import DEFAULT_CALL_TIMEOUT_S
from pulumi_zuora_backfill.testing.sandbox import Behaviours, RecordedRequest, Sandbox, SandboxJob

from .judge import Judge
from .oracle import DAY_S, IN_FLIGHT_S, Start
from .process import Crash, Fate, Process

NAMES = ("a", "b")
LOST_SECRET = "not the secret any more"
LONG_CALL_S = 2000.0  # above any time that this Zuora asks to wait
_TYPE = "pulumi-python:dynamic/zuora:BackfillJob"
_NOTHING_MORE = ("FAILED", "STOPPED")
_worlds = count(1)


@dataclass
class Entry:
    """
    A resource in a stack's state.

    Attributes:
        inputs: As checked.
        outputs: As the provider returned them.
        pending: Its job was let go of, its successor is still missing.
    """

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    pending: bool = False

    @property
    def job_id(self) -> str | None:
        """Its job; none where the outcome of its start is not known."""
        return self.outputs.get("jobId")


@dataclass
class _Run:
    """One command on one state, with its process, and state as it was when the program started."""

    home: int
    process: Process
    past: dict[str, Entry]
    calm: bool = False


@dataclass
class _Step:
    """What one resource's part of a command is about, for the oracle."""

    start: Start | None = None
    may_stop: str | None = None
    predecessor: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)


class World:
    """One program, two states, one tenant; every command is watched by the oracle."""

    def __init__(self, zuora: Sandbox, *, stacks: int = 1, ahead_s: float = 0.0) -> None:
        """
        Take over a local Zuora that may have served another world; it keeps nothing but its time.

        Args:
            zuora: The tenant.
            stacks: Whether the states are of two stacks, or two copies of one.
            ahead_s: How far this machine's clock is ahead of Zuora's.
        """
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
        number = next(_worlds)
        self._stacks = [f"dev{number}", f"test{number}" if stacks == 2 else f"dev{number}"]
        self._ahead_s = ahead_s
        self.declared: dict[str, dict[str, Any]] = {
            name: {"type": "RatePlanCharge", "dryRun": False} for name in NAMES
        }
        self.states: tuple[dict[str, Entry], ...] = ({}, {})
        self.credentials_good = True
        self.said: list[str] = []
        self._process: Process | None = None
        self._shown = 0
        self._vouched: set[str] = set()

    def urn(self, name: str = "a", home: int = 0) -> str:
        """Return the URN of a resource."""
        return f"urn:pulumi:{self._stacks[home]}::shop::{_TYPE}::{name}"

    def held(self, name: str = "a", home: int = 0) -> str | None:
        """Return the job that a state holds for a resource."""
        entry = self.states[home].get(name)
        return entry.job_id if entry else None

    def declare(self, name: str = "a", **inputs: Any) -> None:
        """Change the program: set inputs, in wire names; `None` takes one away."""
        changed = {**self.declared[name], **inputs}
        self.declared[name] = {key: value for key, value in changed.items() if value is not None}

    def up(
        self,
        *names: str,
        home: int = 0,
        replace: Collection[str] = (),
        retain: bool = False,
        fate: Fate | None = None,
        calm: bool = False,
    ) -> dict[str, ZuoraBackfillError]:
        """
        Run `pulumi up`.

        Args:
            *names: Which resources, in this order; all by default.
            home: Whose state.
            replace: As `--replace`.
            retain: Whether the resources are declared with `retain_on_delete`.
            fate: What happens to the process.
            calm: Nothing stands against it: a refusal needs an excuse.

        Returns:
            What the user reads, for each resource that failed.
        """
        run = self._run(home, fate, calm=calm)
        errors = {}
        try:
            steps = {name: _Step(inputs=self._inputs(run, name)) for name in names or NAMES}
            for name, step in steps.items():
                self._learn(run, name, step)
            for name, step in steps.items():
                forced = name in replace
                try:
                    self._watched(run, step, self._up_one, name, forced, retain)
                except ZuoraBackfillError as error:
                    errors[name] = error
                    if calm:
                        self._ensure_excused(run, name, step, error)
        except Crash:
            pass
        return errors

    def calm_up(self, *names: str, home: int = 0) -> dict[str, ZuoraBackfillError]:
        """Mend all, wait for what is in flight, and run `pulumi up`: it needs an excuse to fail."""
        self.zuora.clear_plans()
        self.zuora.permit()
        self.credentials_good = True
        self.zuora.behaviours.second_job_category = None
        self.zuora.behaviours.stop_takes_s = 0.0
        self.zuora.clock.advance(IN_FLIGHT_S)
        return self.up(*names, home=home, calm=True)

    def destroy(
        self, *names: str, home: int = 0, fate: Fate | None = None
    ) -> dict[str, ZuoraBackfillError]:
        """Run `pulumi destroy`."""
        run = self._run(home, fate)
        state, errors = self.states[home], {}

        def one(run: _Run, step: _Step, name: str) -> None:
            if not state[name].pending:
                self._delete(run, step, name, replacing=False)

        try:
            for name in [name for name in names or NAMES if name in state]:
                step = _Step()
                try:
                    self._watched(run, step, one, name)
                    run.process.fate.step()
                    del state[name]
                    self.oracle.destroyed((home, name))
                except ZuoraBackfillError as error:
                    errors[name] = error
        except Crash:
            pass
        return errors

    def refresh(self, *, home: int = 0, fate: Fate | None = None) -> dict[str, ZuoraBackfillError]:
        """Run `pulumi refresh`: what is found lands in state and is no change."""
        run = self._run(home, fate)
        errors = {}

        def one(run: _Run, step: _Step, entry: Entry) -> None:
            process = run.process
            if entry.job_id is None:
                outputs = unchanged(entry.outputs)
            else:
                outputs = read_job(
                    process.zuora(), process.settings, entry.job_id, entry.outputs, process.voice
                )
            changes = changes_between(entry.job_id, outputs, entry.inputs, process.settings)
            assert not changes.replacing, f"a refresh finds a drift: {changes}"
            process.fate.step()
            entry.outputs = _carried(outputs)

        try:
            for name, entry in self.states[home].items():
                if not entry.pending:
                    try:
                        self._watched(run, _Step(), one, entry)
                    except ZuoraBackfillError as error:
                        errors[name] = error
        except Crash:
            pass
        return errors

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and with it what is in flight."""
        self.zuora.clock.advance(seconds)
        self.oracle.look()

    def purge(self, job_id: str) -> None:
        """Let Zuora forget a job."""
        self.oracle.purged(job_id)
        self.zuora.forget_job(job_id)

    def _run(self, home: int, fate: Fate | None, *, calm: bool = False) -> _Run:
        self.oracle.look()
        self.zuora.forget_requests()
        if self._process is not None:
            self._process.close()
        process = self._process = Process(
            self.zuora,
            fate or Fate(),
            secret=None if self.credentials_good else LOST_SECRET,
            call_timeout_s=LONG_CALL_S if calm else DEFAULT_CALL_TIMEOUT_S,
            ahead_s=self._ahead_s,
        )
        return _Run(home=home, process=process, past=dict(self.states[home]), calm=calm)

    def _watched(
        self, run: _Run, step: _Step, action: Callable[..., None], *arguments: Any
    ) -> None:
        """Do one resource's part, and show the oracle what was sent, however it ended."""
        before = self._shown = len(self.zuora.requests)

        def sent() -> Sequence[RecordedRequest]:
            return self.zuora.requests[before:]

        try:
            action(run, step, *arguments)
        except ZuoraBackfillError as error:
            self.oracle.refused(error, sent())
            raise
        finally:
            self.said, run.process.said = run.process.said, []
            assert not any(self.zuora.client_secret in line for line in self.said)
            self._show(step)
            if step.start and self._tells_of_attempt(run, step.start):
                self.oracle.recorded(step.start, sent())

    def _show(self, step: _Step) -> None:
        """Show the oracle what it has not seen yet."""
        requests = self.zuora.requests[self._shown :]
        self._shown += len(requests)
        self.oracle.requests(requests, step.start, step.may_stop)
        self.oracle.look()

    def _tells_of_attempt(self, run: _Run, start: Start) -> bool:
        """Tell whether this very step has written down a start of unknown outcome."""
        home, name = start.resource
        entry = self.states[home].get(name)
        return entry is not None and entry.job_id is None and run.past.get(name) is not entry

    def _learn(self, run: _Run, name: str, step: _Step) -> None:
        """Do what `check` does for every resource of a program before any of them is dealt with."""
        state = StackState.from_input(step.inputs["past"])
        run.process.memory.learn_of_program(
            self.urn(name, run.home), state, step.inputs.get("existingJobId")
        )

    def _up_one(self, run: _Run, step: _Step, name: str, forced: bool, retain: bool) -> None:
        """Do what the engine does for one resource, in its order."""
        state, process, inputs = self.states[run.home], run.process, step.inputs
        entry, existing, memory = state.get(name), inputs.get("existingJobId"), process.memory
        urn = self.urn(name, run.home)
        if entry is None:
            step.start = None if existing else self._start(run, name, inputs)
            self._check_start(run, inputs)
            self._create(run, step, name, None)
            return
        step.predecessor = entry.job_id
        asked = forced or entry.pending or _intent(inputs) != _intent(entry.inputs)
        adopts = existing is not None and existing not in (
            entry.job_id,
            entry.inputs.get("existingJobId"),
        )
        if existing is None and (asked or entry.job_id is None):
            step.start = self._start(run, name, inputs)
        if not forced:
            changes = changes_between(entry.job_id, entry.outputs, inputs, process.settings)
            if changes.replacing and existing is not None and existing == entry.job_id:
                raise adopts_what_it_replaces(existing, changes.replacing)
            moves = asked or (adopts and entry.job_id is not None)
            assert bool(changes.replacing or entry.pending) == moves, changes
            if changes.replacing:
                memory.show_before(urn, entry.outputs)
            elif not entry.pending:
                self._update(run, step, name, entry, changes.state_only)
                return
        self._check_start(run, inputs)
        if not entry.pending:
            if not retain:
                if existing is not None and existing == entry.job_id:
                    raise adopts_what_it_replaces(existing)
                memory.show_before(urn, entry.outputs)
                self._delete(run, step, name, replacing=True)
            process.fate.step()
            entry.pending = True
        self._create(run, step, name, memory.before(urn))

    def _update(
        self, run: _Run, step: _Step, name: str, entry: Entry, changed: tuple[str, ...]
    ) -> None:
        if entry.job_id is None:
            self._create(run, step, name, entry.outputs)
        elif changed:
            outputs = update_job(entry.outputs, step.inputs, changed, run.process.voice)
            self.states[run.home][name] = Entry(step.inputs, _carried(outputs))

    def _check_start(self, run: _Run, inputs: dict[str, Any]) -> None:
        state = StackState.from_input(inputs["past"])
        urn = identity_of(inputs).urn
        ensure_startable(inputs, run.process.settings, (), state, run.process.memory, urn)

    def _create(self, run: _Run, step: _Step, name: str, before: Mapping[str, Any] | None) -> None:
        process, inputs, resource = run.process, step.inputs, (run.home, name)
        sent = len(self.zuora.requests)
        try:
            outputs = create_job(
                process.zuora(),
                process.settings,
                inputs,
                identity_of(inputs),
                process.voice,
                predecessor=before,
            )
        except PartlyCreatedError as error:
            process.fate.step()
            if process.fate.records:
                self.states[run.home][name] = Entry(inputs, _carried(error.outputs))
            raise
        self._show(step)
        self.oracle.created(
            outputs,
            resource,
            step.predecessor,
            inputs.get("existingJobId"),
            self.zuora.requests[sent:],
        )
        process.fate.step()
        self.states[run.home][name] = Entry(inputs, _carried(outputs))
        self.oracle.got(resource, _intent(inputs), outputs["jobId"])
        if "existingJobId" in inputs:
            self._vouched.add(inputs["existingJobId"])
        process.fate.step()

    def _delete(self, run: _Run, step: _Step, name: str, *, replacing: bool) -> None:
        entry, process = self.states[run.home][name], run.process
        kept_by = process.memory.kept_by(entry.job_id, self.urn(name, run.home))
        if entry.inputs["onDelete"] == "stop" and not self._also_held(run, name, replacing):
            step.may_stop = entry.job_id
        assert entry.job_id in {None, *self.oracle.had((run.home, name))}
        delete_job(
            process.zuora,
            process.settings,
            process.clock,
            entry.outputs,
            process.voice,
            replacing=replacing,
            kept_by=kept_by,
        )

    def _also_held(self, run: _Run, name: str, with_program: bool) -> bool:
        """Tell whether another resource of the stack holds a job; `destroy` runs no program."""
        job_id = self.states[run.home][name].job_id
        others = {other: entry for other, entry in run.past.items() if other != name}
        declared = [self.declared[other].get("existingJobId") for other in NAMES if other != name]
        held = [entry.job_id for entry in others.values()]
        return with_program and job_id is not None and job_id in (*held, *declared)

    def _start(self, run: _Run, name: str, inputs: dict[str, Any]) -> Start:
        intent, resource = _intent(inputs), (run.home, name)
        return Start(
            resource=resource,
            wish=self.oracle.wish(resource, self.urn(name, run.home), intent),
            type=inputs["type"],
            intent=intent,
            guarded=inputs["guard"] != "none",
            dry_run=inputs["dryRun"],
            known=frozenset(inputs.get("knownJobIds", ())),
            dry_runs=frozenset(
                job_id
                for entry in (*run.past.values(), *self.states[run.home].values())
                if entry.inputs["dryRun"]
                for job_id in _had(entry)
            ),
            vouched=frozenset(
                each["existingJobId"] for each in self.declared.values() if "existingJobId" in each
            )
            | self._vouched,
        )

    def _ensure_excused(self, run: _Run, name: str, step: _Step, error: ZuoraBackfillError) -> None:
        entries = {**run.past, **self.states[run.home]}
        live = [
            other
            for other in NAMES
            if other != name
            and (
                self._is_live(self.declared[other], step.inputs)
                or (other in entries and self._is_live(entries[other].inputs, step.inputs))
            )
        ]
        excused = self.oracle.excuses(error, step.inputs, step.start, step.predecessor, live)
        assert excused, f"I2: refused although nothing stands against it: {error}"

    def _is_live(self, inputs: Mapping[str, Any], beside: Mapping[str, Any]) -> bool:
        return not inputs["dryRun"] and inputs["type"] == beside["type"]

    def _inputs(self, run: _Run, name: str) -> dict[str, Any]:
        """Return the checked inputs, with the state as it was when the program started."""
        declared = {
            **self.declared[name],
            "identity": {
                "urn": self.urn(name, run.home),
                "declared": list(self.declared[name]),
                "preview": False,
                "secrets": [],
                "settings": [],
            },
            "past": self._past(run, name),
        }
        inputs, faults = check_inputs(_carried(declared), preview=False)
        assert not faults, faults
        return inputs

    def _past(self, run: _Run, name: str) -> dict[str, Any]:
        """Write down what state holds, as the program does it."""
        if not run.process.fate.readable:
            return {"unreadable": "failed to load checkpoint: EOF"}
        by_urn = {self.urn(other, run.home): entry.outputs for other, entry in run.past.items()}
        past = {
            "predecessor": state_reader._part(
                by_urn.get(self.urn(name, run.home), {}), state_reader._OF_THE_PREDECESSOR
            ),
            "jobs": state_reader._text(by_urn),
        }
        taken = {
            inputs["existingJobId"]: other
            for other, inputs in self.declared.items()
            if "existingJobId" in inputs
        }
        return past | ({"takenOver": json.dumps(taken)} if taken else {})


def _had(entry: Entry) -> set[str]:
    """Return all jobs that a resource has, or has had."""
    earlier = {each["jobId"] for each in entry.outputs.get("history", ())}
    return earlier | ({entry.job_id} if entry.job_id else set())


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
