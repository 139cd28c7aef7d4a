"""What a program declares of a wait: checks, what a change means, how long it may take. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pulumi_zuora_backfill.input_checks import (
    Check,
    Fault,
    check_all,
    custom_timeouts,
    duration_text,
    header_value,
    is_unknown,
    job_ids,
    sorted_list,
    whole_number,
)
from pulumi_zuora_backfill.properties import CUSTOM_TIMEOUTS, INTERNAL
from pulumi_zuora_backfill.settings.loading import Settings
from pulumi_zuora_backfill.settings.parsing import duration_s
from pulumi_zuora_backfill.zuora.models import duration

from .polling import ANY_NUMBER

if TYPE_CHECKING:
    pass

DECLARED: Final = ("jobIds", "timeout", "maxErrors", "entityId", "orgIds")


def check_completion(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Validate the inputs of a completion; all faults at once, unknown values passed on."""
    given = {"timeout": "2h", "maxErrors": 0, **news}
    return check_all(given, _CHECKS, required=("jobIds",), internal=INTERNAL)


def announce_wait(olds: Mapping[str, Any], inputs: Mapping[str, Any], settings: Settings) -> str:
    """Say what would be waited for, and for how long."""
    ids, before, kept = inputs.get("jobIds"), olds.get("jobIds"), ""
    if ids is None or is_unknown(ids):
        jobs = "its jobs complete (ids not known yet)"
        if isinstance(before, list):
            kept = (
                f" If they still are {', '.join(map(str, before))}, there is nothing to wait for."
            )
    elif len(ids) == 1:
        jobs = f"job {ids[0]} completes"
    else:
        jobs = f"jobs {', '.join(ids)} complete"
    if is_unknown(inputs.get("timeout")) or is_unknown(inputs.get("maxErrors")):
        return f"Waits until {jobs}.{kept}"
    timeout_s, source = timeout_of(inputs, settings, "update" if olds else "create")
    return (
        f"Waits until {jobs}, at most {duration(timeout_s)} ({source}), with at most "
        f"{inputs['maxErrors']:.0f} failed records.{kept}"
    )


def begins_to_wait(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """
    Tell from the inputs whether another wait begins.

    There is none yet, or it is for other jobs, or for jobs that are not known yet.
    """
    return is_unknown(news.get("jobIds")) or olds.get("jobIds") != news.get("jobIds")


def completion_changes(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Name the inputs that are different.

    Ids that are not known yet are a change in a preview: the wait will begin anew.
    """
    return tuple(
        name
        for name in (*DECLARED, CUSTOM_TIMEOUTS)
        if is_unknown(news.get(name)) or olds.get(name) != news.get(name)
    )


def timeout_of(inputs: Mapping[str, Any], settings: Settings, kind: str) -> tuple[float, str]:
    """
    Return how long to wait, and which setting says so.

    `custom_timeouts` beats `timeout`, and the cap of the run limits both.
    """
    custom = inputs.get(CUSTOM_TIMEOUTS)
    own = custom.get(kind) if isinstance(custom, Mapping) else None
    timeout_s, source = (
        (duration_s(own), f"custom_timeouts.{kind}")
        if own
        else (duration_s(str(inputs["timeout"])), "timeout")
    )
    if settings.wait_timeout_s is not None and settings.wait_timeout_s < timeout_s:
        return settings.wait_timeout_s, settings.sources["wait_timeout"]
    return timeout_s, source


_CHECKS: Mapping[str, Check] = {
    "jobIds": job_ids,
    "timeout": duration_text,
    "maxErrors": whole_number(0, ANY_NUMBER),
    "entityId": header_value,
    "orgIds": sorted_list(header_value),
    CUSTOM_TIMEOUTS: custom_timeouts,
}
