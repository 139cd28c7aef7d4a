"""What changed in a resource, and whether that replaces it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from . import values
from .paths import Path, changed_paths, covers, parse_path, with_ignored_changes
from .processes.plugin_host import PluginHost
from .state import Resource
from .values import Properties

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


def diff_resource(
    host: PluginHost,
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
    if not host.is_known:
        return Diff(changed=True, is_guess=True)
    answer = host.diff(
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
    """Tell whether a changed `replacement_trigger` replaces: an unknown one does, an absent one does not."""
    if values.contains_unknown(old) or values.contains_unknown(new):
        return True
    if old is None or new is None:
        return False
    return not values.same(values.revealed(old), values.revealed(new))


def inputs_with_unknowns(resource: Resource, replaced: set[str]) -> Properties | None:
    """Return the inputs with unknowns where they come from a replaced resource; none if none does."""
    hit = {
        key for key, urns in resource.property_dependencies.items() if replaced & set(urns)
    } & set(resource.inputs)
    if not hit:
        return None
    return {key: values.UNKNOWN if key in hit else value for key, value in resource.inputs.items()}
