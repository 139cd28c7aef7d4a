"""What planning asks a provider: to check inputs, and what differs; and whether that replaces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.console_output import Console
from pulumi_zuora_backfill.testing.engine.processes import ProviderCalls
from pulumi_zuora_backfill.testing.engine.property_paths import (
    Path,
    changed_paths,
    covers,
    parse_path,
    with_ignored_changes,
)
from pulumi_zuora_backfill.testing.engine.property_values import Properties
from pulumi_zuora_backfill.testing.engine.state import Resource

from .plan_so_far import BailError
from .resource_goal import Goal

_INIT_ERROR = ("#initerror",)


@dataclass(frozen=True, kw_only=True)
class Diff:
    """The difference between a resource as it is and as it should be."""

    changed: bool
    replaces: bool = False
    delete_before_replace: bool = False
    changed_paths: tuple[Path, ...] = ()
    is_guess: bool = False
    """The provider could not be asked."""


@dataclass(frozen=True, kw_only=True)
class InputChecker:
    """Lets providers check inputs."""

    find_provider: Callable[[str], ProviderCalls]
    console: Console
    unknowns: bool
    """Show providers what is unknown, as in a preview."""

    def checked(self, new: Resource, goal: Goal, olds: Properties, news: Properties) -> Properties:
        """Return the inputs as the provider wants them.

        Raises:
            BailError: It does not like them; the user has been told.
        """
        provider = self.find_provider(new.provider)
        if not provider.is_known:
            return news
        inputs, failures = provider.check(new.urn, olds, news, unknowns=self.unknowns)
        for property_, reason in failures:
            subject = f"{goal.type} resource '{goal.name}'"
            if property_:
                subject += f": property {property_} value {_shown(inputs.get(property_))}"
            self.console.log("error", new.urn, f"{subject} has a problem: {reason}")
        if failures:
            raise BailError
        return inputs


def diff_resource(
    provider: ProviderCalls,
    urn: str,
    id_: str,
    old_inputs: Properties,
    old_outputs: Properties,
    news: Properties,
    *,
    ignore_changes: list[str],
    unknowns: bool,
) -> Diff:
    """Ask the provider; where it leaves the answer open, compare the inputs."""
    if not provider.is_known:
        return Diff(changed=True, is_guess=True)
    answer = provider.diff(
        urn, id_, old_inputs, old_outputs, news, ignore_changes=ignore_changes, unknowns=unknowns
    )
    found = Diff(
        changed=answer.changes == answer.DIFF_SOME,
        replaces=bool(answer.replaces),
        delete_before_replace=answer.deleteBeforeReplace,
        changed_paths=tuple((key,) for key in answer.diffs),
    )
    if answer.changes != answer.DIFF_UNKNOWN:
        return found
    kept = with_ignored_changes(news, old_inputs, ignore_changes)
    paths = tuple(changed_paths(old_inputs, kept))
    return replace(found, changed=bool(paths), changed_paths=paths)


def with_replace_on_changes(diff: Diff, patterns: Iterable[str], *, init_errors: bool) -> Diff:
    """Let changes at these paths replace; they are known only where the engine itself compared."""
    if not (diff.changed or init_errors):
        return diff
    wanted = [parse_path(pattern) for pattern in patterns]
    hit = any(covers(pattern, path) for pattern in wanted for path in diff.changed_paths)
    unready = init_errors and any(covers(pattern, _INIT_ERROR) for pattern in wanted)
    return replace(diff, changed=diff.changed or unready, replaces=diff.replaces or hit or unready)


def triggers_replacement(old: Any, new: Any) -> bool:
    """Tell whether a new `replacement_trigger` replaces: an unknown one does, an absent one not."""
    if values.contains_unknown(old) or values.contains_unknown(new):
        return True
    if old is None or new is None:
        return False
    return not values.same(values.revealed(old), values.revealed(new))


def inputs_with_unknowns(resource: Resource, replaced: set[str]) -> Properties | None:
    """Return the inputs, unknown where they come from a replaced resource; none if none does."""
    hit = {
        key for key, urns in resource.property_dependencies.items() if replaced & set(urns)
    } & set(resource.inputs)
    if not hit:
        return None
    return {key: values.UNKNOWN if key in hit else value for key, value in resource.inputs.items()}


def _shown(value: object) -> str:
    """Show a value in the words of the real engine's check failures."""
    if values.contains_secret(value):
        return "[secret]"
    if value is None:
        return "{<nil>}"
    return f"{{{str(value).lower() if isinstance(value, bool) else value}}}"
