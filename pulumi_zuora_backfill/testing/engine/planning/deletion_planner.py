"""What a run deletes at its end: what was replaced, and what the program no longer wants."""

from __future__ import annotations

from pulumi_zuora_backfill.testing.engine.events import Narrator
from pulumi_zuora_backfill.testing.engine.graph import (
    all_prerequisites_of,
    delete_order,
    dependents_of,
)
from pulumi_zuora_backfill.testing.engine.planning.plan_so_far import BailError, Ledger
from pulumi_zuora_backfill.testing.engine.replace import Replacer
from pulumi_zuora_backfill.testing.engine.state import Resource
from pulumi_zuora_backfill.testing.engine.steps import Step


def plan_deletes(ledger: Ledger, replacer: Replacer, narrator: Narrator) -> list[list[Step]]:
    """Plan the deletions, in groups that must follow each other; within one, the order is free.

    Raises:
        BailError: A target is nowhere, or something would be deleted that is not among the targets.
    """
    _refuse_unknown_targets(ledger, narrator)
    steps: dict[Resource, Step] = {}
    untargeted: list[Resource] = []
    kept_urns = _kept(ledger, replacer)
    for resource in ledger.base:
        if resource.urn in kept_urns:
            untargeted.append(resource)
            continue
        step = _step_for(ledger, resource)
        if step is not None:
            ledger.deleted[resource.urn] = True
            steps[resource] = step
    _refuse_unspecified(ledger, narrator, steps)
    kept = [
        Step(op="same", old=resource, new=resource.copy(), untargeted=True)
        for resource in untargeted
        if not (resource.delete or ledger.is_operated(resource.urn))
    ]
    return [
        kept,
        *([steps[resource] for resource in group] for group in delete_order(steps, ledger.base)),
    ]


def _step_for(ledger: Ledger, resource: Resource) -> Step | None:
    if resource.delete:
        if resource in ledger.pending_deletes:
            return None
        return Step(op="discard-replaced" if resource.external else "delete-replaced", old=resource)
    if ledger.is_operated(resource.urn):
        return None
    if resource.pending_replacement:
        return Step(op="remove-pending-replace", old=resource)
    return Step(op="discard" if resource.external else "delete", old=resource)


def _kept(ledger: Ledger, replacer: Replacer) -> set[str]:
    """Name what may not be deleted: all but the targets and their dependents, or what is excluded and its needs."""
    scope = ledger.scope
    if scope.targets:
        return {resource.urn for resource in ledger.base} - _targeted(ledger, replacer)
    excluded = [each for each in ledger.base if scope.excludes and each.urn in scope.excludes]
    needed = [need for each in excluded for need in all_prerequisites_of(each, ledger.base)]
    return {each.urn for each in [*excluded, *needed]} & ledger.olds.keys()


def _targeted(ledger: Ledger, replacer: Replacer) -> set[str]:
    """Name the targets and all that cannot be without them."""
    targets = ledger.scope.targets
    allowed = {resource.urn for resource in ledger.base if resource.urn in targets}
    for resource in ledger.base:
        if resource.urn in targets:
            allowed.update(
                dependent.urn for dependent in dependents_of(resource, ledger.base, children=True)
            )
    for resource in ledger.base:
        if resource.urn in allowed:
            allowed.update(dependent.urn for dependent in replacer.replaced_along(resource))
    return allowed


def _refuse_unknown_targets(ledger: Ledger, narrator: Narrator) -> None:
    """A target must be in the state or in the program; what was done for the others stays done."""
    unknown = sorted(ledger.scope.targets.literals - ledger.seen - ledger.olds.keys())
    for urn in unknown:
        narrator.log("error", "", f"Target '{urn}' could not be found in the stack.")
    if unknown:
        raise BailError


def _refuse_unspecified(ledger: Ledger, narrator: Narrator, steps: dict[Resource, Step]) -> None:
    targets = ledger.scope.targets
    if not targets or ledger.scope.target_dependents:
        return
    surplus = [resource.urn for resource in steps if resource.urn not in targets]
    for urn in surplus:
        ledger.failed = True
        narrator.log(
            "error",
            urn,
            f"Resource '{urn}' will be destroyed but was not specified in --target list.\nEither include resource in "
            "--target list or pass --target-dependents to proceed.",
        )
    if surplus and not ledger.scope.dry_run:
        raise BailError
