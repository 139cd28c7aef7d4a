"""
A real stack with some jobs, from program to socket.

Every command is watched by the oracle, which sees what Zuora was asked and what a user can read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pulumi_zuora_backfill.testing import Sandbox
from tests.engines import EngineError
from tests.world import STACK, TYPE, World, assert_clean

from .declared import Declared, Entry
from .oracle import IN_FLIGHT_S, Oracle, Start
from .steps import Step, Watch
from .trouble import Trouble

CALL_TIMEOUT_S = 2
_NO_TROUBLE = Trouble()


class StackWorld:
    """One program, one stack, one tenant, which other stacks may share."""

    def __init__(
        self,
        engine: type[Any],
        zuora: Sandbox,
        folder: Path,
        types: Mapping[str, str],
        *,
        beside: StackWorld | None = None,
        **declared: Any,
    ) -> None:
        """
        Write a program; nothing is deployed yet.

        Args:
            engine: The engine.
            zuora: The tenant.
            folder: Where the project is made.
            types: The type of each job, by label.
            beside: Another stack of the tenant.
            **declared: What is declared of each job.
        """
        self.zuora = zuora
        self.labels = tuple(types)
        self._home = 1 if beside else 0
        stack = "test" if beside else STACK
        self.oracle = beside.oracle if beside else Oracle(zuora)
        self._watch = Watch(zuora, self.oracle)
        self.declared = {
            label: Declared(label=label, name=label, type=type_, stack=stack, **declared)
            for label, type_ in types.items()
        }
        self._asked: dict[str, tuple[object, ...]] = {}
        self._names: dict[str, set[str]] = {label: {label} for label in types}
        self._world = World(
            engine,
            zuora,
            folder,
            env={**zuora.environment(), "ZUORA_CALL_TIMEOUT": str(CALL_TIMEOUT_S)},
            stack=stack,
        )

    def entries(self) -> dict[str, Entry]:
        """Read the state: the jobs in it, by label."""
        found = {}
        for document in self._world.stack.state["resources"]:
            if document["type"] == TYPE:
                name = document["urn"].rsplit("::", 1)[1]
                (label,) = [label for label in self.labels if name in self._names[label]]
                assert label not in found, "two resources for one job"
                found[label] = Entry(document=document)
        return found

    def declare(self, label: str, **changes: Any) -> None:
        """Change the program."""
        self.declared[label] = replace(self.declared[label], **changes)

    def rename(self, label: str) -> None:
        """Give a job another name, with an alias, or the old one back; not while one is wanted."""
        entry = self.entries().get(label)
        if entry is None or self._is_asked_for(label, entry):
            return
        old = entry.urn.rsplit("::", 1)[1]
        new = label if old != label else f"{label}-renamed"
        self._names[label].add(new)
        self.declare(label, name=new, alias=old)

    def taint(self, label: str) -> None:
        """Mark a job for replacement."""
        if label in (entries := self.entries()):
            self._world.stack.taint(entries[label].urn)

    def up(
        self,
        *labels: str,
        replacing: Collection[str] = (),
        trouble: Trouble = _NO_TROUBLE,
        calm: bool = False,
    ) -> str | None:
        """
        Run `pulumi up`.

        Args:
            *labels: Which jobs: `--target`; without any, all.
            replacing: Which to replace: `--replace`, which knows only names that state has.
            trouble: What goes wrong.
            calm: Nothing stands against it: a failure needs an excuse.

        Returns:
            What the user reads when it fails.
        """
        before = self.entries()
        forced = {
            label
            for label in replacing
            if label in before and before[label].urn == self.declared[label].urn
        }
        steps = {
            label: self._step(label, before, label in forced) for label in labels or self.labels
        }
        error = self._run(
            "up", steps, trouble, target=self._urns(labels), replace=self._urns(forced)
        )
        after = self.entries()
        for label in self.labels:
            if label not in steps:
                assert after.get(label) == before.get(label), (
                    "what is not among the targets is touched"
                )
            elif steps[label].start is None:
                assert after[label].id == before[label].id, (
                    "a job is replaced that nobody asked to replace"
                )
                if error is None:
                    assert after[label].urn == self.declared[label].urn
            elif self._watch.settled(self.declared[label], steps[label], after.get(label), error):
                self._asked[label] = self.declared[label].asked
        if error is not None and calm:
            missing = {label: step for label, step in steps.items() if step.wants(after.get(label))}
            self._watch.ensure_excused(self.declared, missing, error)
        return error

    def calm_up(self) -> str | None:
        """Mend everything and run `pulumi up`: it must succeed, or have an excuse."""
        self.zuora.permit()
        self.zuora.clock.advance(IN_FLIGHT_S)
        return self.up(calm=True)

    def preview(self, *labels: str, replacing: Collection[str] = ()) -> None:
        """Run `pulumi preview`: it succeeds, sends nothing, and leaves state alone."""
        before = self.entries()
        forced = {
            label
            for label in replacing
            if label in before and before[label].urn == self.declared[label].urn
        }
        error = self._run(
            "preview", {}, _NO_TROUBLE, target=self._urns(labels), replace=self._urns(forced)
        )
        assert error is None or "Nothing was started: " in error, error
        assert self.zuora.requests == [], "a preview sends something"
        assert self.entries() == before

    def destroy(self, *labels: str, trouble: Trouble = _NO_TROUBLE) -> None:
        """Run `pulumi destroy`, of everything or of what is named."""
        before = self.entries()
        found = [label for label in labels or self.labels if label in before]
        if not found:
            return
        stops = {
            label: before[label].job
            for label in found
            if self.declared[label].dry_run and before[label].job and not before[label].pending
        }
        steps = {
            label: Step(entry=before[label], may_stop=stops.get(label), reads=label in stops)
            for label in found
        }
        target = [before[label].urn for label in labels if label in before] or None
        error = self._run("destroy", steps, trouble, target=target)
        after = self.entries()
        for label in self.labels:
            if label in found and label not in after:
                self.oracle.destroyed((self._home, label))
                self._asked.pop(label, None)
            elif label in found:
                assert error is not None, "a destroyed job is still in state"
            else:
                assert after.get(label) == before.get(label)

    def refresh(self, trouble: Trouble = _NO_TROUBLE) -> None:
        """Run `pulumi refresh`: nothing is started, stopped or gone; what is found is kept."""
        before, earlier = self.entries(), self._statuses()
        steps = {
            label: Step(entry=entry, reads=not entry.pending and entry.job is not None)
            for label, entry in before.items()
        }
        error = self._run("refresh", steps, trouble)
        after = self.entries()
        assert {label: entry.id for label, entry in after.items()} == {
            label: entry.id for label, entry in before.items()
        }
        if trouble == _NO_TROUBLE:
            assert error is None, error
            later = self._statuses()
            for entry in after.values():
                # Jobs go on while they are looked at.
                seen = {statuses.get(entry.job, "UNKNOWN") for statuses in (earlier, later)}
                assert entry.pending or entry.job is None or entry.outputs["status"] in seen

    def purge(self, job_id: str) -> None:
        """Let Zuora forget a job."""
        self.oracle.purged(job_id)
        self.zuora.forget_job(job_id)

    def accept(self) -> None:
        """Let a person accept all jobs that there are."""
        known = tuple(job.id for job in self.zuora.jobs)
        for label in self.labels:
            self.declare(label, known=known)

    def _statuses(self) -> dict[str | None, str]:
        return {job.id: job.status for job in self.zuora.jobs}

    def _is_asked_for(self, label: str, entry: Entry) -> bool:
        if entry.pending or entry.tainted or entry.job is None:
            return True
        return self._asked[label] != self.declared[label].asked

    def _step(self, label: str, before: Mapping[str, Entry], forced: bool) -> Step:
        """Tell from program, command and state what the user asks for."""
        declared, entry = self.declared[label], before.get(label)
        if entry is not None and not (forced or self._is_asked_for(label, entry)):
            return Step(entry=entry)
        resource, intent = (self._home, label), (declared.urn, *declared.intent)
        start = Start(
            resource=resource,
            wish=self.oracle.wish(resource, declared.urn, intent),
            type=declared.type,
            intent=intent,
            guarded=declared.guarded != "none",
            dry_run=declared.dry_run,
            known=frozenset(declared.known),
            dry_runs=frozenset(
                job_id
                for each in self.labels
                if self.declared[each].dry_run
                for job_id in self.oracle.had((self._home, each))
            ),
        )
        stops = entry is not None and declared.dry_run and not entry.pending
        return Step(
            entry=entry, start=start, may_stop=entry.job if entry and stops else None, reads=True
        )

    def _urns(self, labels: Collection[str]) -> list[str] | None:
        return [self.declared[label].urn for label in labels] or None

    def _run(
        self, command: str, steps: Mapping[str, Step], trouble: Trouble, **options: Any
    ) -> str | None:
        """Run a command, show the oracle what was sent, and return what a failure says."""
        self._world.program("\n".join(declared.source for declared in self.declared.values()))
        self.zuora.forget_requests()
        error = None
        given = {key: value for key, value in options.items() if value is not None}
        with trouble.on(self.zuora):
            try:
                getattr(self._world.stack, command)(**given)
            except EngineError as failed:
                error = failed.stdout
        self._watch.sent(steps)
        if error is not None:
            assert self.zuora.client_secret not in error
            if trouble.kill is None:
                assert_clean(error)
        return error
