"""What is to be done to a resource: the engine's decisions, in the engine's order.

One plan is made at a time.  A plan asks the provider to check and to compare; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.console_output import Console, diff_detail
from pulumi_zuora_backfill.testing.engine.processes import ProviderCalls
from pulumi_zuora_backfill.testing.engine.property_paths import with_ignored_changes
from pulumi_zuora_backfill.testing.engine.state import Resource
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import is_provider_type

from .check_and_diff import (
    Diff,
    InputChecker,
    diff_resource,
    triggers_replacement,
    with_replace_on_changes,
)
from .plan_so_far import BailError, PlanError, PlanSoFar
from .replacement_planner import ReplacementPlanner
from .resource_goal import Goal
from .step import Step


@dataclass(frozen=True, kw_only=True)
class StepPlanner:
    """Turns what the program registers into steps."""

    so_far: PlanSoFar
    find_provider: Callable[[str], ProviderCalls]
    is_registered: Callable[[str], bool]
    """Tells whether the provider of this reference was registered in this run."""
    console: Console
    checker: InputChecker
    replacements: ReplacementPlanner

    def plan(self, goal: Goal, provider: str) -> list[Step]:
        """Plan what a registered resource needs.

        Raises:
            BailError, PlanError, UrnError: The run must end.
        """
        so_far = self.so_far
        urn = so_far.urns.claim(goal.type, goal.name, goal.parent)
        old_urn = so_far.urns.old_urn_of(
            urn, goal.type, goal.name, goal.parent, goal.aliases, so_far.olds
        )
        old = so_far.olds.get(old_urn)
        new = goal.to_resource(urn)
        new.provider = provider
        new.aliases = [old_urn] if old_urn not in ("", urn) else []
        targeted = so_far.targeted.allow(new)
        recreating = urn in so_far.deleted
        self._set_checked_inputs(goal, old, new, targeted=targeted, recreating=recreating)
        if old is not None and recreating:
            return self.replacements.recreate(old, new)
        if old is not None and old.external:
            # What this stack only looked at is not its own to change: it gets one of its own.
            so_far.created.add(urn)
            return self.replacements.create_before_delete(old, new)
        if not targeted:
            return self._left_alone(old, new)
        if old is not None:
            steps = self._steps_for_old(goal, old, new)
        else:
            so_far.created.add(urn)
            steps = [Step(op="create", new=new)]
        self._refuse_missing_prerequisites(new)
        return steps

    def plan_read(self, resource: Resource, name: str) -> list[Step]:
        """Plan to read a resource that is not the stack's; its own one of that name is dropped."""
        resource.urn = self.so_far.urns.claim(resource.type, name, resource.parent)
        self.so_far.operated.add(resource.urn)
        old = self.so_far.olds.get(resource.urn)
        if old is not None and not old.external and old.id != resource.id:
            self.so_far.replaced.add(resource.urn)
            return [
                Step(op="read-replacement", old=old, new=resource),
                Step(op="replace", old=old, new=resource),
            ]
        return [Step(op="read", old=old, new=resource)]

    def _set_checked_inputs(
        self, goal: Goal, old: Resource | None, new: Resource, *, targeted: bool, recreating: bool
    ) -> None:
        if not new.custom or is_provider_type(new.type):
            return
        if not targeted:
            new.inputs = old.inputs if old else {}
        elif (
            old is None
            or old.external
            or recreating
            or self.so_far.is_replacement_wanted(new.urn, old)
        ):
            new.inputs = self.checker.checked(new, goal, {}, goal.inputs)
        else:
            inputs = with_ignored_changes(goal.inputs, old.inputs, goal.ignore_changes)
            new.inputs = self.checker.checked(new, goal, old.inputs, inputs)

    def _left_alone(self, old: Resource | None, new: Resource) -> list[Step]:
        """Plan nothing for what is left out; if it does not exist, it is not created either."""
        self.so_far.operated.add(new.urn)
        if old is None:
            self.so_far.skipped_creates.add(new.urn)
            return [Step(op="same", old=new, new=new, skipped=True)]
        if old.provider and not self.is_registered(old.provider):
            raise PlanError(
                new.urn,
                f"provider {old.provider} for resource {new.urn} has not been registered yet, "
                "this is due to a change of providers mixed with --target. "
                "Change your program back to the original providers",
            )
        self.so_far.operated.add(old.urn)
        self.so_far.urns.seen.add(old.urn)
        # In the state, what it needs must come before it, even if the program has that no more.
        return [
            Step(op="same", old=each, new=each.copy(), untargeted=True)
            for each in [*self.so_far.unsettled_needs(old), old]
        ]

    def _steps_for_old(self, goal: Goal, old: Resource, new: Resource) -> list[Step]:
        triggered = triggers_replacement(old.replacement_trigger, new.replacement_trigger)
        found = Diff(changed=True) if triggered else self._diff(old, new)
        diff = with_replace_on_changes(
            found, new.replace_on_changes, init_errors=bool(old.init_errors)
        )
        detail = diff_detail(old, new, goal.hidden_diffs)
        if (diff.changed and (diff.replaces or triggered)) or old.pending_replacement:
            return self.replacements.replace(goal, old, new, diff, detail)
        self.so_far.operated.add(new.urn)
        if diff.changed or old.init_errors:
            return [Step(op="update", old=old, new=new, detail=detail)]
        return [Step(op="same", old=old, new=new)]

    def _diff(self, old: Resource, new: Resource) -> Diff:
        along = new.deleted_with in self.so_far.replaced
        if along or self.so_far.is_replacement_wanted(new.urn, old) or old.custom != new.custom:
            return Diff(changed=True, replaces=True)
        if not new.custom or is_provider_type(new.type):
            return Diff(changed=not values.same(old.inputs, new.inputs))
        diff = diff_resource(
            self.find_provider(new.provider),
            new.urn,
            old.id,
            old.inputs,
            old.outputs,
            new.inputs,
            ignore_changes=new.ignore_changes,
            unknowns=self.so_far.scope.dry_run,
        )
        if diff.is_guess:
            self.console.log(
                "warning",
                new.urn,
                "The provider for this resource has inputs that are not known during preview.\n"
                "This preview may not correctly represent the changes that will be applied during "
                "an update.",
            )
        return diff

    def _refuse_missing_prerequisites(self, new: Resource) -> None:
        """A target cannot be made without what it needs, unless that exists."""
        if not (self.so_far.scope.targets or self.so_far.scope.replace):
            return
        for missing in sorted(new.prerequisites() & self.so_far.skipped_creates):
            self.so_far.failed = True
            self.console.log(
                "error",
                new.urn,
                f"Resource '{new.urn}' depends on '{missing}' which was not specified in --target "
                "list.",
            )
            if not self.so_far.scope.dry_run:
                raise BailError
            self.so_far.skipped_creates.discard(missing)
