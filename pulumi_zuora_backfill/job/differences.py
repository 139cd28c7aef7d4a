"""
What a changed program means for a job: nothing, an update of the state, or another job.

Pure; the rules are the table of arguments in the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulumi_zuora_backfill.contract.intent import is_derived
from pulumi_zuora_backfill.contract.tenant_check import ids_in, scope_in_force
from pulumi_zuora_backfill.input_checks import is_unknown
from pulumi_zuora_backfill.properties import CUSTOM_TIMEOUTS, INPUTS, WIRE_NAMES
from pulumi_zuora_backfill.settings.loading import Settings

from .inputs import same

_REPLACING: Final = ("type", "dryRun", "triggers")
_SCOPE: Final = ("entityId", "orgIds")
_STATE_ONLY: Final = (
    *(
        wire
        for wire in (WIRE_NAMES[name] for name in INPUTS)
        if wire not in (*_REPLACING, *_SCOPE, "existingJobId", "trackId")
    ),
    CUSTOM_TIMEOUTS,
)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """
    What is different.

    Attributes:
        replacing: Inputs that ask for another job.
        state_only: Inputs that are kept and ask for nothing.
    """

    replacing: tuple[str, ...]
    state_only: tuple[str, ...]


def changes_between(
    job_id: str | None,
    olds: Mapping[str, Any],
    news: Mapping[str, Any],
    settings: Settings,
    *,
    preview: bool = False,
) -> Changes:
    """
    Compare the job's outputs with the inputs now declared.

    An input that is not known yet is a change in a preview, and none in an update: the engine asks
    dependents with unknowns before it replaces what they depend on, and another live job would be
    started for nothing.

    Args:
        job_id: The job that is there; ``None`` if the outcome of its start is not known.
        olds: Its outputs, in wire names.
        news: The checked inputs.
        settings: Today's settings, which may supply an entity and organisations.
        preview: Whether this is one.
    """

    def differs(name: str) -> bool:
        old, new = olds.get(name), news.get(name)
        return preview if is_unknown(new) else not same(old, new)

    replacing = [name for name in _REPLACING if differs(name)]
    state_only = [name for name in _STATE_ONLY if differs(name)]
    for name in _SCOPE:
        if not differs(name):
            continue
        if not is_unknown(news.get(name)) and same(
            _in_force(name, news, settings), _was_in_force(name, olds)
        ):
            state_only.append(name)  # said in another place, but still the same
        else:
            replacing.append(name)
    if differs("existingJobId"):
        taken = news.get("existingJobId")
        same_job = taken is None or job_id in (None, taken)
        (state_only if same_job else replacing).append("existingJobId")
    if differs("trackId") and (news.get("trackId") is not None or not track_id_is_derived(olds)):
        state_only.append("trackId")
    return Changes(replacing=tuple(replacing), state_only=tuple(state_only))


def track_id_is_derived(olds: Mapping[str, Any]) -> bool:
    """Tell whether the track id stands in the outputs although nobody declared one."""
    return is_derived(olds.get("trackId"))


def _in_force(name: str, news: Mapping[str, Any], settings: Settings) -> Any:
    scope = scope_in_force(news, settings)
    return scope.entity_id if name == "entityId" else list(scope.org_ids)


def _was_in_force(name: str, olds: Mapping[str, Any]) -> Any:
    return (
        olds.get("effectiveEntityId")
        if name == "entityId"
        else list(ids_in(olds.get("effectiveOrgIds")))
    )
