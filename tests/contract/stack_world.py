"""A real stack with two jobs, from program to socket: every command is watched by the oracle, which sees what Zuora was asked and what a user can read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pulumi_zuora_backfill.testing import Sandbox
from tests.engines import EngineError
from tests.world import TYPE, World, assert_clean

from .declared import Declared, Entry
from .oracle import IN_FLIGHT_S, Oracle
from .steps import Step, Watch
from .trouble import Trouble

LABELS = ("a", "b")
CALL_TIMEOUT_S = 2
_NO_TROUBLE = Trouble()


class StackWorld:
    """One program, one stack, one tenant."""

    def __init__(
        self, engine: type[Any], zuora: Sandbox, folder: Path, types: Sequence[str], **declared: Any
    ) -> None:
        """Write a program with two jobs of these types; nothing is deployed yet."""
        self.zuora = zuora
        self.oracle = Oracle(zuora)
        self._watch = Watch(zuora, self.oracle)
        self.declared = {
            label: Declared(label=label, name=label, type=type_, **declared)
            for label, type_ in zip(LABELS, types, strict=True)
        }
        self._asked: dict[str, tuple[object, ...]] = {}
        self._names: dict[str, set[str]] = {label: {label} for label in LABELS}
        self._world = World(
            engine,
            zuora,
            folder,
            env={**zuora.environment(), "ZUORA_CALL_TIMEOUT": str(CALL_TIMEOUT_S)},
        )

    def entries(self) -> dict[str, Entry]:
        """Read the state: the jobs in it, by label."""
        found = {}
        for document in self._world.stack.state["resources"]:
            if document["type"] == TYPE:
                name = document["urn"].rsplit("::", 1)[1]
                (label,) = [label for label in LABELS if name in self._names[label]]
                assert label not in found, "two resources for one job"
                found[label] = Entry(document=document)
        return found

    def declare(self, label: str, **changes: Any) -> None:
        """Change the program."""
        self.declared[label] = replace(self.declared[label], **changes)

    def rename(self, label: str) -> None:
        """Give a job another name, with an alias, or the old one back; not while an answer may be lost, whose job would not be found."""
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
            replacing: Which to replace: `--replace`. The engine knows it only under the name that state has.
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
        steps = {label: self._step(label, before, label in forced) for label in labels or LABELS}
        error = self._run(
            "up", steps, trouble, target=self._urns(labels), replace=self._urns(forced)
        )
        after = self.entries()
        for label in LABELS:
            if label not in steps:
                assert after.get(label) == before.get(label), (
                    "what is not among the targets is touched"
                )
            elif steps[label].wish is None:
                assert after[label].id == steps[label].predecessor, (
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
        assert error is None, error
        assert self.zuora.requests == [], "a preview sends something"
        assert self.entries() == before

    def destroy(self, *labels: str, trouble: Trouble = _NO_TROUBLE) -> None:
        """Run `pulumi destroy`, of everything or of what is named."""
        before = self.entries()
        found = [label for label in labels or LABELS if label in before]
        if not found:
            return
        stops = {
            label: before[label].id
            for label in found
            if self.declared[label].dry_run
            and not (before[label].pending or before[label].retained)
        }
        steps = {
            label: Step(entry=before[label], may_stop=stops.get(label), reads=label in stops)
            for label in found
        }
        target = [before[label].urn for label in labels if label in before] or None
        error = self._run("destroy", steps, trouble, target=target)
        after = self.entries()
        for label in LABELS:
            if label in found and label not in after:
                self.oracle.destroyed(0, label)
                del self._asked[label]
            elif label in found:
                assert error is not None, "a destroyed job is still in state"
            else:
                assert after.get(label) == before.get(label)

    def refresh(self, trouble: Trouble = _NO_TROUBLE) -> None:
        """Run `pulumi refresh`: nothing is started, stopped or gone; what is found lands in state."""
        before, earlier = self.entries(), self._statuses()
        steps = {
            label: Step(entry=entry, reads=not entry.pending) for label, entry in before.items()
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
                seen = {statuses.get(entry.id, "UNKNOWN") for statuses in (earlier, later)}
                assert entry.pending or entry.outputs["status"] in seen

    def purge(self, job_id: str) -> None:
        """Let Zuora forget a job."""
        self.oracle.purged(job_id)
        self.zuora.forget_job(job_id)

    def open_since_s(self) -> float | None:
        """Return when the oldest chain of keys was first sent that the next command may go on with."""
        return self.oracle.open_since_s(pipeline=0)

    def _statuses(self) -> dict[str, str]:
        return {job.id: job.status for job in self.zuora.jobs}

    def _is_asked_for(self, label: str, entry: Entry) -> bool:
        return entry.pending or entry.tainted or self._asked[label] != self.declared[label].asked

    def _step(self, label: str, before: Mapping[str, Entry], forced: bool) -> Step:
        """Tell from program, command and state what the user asks for."""
        declared, entry = self.declared[label], before.get(label)
        if entry is not None and not (forced or self._is_asked_for(label, entry)):
            return Step(entry=entry)
        wish = self.oracle.wish(0, label, (declared.urn, *declared.intent))
        wish.guards.add(declared.guarded)
        wish.accounted.update(each.id for each in before.values())
        stops = entry is not None and declared.dry_run and not (entry.pending or entry.retained)
        return Step(
            entry=entry, wish=wish, may_stop=entry.id if entry and stops else None, reads=True
        )

    def _urns(self, labels: Collection[str]) -> list[str] | None:
        return [self.declared[label].urn for label in labels] or None

    def _run(
        self, command: str, steps: Mapping[str, Step], trouble: Trouble, **options: Any
    ) -> str | None:
        """Run a command, show the oracle what was sent, and return what the user reads when it fails."""
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
            # What the user is told after an open outcome: a key that is used only once may be in flight for two minutes.
            self.zuora.clock.advance(IN_FLIGHT_S)
            self.oracle.look()
        return error
