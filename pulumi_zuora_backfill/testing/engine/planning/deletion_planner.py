"""What a run deletes at its end: what was replaced, and what the program no longer wants."""

from __future__ import annotations

from pulumi_zuora_backfill.testing.engine.console_output import Console
from pulumi_zuora_backfill.testing.engine.state import (
    Resource,
    all_prerequisites_of,
    delete_order,
    dependents_of,
)

from .plan_so_far import BailError, PlanSoFar
from .replacement_planner import ReplacementPlanner
from .step import Step


def plan_deletes(
    so_far: PlanSoFar, replacements: ReplacementPlanner, console: Console
) -> list[list[Step]]:
    """Plan the deletions, in groups that must follow each other; within one, the order is free.

    Raises:
        BailError: A target is nowhere, or something would be deleted that is not among the targets.
    """
    _refuse_unknown_targets(so_far, console)
    steps: dict[Resource, Step] = {}
    untargeted: list[Resource] = []
    kept_urns = _kept(so_far, replacements)
    for resource in so_far.base:
        if resource.urn in kept_urns:
            untargeted.append(resource)
            continue
        step = _step_for(so_far, resource)
        if step is not None:
            so_far.deleted.add(resource.urn)
            steps[resource] = step
    _refuse_unspecified(so_far, console, steps)
    kept = [
        Step(op="same", old=resource, new=resource.copy(), untargeted=True)
        for resource in untargeted
        if not (resource.delete or so_far.is_operated(resource.urn))
    ]
    return [
        kept,
        *([steps[resource] for resource in group] for group in delete_order(steps, so_far.base)),
    ]


def _step_for(so_far: PlanSoFar, resource: Resource) -> Step | None:
    if resource.delete:
        if resource in so_far.pending_deletes:
            return None
        return Step(op="discard-replaced" if resource.external else "delete-replaced", old=resource)
    if so_far.is_operated(resource.urn):
        return None
    if resource.pending_replacement:
        return Step(op="remove-pending-replace", old=resource)
    return Step(op="discard" if resource.external else "delete", old=resource)


def _kept(so_far: PlanSoFar, replacements: ReplacementPlanner) -> set[str]:
    """Name what may not be deleted: what is no target, or what is excluded and its needs."""
    scope = so_far.scope
    if scope.targets:
        return {resource.urn for resource in so_far.base} - _targeted(so_far, replacements)
    excluded = [each for each in so_far.base if scope.excludes and each.urn in scope.excludes]
    needed = [need for each in excluded for need in all_prerequisites_of(each, so_far.base)]
    return {each.urn for each in [*excluded, *needed]} & so_far.olds.keys()


def _targeted(so_far: PlanSoFar, replacements: ReplacementPlanner) -> set[str]:
    """Name the targets and all that cannot be without them."""
    targets = so_far.scope.targets
    allowed = {resource.urn for resource in so_far.base if resource.urn in targets}
    for resource in so_far.base:
        if resource.urn in targets:
            allowed.update(
                dependent.urn for dependent in dependents_of(resource, so_far.base, children=True)
            )
    for resource in so_far.base:
        if resource.urn in allowed:
            allowed.update(dependent.urn for dependent in replacements.replaced_along(resource))
    return allowed


def _refuse_unknown_targets(so_far: PlanSoFar, console: Console) -> None:
    """A target must be in the state or in the program; what was done for the others stays done."""
    unknown = sorted(so_far.scope.targets.literals - so_far.urns.seen - so_far.olds.keys())
    for urn in unknown:
        console.log("error", "", f"Target '{urn}' could not be found in the stack.")
    if unknown:
        raise BailError


def _refuse_unspecified(so_far: PlanSoFar, console: Console, steps: dict[Resource, Step]) -> None:
    targets = so_far.scope.targets
    if not targets or so_far.scope.target_dependents:
        return
    surplus = [resource.urn for resource in steps if resource.urn not in targets]
    for urn in surplus:
        so_far.failed = True
        console.log(
            "error",
            urn,
            f"Resource '{urn}' will be destroyed but was not specified in --target list.\n"
            "Either include resource in --target list or pass --target-dependents to proceed.",
        )
    if surplus and not so_far.scope.dry_run:
        raise BailError
