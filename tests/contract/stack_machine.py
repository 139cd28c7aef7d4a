"""
Random histories of whole stacks: program, engine, plugin host, sockets, and a local Zuora.

In any order and out of order; a second stack of the same tenant starts jobs of the same type.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pulumi_zuora_backfill.testing import Operation, Sandbox

from .faults import HOUR_S, MINUTE_S, faults, operations
from .stack_world import StackWorld
from .trouble import Kill, PlannedFault, Trouble

LABELS = ("a", "b")
labels = st.sampled_from(LABELS)
targets = st.sampled_from(((), (), (), ("a",), ("b",)))
replaced = st.sampled_from(((), (), ("a",), ("b",), LABELS))
kills = st.builds(
    Kill,
    on=st.sampled_from((Operation.CREATE, *Operation)),
    done=st.booleans(),
    after=st.sampled_from((0, 0, 1)),
)
planned = st.builds(
    lambda fault, **rest: PlannedFault(*fault, **rest),
    faults,
    on=operations,
    always=st.booleans(),
    after=st.sampled_from((0, 0, 1, 2)),
)
troubles = st.builds(
    Trouble,
    faults=st.lists(planned, max_size=2).map(tuple),
    kill=st.one_of(st.none(), st.none(), kills),
)
changes: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"triggers": st.sampled_from((None, 1, {"n": 2}))}),
    st.fixed_dictionaries({"triggers": st.sampled_from((None, 1, {"n": 2}))}),
    st.fixed_dictionaries(
        {"trigger": st.integers(0, 2)}
    ),  # nothing, where the SDK has no `replacement_trigger`
    st.fixed_dictionaries({"batch_size": st.sampled_from((1, 1000))}),
    st.fixed_dictionaries({"reason": st.sampled_from((None, "OPS-1"))}),
)

preparations = st.one_of(changes, st.sampled_from(("rename", "taint", "accept")), st.booleans())


class StackContract(RuleBasedStateMachine):
    """What the commands of real stacks, run in any order and in any trouble, may never do."""

    engine: type[Any]
    world: StackWorld
    second: StackWorld

    def __init__(self) -> None:
        """Begin with a tenant and an empty folder."""
        super().__init__()
        self._folder = TemporaryDirectory(prefix="stack-contract-")
        self.zuora = Sandbox(seed=1).start()

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.zuora.stop()
        self._folder.cleanup()

    @initialize(
        types=st.sampled_from(
            (("RatePlanCharge", "RatePlanCharge"), ("RatePlanCharge", "OrderLineItem"))
        ),
        dry_run=st.booleans(),
        guard=st.sampled_from((None, "none")),
    )
    def begin(self, types: tuple[str, str], dry_run: bool, guard: str | None) -> None:
        """Write the program."""
        folders = [Path(self._folder.name) / name for name in ("first", "second")]
        for folder in folders:
            folder.mkdir()
        self.world = StackWorld(
            self.engine,
            self.zuora,
            folders[0],
            dict(zip(LABELS, types, strict=True)),
            dry_run=dry_run,
            guard=guard,
        )
        self.second = StackWorld(
            self.engine,
            self.zuora,
            folders[1],
            {"c": "RatePlanCharge"},
            beside=self.world,
            dry_run=False,
        )

    @rule(only=targets, replacing=replaced, trouble=troubles)
    def up_in_trouble(
        self, only: tuple[str, ...], replacing: tuple[str, ...], trouble: Trouble
    ) -> None:
        """Run an update while requests fail and the plugin host may die."""
        self.world.up(*only, replacing=replacing, trouble=trouble)

    @rule(label=labels, renamed=st.booleans(), change=changes, only=targets, trouble=troubles)
    def changed_up(
        self,
        label: str,
        renamed: bool,
        change: dict[str, Any],
        only: tuple[str, ...],
        trouble: Trouble,
    ) -> None:
        """Change the program, or change it back, perhaps a name too; run an update in trouble."""
        if renamed:
            self.world.rename(label)
        self.world.declare(label, **change)
        self.world.up(*only, trouble=trouble)

    @rule(only=targets, replacing=replaced)
    def up(self, only: tuple[str, ...], replacing: tuple[str, ...]) -> None:
        """Run an update as things are."""
        self.world.up(*only, replacing=replacing)

    @rule()
    def calm_up(self) -> None:
        """Mend everything and run an update; another one finds nothing to do."""
        if self.world.calm_up() is None:
            assert self.world.up() is None

    @rule(what=st.sampled_from(("up", "up", "calm", "change", "accept", "destroy")))
    def second_stack(self, what: str) -> None:
        """Do something with the second stack of the tenant."""
        match what:
            case "change":
                triggers = self.second.declared["c"].triggers
                self.second.declare("c", triggers=None if triggers else 1)
                self.second.up()
            case "accept":
                self.second.accept()
                self.second.up()
            case "calm":
                self.second.calm_up()
            case "destroy":
                self.second.destroy()
            case _:
                self.second.up()

    @rule(only=targets, replacing=replaced)
    def preview(self, only: tuple[str, ...], replacing: tuple[str, ...]) -> None:
        """Look at what would be done."""
        self.world.preview(*only, replacing=replacing)

    @rule(label=labels, what=preparations)
    def prepare(self, label: str, what: dict[str, Any] | str | bool) -> None:
        """Change the program, or change it back; rename, taint, accept; give or take permission."""
        match what:
            case "rename":
                self.world.rename(label)
            case "accept":
                self.world.accept()
            case "taint":
                self.world.taint(label)
            case bool():
                self.zuora.permit(what)
            case dict():
                self.world.declare(label, **what)

    @rule(only=targets, trouble=troubles)
    def destroy(self, only: tuple[str, ...], trouble: Trouble) -> None:
        """Remove the stack's jobs, or one."""
        self.world.destroy(*only, trouble=trouble)

    @rule(trouble=st.one_of(st.just(Trouble()), troubles))
    def refresh(self, trouble: Trouble) -> None:
        """Look at the jobs."""
        self.world.refresh(trouble)

    @rule(
        index=st.integers(0, 5),
        what=st.sampled_from(("COMPLETED", "COMPLETED", "FAILED", "STOPPED", "purged")),
    )
    def job_ends(self, index: int, what: str) -> None:
        """End a job, well or badly, or by hand in Zuora's pages; or let Zuora forget one."""
        jobs = self.zuora.jobs
        if not jobs:
            return
        job = jobs[-1 - index % len(jobs)]
        if what == "purged":
            self.world.purge(job.id)
            self.world.refresh()
        elif job.status in ("ACCEPTED", "PROCESSING"):
            self.zuora.finish(job.id, what)

    @rule(seconds=st.sampled_from((MINUTE_S, HOUR_S, 5 * HOUR_S, 25 * HOUR_S)))
    def time_passes(self, seconds: float) -> None:
        """Let time pass, beyond the life of keys and attempts too."""
        self.zuora.clock.advance(seconds)
        self.world.oracle.look()
