"""Random histories of the world: whatever a person, a pipeline, Zuora and the network may do, in any order."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pulumi_zuora_backfill.testing.sandbox import Fault, Operation, Sandbox, SandboxJob

from .faults import HOUR_S, MINUTE_S, faults, operations
from .oracle import DAY_S
from .process import Fate
from .world import NAMES, World

_LEFT_OF_THE_DAY_S = 1.5 * HOUR_S

names = st.sampled_from(NAMES)
pipelines = st.sampled_from((0, 0, 0, 1))
orders = st.sampled_from((("a",), ("a",), ("b",), ("a", "b"), ("b", "a")))
fates = st.builds(
    Fate,
    crash_at=st.one_of(st.none(), st.integers(0, 18)),
    silent=st.one_of(st.just(frozenset()), st.frozensets(st.integers(0, 12), max_size=4)),
)
Plan = tuple[tuple[Fault, dict[str, Any]], Operation, int, int]
plans: st.SearchStrategy[list[Plan]] = st.lists(
    st.tuples(faults, operations, st.sampled_from((1, 1, 2, 5, 7)), st.integers(0, 2)), max_size=3
)
indexes = st.integers(0, 5)
edits = st.one_of(
    st.fixed_dictionaries({"triggers": st.sampled_from((None, 1, 1.5, "x", {"n": 2}))}),
    st.fixed_dictionaries({"batchSize": st.sampled_from((None, 1, 500))}),
    st.fixed_dictionaries({"dryRun": st.booleans()}),
    st.fixed_dictionaries({"reason": st.sampled_from((None, "OPS-1"))}),
    st.fixed_dictionaries({"guard": st.sampled_from((None, "none", "none", "once", "strict"))}),
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
    st.fixed_dictionaries({"replay_keeps_request_id": st.booleans()}),
    st.fixed_dictionaries({"saves_429": st.booleans()}),
    st.fixed_dictionaries({"same_key_other_body_status": st.sampled_from((None, 422))}),
    st.fixed_dictionaries({"stop_of_ended_job_category": st.sampled_from((None, 30))}),
)


class Contract(RuleBasedStateMachine):
    """What one stack's commands, run in any order and killed anywhere, may never do within Zuora's 24 hours."""

    zuora: Sandbox
    world: World
    beyond_a_day = False

    def __init__(self) -> None:
        """Begin a new world on the local Zuora that is there."""
        super().__init__()
        self.world = World(self.zuora)

    @initialize(guard=st.sampled_from(("none", "none", None)), dry_run=st.booleans())
    def begin(self, guard: str | None, dry_run: bool) -> None:
        """Write the program."""
        for name in NAMES:
            self.world.declare(name, guard=guard, dryRun=dry_run)

    @rule(
        order=orders,
        pipeline=pipelines,
        fate=fates,
        planned=plans,
        retain=st.sampled_from((False, False, True)),
    )
    def up_in_trouble(
        self, order: tuple[str, ...], pipeline: int, fate: Fate, planned: list[Plan], retain: bool
    ) -> None:
        """Run an update while requests fail and the process may die."""
        self._plan(planned)
        self.world.up(*order, pipeline=pipeline, fate=_again(fate), retain=retain)

    @rule(
        order=orders,
        pipeline=pipelines,
        fate=fates,
        planned=plans,
        replace=st.sets(names, min_size=1),
    )
    def up_replacing(
        self,
        order: tuple[str, ...],
        pipeline: int,
        fate: Fate,
        planned: list[Plan],
        replace: set[str],
    ) -> None:
        """Run an update with `--replace`."""
        self._plan(planned)
        self.world.up(*order, pipeline=pipeline, fate=_again(fate), replace=replace)

    @rule(order=orders, pipeline=pipelines)
    def up(self, order: tuple[str, ...], pipeline: int) -> None:
        """Run an update as things are."""
        self.world.up(*order, pipeline=pipeline)

    @rule(order=orders, pipeline=pipelines)
    def calm_up(self, order: tuple[str, ...], pipeline: int) -> None:
        """Mend everything and run an update."""
        self.world.calm_up(*order, pipeline=pipeline)

    @rule(name=names, inputs=edits)
    def edit(self, name: str, inputs: dict[str, Any]) -> None:
        """Change the program, or change it back."""
        self.world.declare(name, **inputs)

    @rule(name=names, pipeline=pipelines, value=st.one_of(st.none(), st.integers(0, 1)))
    def mark(self, name: str, pipeline: int, value: int | None) -> None:
        """Mark a resource for replacement: `pulumi state taint`, or Pulumi's own `replacement_trigger`."""
        if value is not None:
            self.world.trigger[name] = value
        elif name in self.world.states[pipeline]:
            self.world.taint(name, pipeline)

    @rule(order=orders, pipeline=pipelines, fate=fates, planned=plans)
    def destroy(
        self, order: tuple[str, ...], pipeline: int, fate: Fate, planned: list[Plan]
    ) -> None:
        """Remove resources."""
        self._plan(planned)
        self.world.destroy(*order, pipeline=pipeline, fate=_again(fate))

    @rule(pipeline=pipelines, fate=fates)
    def refresh(self, pipeline: int, fate: Fate) -> None:
        """Read the jobs."""
        self.world.refresh(pipeline=pipeline, fate=_again(fate))

    @rule(seconds=st.sampled_from((MINUTE_S, HOUR_S, 5 * HOUR_S, 23 * HOUR_S)))
    def time_passes(self, seconds: float) -> None:
        """Let time pass; not beyond the life of the oldest key, unless that is what is looked at."""
        since = self.world.oracle.open_since_s()
        if since is not None and not self.beyond_a_day:
            seconds = min(seconds, since + DAY_S - _LEFT_OF_THE_DAY_S - self.zuora.clock.now())
        self.world.pass_time(max(0.0, seconds))

    @rule(permitted=st.booleans(), good=st.sampled_from((True, True, False)), guess=behaviours)
    def zuora_is_otherwise(self, permitted: bool, good: bool, guess: dict[str, Any]) -> None:
        """Give or take permission, break or mend the credentials, let another guess about Zuora be the right one."""
        self.zuora.permit(permitted)
        self.world.credentials_good = good
        for name, value in guess.items():
            setattr(self.zuora.behaviours, name, value)

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
            ("purge", "appear", "adopt", "adopt", "leave", "leave", "leave", "accept", "doubt")
        ),
        age_s=st.sampled_from((MINUTE_S, 5 * HOUR_S, 30 * HOUR_S)),
    )
    def job_and_program(self, name: str, index: int, what: str, age_s: float) -> None:
        """Purge a job, find one that is nobody's here, or name jobs in the program."""
        match what:
            case "purge":
                self.world.purge(self._job(index).id)
            case "appear":
                self.zuora.add_job(age_s=age_s, status=None if index else "COMPLETED")
            case "adopt":
                self.world.declare(name, existingJobId=self._job(index).id)
            case "leave":
                self.world.declare(name, existingJobId=None)
            case _:
                known = [job.id for job in self.zuora.jobs]
                self.world.declare(name, knownJobIds=known if what == "accept" else None)

    def _plan(self, planned: list[Plan]) -> None:
        for (fault, parameters), on, times, after in planned:
            self.zuora.plan(fault, on=on, times=times, after=after, **parameters)

    def _job(self, index: int) -> SandboxJob:
        jobs = self.zuora.jobs
        return jobs[index % len(jobs)]


def _again(fate: Fate) -> Fate:
    """Return the same fate for another process."""
    return Fate(fate.crash_at, fate.silent)


class BeyondADay(Contract):
    """The same with any time in between: a key that Zuora forgot is sent again, and I1 is only counted within the keys' life."""

    beyond_a_day = True
