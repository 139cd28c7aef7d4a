"""Replacements: which comes first, and who must be replaced along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pulumi_zuora_backfill.testing.engine.console_output import Console
from pulumi_zuora_backfill.testing.engine.processes import ProviderCalls
from pulumi_zuora_backfill.testing.engine.state import Resource, dependents_of
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import is_provider_type, provider_urn_of

from .check_and_diff import (
    Diff,
    InputChecker,
    diff_resource,
    inputs_with_unknowns,
    with_replace_on_changes,
)
from .plan_so_far import BailError, PlanError, PlanSoFar
from .resource_goal import Goal
from .step import Step


@dataclass(frozen=True, kw_only=True)
class ReplacementPlanner:
    """Plans replacements."""

    so_far: PlanSoFar
    find_provider: Callable[[str], ProviderCalls]
    console: Console
    checker: InputChecker

    def replace(
        self, goal: Goal, old: Resource, new: Resource, diff: Diff, detail: str
    ) -> list[Step]:
        """Plan to put a new resource in the place of the old one."""
        if new.protect and old.protect:
            self._tell_protected(new.urn)
        self.so_far.replaced.add(new.urn)
        self.so_far.operated.add(new.urn)
        is_served = new.custom and not is_provider_type(new.type)
        if is_served and not self.so_far.is_replacement_wanted(new.urn, old):
            # The first check may have carried something over from the old inputs.
            new.inputs = self.checker.checked(new, goal, {}, goal.inputs)
        delete_first = (
            diff.delete_before_replace
            if goal.delete_before_replace is None
            else goal.delete_before_replace
        )
        if not delete_first:
            return self.create_before_delete(old, new, detail)
        steps = self._delete_dependents(old, new.urn)
        if not old.pending_replacement:
            self.so_far.deleted.add(old.urn)
            steps.append(Step(op="delete-replaced", old=old, recreated=True))
        return [
            *steps,
            Step(op="replace", old=old, new=new, detail=detail),
            Step(op="create-replacement", old=old, new=new, detail=detail),
        ]

    def create_before_delete(self, old: Resource, new: Resource, detail: str = "") -> list[Step]:
        """Plan to create the new one now; the old one is deleted at the end of the run."""
        self.so_far.operated.add(new.urn)
        return [
            Step(op="create-replacement", old=old, new=new, detail=detail, delete_later=True),
            Step(op="replace", old=old, new=new, detail=detail),
        ]

    def recreate(self, old: Resource, new: Resource) -> list[Step]:
        """Plan to create what was deleted because something it depends on had to be."""
        self.so_far.deleted.remove(new.urn)
        self.so_far.replaced.add(new.urn)
        self.so_far.operated.add(new.urn)
        return [
            Step(op="replace", old=old, new=new),
            Step(op="create-replacement", old=old, new=new),
        ]

    def replaced_along(self, root: Resource) -> list[Resource]:
        """Find the dependents that would be replaced along: the provider is asked."""
        replaced = {root.urn}
        found = []
        for candidate in dependents_of(root, self.so_far.base, ignored=self.so_far.touched()):
            if not candidate.custom or candidate.external:
                continue
            along = {candidate.deleted_with, provider_urn_of(candidate.provider)} & replaced
            if along or self._is_replaced_by(candidate, replaced):
                found.append(candidate)
                replaced.add(candidate.urn)
        return found

    def _is_replaced_by(self, dependent: Resource, replaced: set[str]) -> bool:
        news = inputs_with_unknowns(dependent, replaced)
        if news is None or is_provider_type(dependent.type):
            return False
        diff = diff_resource(
            self.find_provider(dependent.provider),
            dependent.urn,
            dependent.id,
            dependent.inputs,
            dependent.outputs,
            news,
            ignore_changes=dependent.ignore_changes,
            unknowns=True,
        )
        return with_replace_on_changes(
            diff, dependent.replace_on_changes, init_errors=False
        ).replaces

    def _delete_dependents(self, root: Resource, urn: str) -> list[Step]:
        """Plan to delete, last ones first, what is replaced along with what is deleted first."""
        deleted_with = [
            resource for resource in self.so_far.olds.values() if resource.deleted_with == urn
        ]
        steps = []
        for dependent in reversed([*self.replaced_along(root), *deleted_with]):
            if dependent in self.so_far.pending_deletes:
                continue
            if dependent.protect:
                raise PlanError(
                    urn,
                    f'unable to replace resource "{dependent.urn}" as part of replacing "{urn}" '
                    "as it is currently marked for protection.",
                )
            steps.append(Step(op="delete-replaced", old=dependent, recreated=not dependent.delete))
            self.so_far.deleted.add(dependent.urn)
            self.so_far.pending_deletes.add(dependent)
        return steps

    def _tell_protected(self, urn: str) -> None:
        self.so_far.failed = True
        self.console.log(
            "error",
            urn,
            f'unable to replace resource "{urn}"\n'
            "as it is currently marked for protection. To unprotect the resource, "
            "remove the `protect` flag from the resource in your Pulumi program and run "
            "`pulumi up`",
        )
        if not self.so_far.scope.dry_run:
            raise BailError
