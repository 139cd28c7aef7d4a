"""What is to be done to a resource: the engine's decisions, in the engine's order.

One plan is made at a time.  A plan asks the provider to check and to compare; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import values
from .diff import Diff, diff_resource, triggers_replacement, with_replace_on_changes
from .events import Narrator, diff_detail
from .goal import Goal
from .paths import with_ignored_changes
from .planning.plan_so_far import BailError, Ledger, PlanError
from .processes.plugin_host import PluginHost
from .replace import Replacer
from .state import Resource
from .steps import Step
from .urns import is_provider_type


@dataclass(frozen=True, kw_only=True)
class Planner:
    """Turns what the program registers into steps."""

    ledger: Ledger
    host: Callable[[str], PluginHost]
    is_registered: Callable[[str], bool]
    """Tells whether the provider of this reference was registered in this run."""
    narrator: Narrator
    replacer: Replacer

    def plan(self, goal: Goal, provider: str) -> list[Step]:
        """Plan what a registered resource needs.

        Raises:
            BailError, PlanError: The run must end.
        """
        ledger = self.ledger
        urn = ledger.claim_urn(goal.type, goal.name, goal.parent)
        old, alias = ledger.find_old(urn, goal)
        new = goal.to_resource(urn)
        new.provider = provider
        new.aliases = [alias] if alias else []
        targeted = ledger.is_targeted(new)
        recreating = ledger.deleted.get(urn, False)
        self._set_checked_inputs(goal, old, new, targeted=targeted, recreating=recreating)
        if old is not None and recreating:
            return self.replacer.recreate(old, new)
        if old is not None and old.external:
            # What this stack only looked at is not its own to change: it gets one of its own.
            ledger.created.add(urn)
            return self.replacer.create_before_delete(old, new)
        if not targeted:
            return self._left_alone(old, new)
        if old is not None:
            steps = self._steps_for_old(goal, old, new)
        else:
            ledger.created.add(urn)
            steps = [Step(op="create", new=new)]
        self._refuse_missing_prerequisites(new)
        return steps

    def plan_read(self, resource: Resource, name: str) -> list[Step]:
        """Plan the reading of a resource that this stack does not own; its own one of that name is let go."""
        resource.urn = self.ledger.claim_urn(resource.type, name, resource.parent)
        self.ledger.operated.add(resource.urn)
        old = self.ledger.olds.get(resource.urn)
        if old is not None and not old.external and old.id != resource.id:
            self.ledger.replaced.add(resource.urn)
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
            or self.ledger.is_replacement_wanted(new.urn, old)
        ):
            new.inputs = self.replacer.checked(new, goal, {}, goal.inputs)
        else:
            inputs = with_ignored_changes(goal.inputs, old.inputs, goal.ignore_changes)
            new.inputs = self.replacer.checked(new, goal, old.inputs, inputs)

    def _left_alone(self, old: Resource | None, new: Resource) -> list[Step]:
        """Plan nothing for what is left out; if it does not exist, it is not created either."""
        self.ledger.operated.add(new.urn)
        if old is None:
            self.ledger.skipped_creates.add(new.urn)
            return [Step(op="same", old=new, new=new, skipped=True)]
        if old.provider and not self.is_registered(old.provider):
            raise PlanError(
                new.urn,
                f"provider {old.provider} for resource {new.urn} has not been registered yet, this is due to a change "
                "of providers mixed with --target. Change your program back to the original providers",
            )
        self.ledger.operated.add(old.urn)
        self.ledger.seen.add(old.urn)
        # In the state, what it needs must come before it, even if the program does not have that any more.
        return [
            Step(op="same", old=each, new=each.copy(), untargeted=True)
            for each in [*self.ledger.unsettled_needs(old), old]
        ]

    def _steps_for_old(self, goal: Goal, old: Resource, new: Resource) -> list[Step]:
        triggered = triggers_replacement(old.replacement_trigger, new.replacement_trigger)
        found = Diff(changed=True) if triggered else self._diff(old, new)
        diff = with_replace_on_changes(
            found, new.replace_on_changes, init_errors=bool(old.init_errors)
        )
        detail = diff_detail(old, new, goal.hidden_diffs)
        if (diff.changed and (diff.replaces or triggered)) or old.pending_replacement:
            return self.replacer.replace(goal, old, new, diff, detail)
        self.ledger.operated.add(new.urn)
        if diff.changed or old.init_errors:
            return [Step(op="update", old=old, new=new, detail=detail)]
        return [Step(op="same", old=old, new=new)]

    def _diff(self, old: Resource, new: Resource) -> Diff:
        along = new.deleted_with in self.ledger.replaced
        if along or self.ledger.is_replacement_wanted(new.urn, old) or old.custom != new.custom:
            return Diff(changed=True, replaces=True)
        if not new.custom or is_provider_type(new.type):
            return Diff(changed=not values.same(old.inputs, new.inputs))
        diff = diff_resource(
            self.host(new.provider),
            new.urn,
            old.id,
            old.inputs,
            old.outputs,
            new.inputs,
            ignore_changes=new.ignore_changes,
            unknowns=self.ledger.scope.dry_run,
        )
        if diff.is_guess:
            self.narrator.log(
                "warning",
                new.urn,
                "The provider for this resource has inputs that are not known during preview.\n"
                "This preview may not correctly represent the changes that will be applied during an update.",
            )
        return diff

    def _refuse_missing_prerequisites(self, new: Resource) -> None:
        """A target cannot be made without what it needs, unless that exists; what is merely not excluded can."""
        if not (self.ledger.scope.targets or self.ledger.scope.replace):
            return
        for missing in sorted(new.prerequisites() & self.ledger.skipped_creates):
            self.ledger.failed = True
            self.narrator.log(
                "error",
                new.urn,
                f"Resource '{new.urn}' depends on '{missing}' which was not specified in --target list.",
            )
            if not self.ledger.scope.dry_run:
                raise BailError
            self.ledger.skipped_creates.discard(missing)
