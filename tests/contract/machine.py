"""Random histories: what a person, a process, Zuora and the network may do, in any order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pulumi_zuora_backfill.testing.sandbox import Fault, Operation, Sandbox, SandboxJob

from .faults import HOUR_S, MINUTE_S, faults, operations
from .process import Fate
from .world import NAMES, World

names = st.sampled_from(NAMES)
homes = st.sampled_from((0, 0, 0, 1))
orders = st.sampled_from((("a",), ("a",), ("b",), ("a", "b"), ("b", "a")))
fates = st.builds(
    Fate,
    crash_at=st.one_of(st.none(), st.none(), st.integers(0, 18)),
    silent=st.one_of(st.just(frozenset()), st.frozensets(st.integers(0, 12), max_size=4)),
    records=st.sampled_from((True, True, False)),
    readable=st.sampled_from((True, True, True, False)),
    stranger_at=st.sampled_from((None, None, None, None, 1, 2, 4)),
)
Plan = tuple[tuple[Fault, dict[str, Any]], Operation, int, int]
plans: st.SearchStrategy[list[Plan]] = st.lists(
    st.tuples(faults, operations, st.sampled_from((1, 1, 2, 5, 7)), st.integers(0, 2)), max_size=3
)
_UNANSWERED = (
    Fault.CONNECTION_DROPPED_AFTER,
    Fault.CONNECTION_DROPPED_AFTER,
    Fault.CONNECTION_DROPPED_BEFORE,
    Fault.MAINTENANCE_PAGE,
    Fault.GATEWAY_504,
)
indexes = st.integers(0, 5)
edits = st.one_of(
    st.fixed_dictionaries({"triggers": st.sampled_from((None, 1, 1.5, "x", {"n": 2}))}),
    st.fixed_dictionaries({"triggers": st.sampled_from((None, 1))}),
    st.fixed_dictionaries({"batchSize": st.sampled_from((None, 1, 500))}),
    st.fixed_dictionaries({"dryRun": st.booleans()}),
    st.fixed_dictionaries({"reason": st.sampled_from((None, "OPS-1"))}),
    st.fixed_dictionaries({"guard": st.sampled_from((None, None, "none", "once"))}),
    st.fixed_dictionaries({"onDelete": st.sampled_from((None, "stop", "leave"))}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(("RatePlanCharge", "RatePlanCharge", "OrderLineItem"))}
    ),
)
behaviours = st.one_of(
    st.fixed_dictionaries({"stop_takes_s": st.sampled_from((0.0, 5.0, 120.0))}),
    st.fixed_dictionaries({"second_job_category": st.sampled_from((None, 30, 50))}),
    st.fixed_dictionaries({"newest_first": st.booleans()}),
    st.fixed_dictionaries({"numeric_codes": st.booleans()}),
    st.fixed_dictionaries({"replay_keeps_date": st.booleans()}),
    st.fixed_dictionaries({"saves_429": st.booleans()}),
    st.fixed_dictionaries({"same_key_other_body_status": st.sampled_from((None, 422))}),
    st.fixed_dictionaries({"stop_of_ended_job_category": st.sampled_from((None, 30))}),
)


class Contract(RuleBasedStateMachine):
    """What commands, run in any order and killed anywhere, may never do, whatever time passes."""

    zuora: Sandbox
    world: World

    @initialize(
        stacks=st.sampled_from((1, 2)),
        ahead_s=st.sampled_from((0.0, 0.0, 3 * HOUR_S, -3 * HOUR_S)),
        first=st.sampled_from((None, None, "none")),
        second=st.sampled_from(("dry", "other type", "other type", "none", "same")),
        dry_run=st.sampled_from((False, False, False, True)),
    )
    def begin(
        self, stacks: int, ahead_s: float, first: str | None, second: str, dry_run: bool
    ) -> None:
        """Write the program."""
        self.world = World(self.zuora, stacks=stacks, ahead_s=ahead_s)
        self.world.declare("a", guard=first, dryRun=dry_run)
        self.world.declare(
            "b",
            guard="none" if second == "none" else None,
            dryRun=second == "dry",
            type="OrderLineItem" if second == "other type" else "RatePlanCharge",
        )

    @rule(
        order=orders,
        home=homes,
        fate=fates,
        planned=plans,
        replaced=st.one_of(st.just(frozenset()), st.just(frozenset()), st.frozensets(names)),
        retain=st.sampled_from((False, False, True)),
    )
    def up_in_trouble(
        self,
        order: tuple[str, ...],
        home: int,
        fate: Fate,
        planned: list[Plan],
        replaced: frozenset[str],
        retain: bool,
    ) -> None:
        """Run an update while requests fail, the process may die and others start jobs."""
        self._plan(planned)
        self.world.up(*order, home=home, fate=replace(fate), replace=replaced, retain=retain)

    @rule(
        name=names,
        home=homes,
        reviewed=st.sampled_from((True, True, True, False)),
        triggers=st.integers(1, 4),
        fault=st.sampled_from(_UNANSWERED),
        then_done_after_s=st.sampled_from((None, 1, 20, 110)),
        refused=st.booleans(),
        records=st.sampled_from((True, True, True, False)),
        then=st.sampled_from(("calm", "stranger", "stranger later", "up", "nothing")),
    )
    def up_without_an_answer(
        self,
        name: str,
        home: int,
        reviewed: bool,
        triggers: int,
        fault: Fault,
        then_done_after_s: int | None,
        refused: bool,
        records: bool,
        then: str,
    ) -> None:
        """Run an update in which no start is answered, perhaps after a saved refusal; and again."""
        self.zuora.clear_plans()
        if reviewed:
            self._review(name, triggers)
        if refused:
            self.zuora.plan(Fault.SAVED_FAILURE, on=Operation.CREATE, code="58730010")
        takes_time = fault is Fault.CONNECTION_DROPPED_AFTER
        given = {"then_done_after_s": then_done_after_s} if takes_time else {}
        after = 1 if refused else 0
        self.zuora.plan(fault, on=Operation.CREATE, times=5, after=after, **given)
        self.world.up(name, home=home, fate=Fate(records=records))
        self.zuora.clear_plans()
        if then == "stranger later":
            self.world.pass_time(5 * MINUTE_S)
        if then.startswith("stranger"):
            self.zuora.add_job()
        match then:
            case "calm":
                self.world.calm_up(name, home=home)
            case "nothing":
                pass
            case _:
                self.world.up(name, home=home)

    @rule(order=orders, home=homes, replaced=st.frozensets(names))
    def up(self, order: tuple[str, ...], home: int, replaced: frozenset[str]) -> None:
        """Run an update as things are, perhaps with `--replace`."""
        self.world.up(*order, home=home, replace=replaced)

    @rule(order=orders, home=homes)
    def calm_up(self, order: tuple[str, ...], home: int) -> None:
        """Mend everything and run an update."""
        self.world.calm_up(*order, home=home)

    @rule(name=names, inputs=edits)
    def edit(self, name: str, inputs: dict[str, Any]) -> None:
        """Change the program, or change it back."""
        self.world.declare(name, **inputs)

    @rule(order=orders, home=homes, fate=fates, planned=plans)
    def destroy(self, order: tuple[str, ...], home: int, fate: Fate, planned: list[Plan]) -> None:
        """Remove resources."""
        self._plan(planned)
        self.world.destroy(*order, home=home, fate=replace(fate))

    @rule(home=homes, fate=fates)
    def refresh(self, home: int, fate: Fate) -> None:
        """Read the jobs."""
        self.world.refresh(home=home, fate=replace(fate))

    @rule(seconds=st.sampled_from((MINUTE_S, HOUR_S, 5 * HOUR_S, 22.6 * HOUR_S, 25 * HOUR_S)))
    def time_passes(self, seconds: float) -> None:
        """Let time pass, beyond the life of keys and attempts too."""
        self.world.pass_time(seconds)

    @rule(
        permitted=st.sampled_from((True, True, False)),
        good=st.sampled_from((True,) * 5 + (False,)),
        guess=behaviours,
    )
    def zuora_is_otherwise(self, permitted: bool, good: bool, guess: dict[str, Any]) -> None:
        """Give or take permission, break or mend credentials, let another guess be right."""
        self.zuora.permit(permitted)
        self.world.credentials_good = good
        for name, value in guess.items():
            setattr(self.zuora.behaviours, name, value)

    @rule(
        type=st.sampled_from(("RatePlanCharge", "OrderLineItem")),
        age_s=st.sampled_from((0.0, MINUTE_S, 30 * HOUR_S)),
        status=st.sampled_from((None, None, "COMPLETED", "FAILED")),
        dry_run=st.booleans(),
    )
    def stranger(self, type: str, age_s: float, status: str | None, dry_run: bool) -> None:
        """Somebody else starts a job in the same tenant."""
        self.zuora.add_job(type=type, age_s=age_s, status=status, dry_run=dry_run)

    @precondition(lambda self: self.zuora.jobs)
    @rule(index=indexes, status=st.sampled_from(("COMPLETED", "COMPLETED", "FAILED", "STOPPED")))
    def job_ends(self, index: int, status: str) -> None:
        """End a job, well or badly, or by hand in Zuora's own pages."""
        job = self._job(index)
        if job.status in ("ACCEPTED", "PROCESSING"):
            self.zuora.finish(job.id, status)

    @precondition(lambda self: self.zuora.jobs)
    @rule(
        name=names,
        index=indexes,
        what=st.sampled_from(
            ("purge", "adopt", "leave", "leave", "accept", "accept", "accept", "doubt")
        ),
    )
    def job_and_program(self, name: str, index: int, what: str) -> None:
        """Purge a job, or name jobs in the program: to take one over, or to accept all."""
        match what:
            case "purge":
                self.world.purge(self._job(index).id)
            case "adopt":
                self.world.declare(name, existingJobId=self._job(index).id)
            case "leave":
                self.world.declare(name, existingJobId=None)
            case _:
                known = [job.id for job in self.zuora.jobs]
                self.world.declare(name, knownJobIds=known if what == "accept" else None)

    def _review(self, name: str, triggers: int) -> None:
        """Ask for another job, accept all that are there, and mend what stands against it."""
        for job in self.zuora.jobs:
            if job.status in ("ACCEPTED", "PROCESSING"):
                self.zuora.finish(job.id)
        known = [job.id for job in self.zuora.jobs]
        self.world.declare(name, triggers=triggers, knownJobIds=known, existingJobId=None)
        self.zuora.permit()
        self.world.credentials_good = True

    def _plan(self, planned: list[Plan]) -> None:
        for (fault, parameters), on, times, after in planned:
            self.zuora.plan(fault, on=on, times=times, after=after, **parameters)

    def _job(self, index: int) -> SandboxJob:
        jobs = self.zuora.jobs
        return jobs[index % len(jobs)]
