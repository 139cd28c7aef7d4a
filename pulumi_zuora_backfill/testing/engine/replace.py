"""Replacements: which comes first, and who must be replaced along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import values
from .diff import Diff, diff_resource, inputs_with_unknowns, with_replace_on_changes
from .events import Narrator
from .goal import Goal
from .graph import dependents_of
from .planning.plan_so_far import BailError, Ledger, PlanError
from .processes.plugin_host import PluginHost
from .state import Resource
from .steps import Step
from .urns import is_provider_type, provider_urn_of
from .values import Properties


@dataclass(frozen=True, kw_only=True)
class Replacer:
    """Plans replacements."""

    ledger: Ledger
    host: Callable[[str], PluginHost]
    narrator: Narrator

    def checked(self, new: Resource, goal: Goal, olds: Properties, news: Properties) -> Properties:
        """Let the provider check inputs; what it does not like ends the run."""
        urn = new.urn
        host = self.host(new.provider)
        if not host.is_known:
            return news
        inputs, failures = host.check(urn, olds, news, unknowns=self.ledger.scope.dry_run)
        for property_, reason in failures:
            subject = f"{goal.type} resource '{goal.name}'"
            if property_:
                subject += f": property {property_} value {_shown(inputs.get(property_))}"
            self.narrator.log("error", urn, f"{subject} has a problem: {reason}")
        if failures:
            raise BailError
        return inputs

    def replace(
        self, goal: Goal, old: Resource, new: Resource, diff: Diff, detail: str
    ) -> list[Step]:
        """Plan to put a new resource in the place of the old one."""
        if new.protect and old.protect:
            self._tell_protected(new.urn)
        self.ledger.replaced.add(new.urn)
        self.ledger.operated.add(new.urn)
        is_served = new.custom and not is_provider_type(new.type)
        if is_served and not self.ledger.is_replacement_wanted(new.urn, old):
            # The first check may have carried something over from the old inputs.
            new.inputs = self.checked(new, goal, {}, goal.inputs)
        delete_first = (
            diff.delete_before_replace
            if goal.delete_before_replace is None
            else goal.delete_before_replace
        )
        if not delete_first:
            return self.create_before_delete(old, new, detail)
        steps = self._delete_dependents(old, new.urn)
        if not old.pending_replacement:
            self.ledger.deleted[old.urn] = True
            steps.append(Step(op="delete-replaced", old=old, recreated=True))
        return [
            *steps,
            Step(op="replace", old=old, new=new, detail=detail),
            Step(op="create-replacement", old=old, new=new, detail=detail),
        ]

    def create_before_delete(self, old: Resource, new: Resource, detail: str = "") -> list[Step]:
        """Plan to create the new one now; the old one is deleted at the end of the run."""
        self.ledger.operated.add(new.urn)
        return [
            Step(op="create-replacement", old=old, new=new, detail=detail, delete_later=True),
            Step(op="replace", old=old, new=new, detail=detail),
        ]

    def recreate(self, old: Resource, new: Resource) -> list[Step]:
        """Plan to create what was deleted because something it depends on had to be."""
        del self.ledger.deleted[new.urn]
        self.ledger.replaced.add(new.urn)
        self.ledger.operated.add(new.urn)
        return [
            Step(op="replace", old=old, new=new),
            Step(op="create-replacement", old=old, new=new),
        ]

    def replaced_along(self, root: Resource) -> list[Resource]:
        """Find the dependents that a replacement of their input would replace: the provider is asked."""
        replaced = {root.urn}
        found = []
        for candidate in dependents_of(root, self.ledger.base, ignored=self.ledger.touched()):
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
            self.host(dependent.provider),
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
        """Plan to delete, last ones first, what must be replaced along with a resource that is deleted first."""
        deleted_with = [
            resource for resource in self.ledger.olds.values() if resource.deleted_with == urn
        ]
        steps = []
        for dependent in reversed([*self.replaced_along(root), *deleted_with]):
            if dependent in self.ledger.pending_deletes:
                continue
            if dependent.protect:
                raise PlanError(
                    urn,
                    f'unable to replace resource "{dependent.urn}" as part of replacing "{urn}" '
                    "as it is currently marked for protection.",
                )
            steps.append(Step(op="delete-replaced", old=dependent, recreated=not dependent.delete))
            self.ledger.deleted[dependent.urn] = True
            self.ledger.pending_deletes.add(dependent)
        return steps

    def _tell_protected(self, urn: str) -> None:
        self.ledger.failed = True
        self.narrator.log(
            "error",
            urn,
            f'unable to replace resource "{urn}"\nas it is currently marked for protection. To unprotect the resource, '
            "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`",
        )
        if not self.ledger.scope.dry_run:
            raise BailError


def _shown(value: object) -> str:
    """Show a value in the words of the real engine's check failures."""
    if values.contains_secret(value):
        return "[secret]"
    if value is None:
        return "{<nil>}"
    return f"{{{str(value).lower() if isinstance(value, bool) else value}}}"
