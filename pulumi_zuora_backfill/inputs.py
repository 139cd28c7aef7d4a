"""
The inputs of a BackfillJob: every fault found at once, defaults made explicit, numbers and lists in one form.

Pure; nothing is asked of Zuora. In a preview a value may be unknown; it is passed on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulumi.output import Unknown

from .guard import GUARDS
from .idempotency import canonical, canonical_json
from .models import BackfillType, Scope, job_id_of
from .names import PYTHON_NAMES

ON_DELETE: Final = ("stop", "leave")
MAX_BATCH_SIZE: Final = 1000
_INTERNAL = ("identity", "past", "__provider")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """
    What is wrong with one input.

    Attributes:
        wire_name: The input; empty where its value may be a secret, as the engine prints the value of the input that is named.
        reason: What is wrong and what is taken instead.
    """

    wire_name: str
    reason: str


def is_unknown(value: object) -> bool:
    """Tell whether a value, or anything inside it, is not known yet."""
    if isinstance(value, Mapping):
        return any(is_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(is_unknown(item) for item in value)
    return isinstance(value, Unknown)


def check_inputs(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """
    Validate the inputs and bring them into one form.

    Args:
        news: What the program declared, in wire names; unset values are missing.

    Returns:
        The inputs to go on with, and all faults.
    """
    inputs: dict[str, Any] = {name: news[name] for name in _INTERNAL if name in news}
    faults: list[Fault] = []
    for name in news.keys() - PYTHON_NAMES.keys() - set(_INTERNAL):
        faults.append(Fault(wire_name=name, reason="is no argument of BackfillJob"))
    for name, check in _CHECKS.items():
        value = news.get(name)
        if value is None and name in _DEFAULTS:
            value = _DEFAULTS[name]
        if value is None or is_unknown(value):
            inputs |= {} if value is None else {name: value}
            continue
        try:
            inputs[name] = check(value)
        except ValueError as error:
            shown = "" if name == "triggers" else name
            faults.append(Fault(wire_name=shown, reason=f"{PYTHON_NAMES[name]} {error}"))
    if "type" not in inputs and not any(fault.wire_name == "type" for fault in faults):
        faults.append(Fault(wire_name="type", reason=f"type is missing: {_one_of(_TYPES)}"))
    dry_run = inputs.get("dryRun")
    if isinstance(dry_run, bool):
        inputs.setdefault("guard", "none" if dry_run else "once")
        inputs.setdefault("onDelete", "stop" if dry_run else "leave")
    return dict(sorted(inputs.items())), faults


def scope_of(properties: Mapping[str, Any]) -> Scope:
    """Return the declared entity and organisations."""
    return Scope(entity_id=properties.get("entityId"), org_ids=tuple(properties.get("orgIds") or ()))


def same(old: object, new: object) -> bool:
    """Tell whether two values mean the same, however Pulumi carried them."""
    return canonical_json(old) == canonical_json(new)


_TYPES = tuple(member.value for member in BackfillType)


def _one_of(choices: tuple[str, ...]) -> str:
    return "one of " + ", ".join(f'"{choice}"' for choice in choices)


def _choice(choices: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be {_one_of(choices)}, not {value!r}")
        return str(value)

    return check


def _batch_size(value: Any) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != value
        or value not in range(1, MAX_BATCH_SIZE + 1)
    ):
        raise ValueError(f"must be a whole number from 1 to {MAX_BATCH_SIZE}, not {value!r}")
    return int(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be True or False, not {value!r}")
    return value


def _triggers(value: Any) -> Any:
    try:
        return canonical(value)
    except ValueError as error:
        raise ValueError(f"must be a JSON value: {error}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {value!r}")
    return value


def _header(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x2b\x2d-\x7e]+", value):
        raise ValueError(f"must be one id of visible ASCII characters, not {value!r}")
    return value


def _track_id(value: Any) -> str:
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"[ -~]{1,64}", value)
        or re.search("[:;\"']", value)
        or value != value.strip()
    ):
        raise ValueError(
            f"must be 1 to 64 ASCII characters without : ; \" ' and without blanks at the ends, not {value!r}"
        )
    return value


def _job_id(value: Any) -> str:
    try:
        return job_id_of(value)
    except ValueError:
        raise ValueError(f"must be a job id of 32 characters, not {value!r}") from None


def _sorted_list(item: Callable[[Any], str]) -> Callable[[Any], list[str]]:
    def check(value: Any) -> list[str]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, not {value!r}")
        return sorted({item(element) for element in value})

    return check


_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "type": _choice(_TYPES),
    "batchSize": _batch_size,
    "dryRun": _boolean,
    "triggers": _triggers,
    "reason": _text,
    "entityId": _header,
    "orgIds": _sorted_list(_header),
    "trackId": _track_id,
    "guard": _choice(GUARDS),
    "knownJobIds": _sorted_list(_job_id),
    "onDelete": _choice(ON_DELETE),
    "existingJobId": _job_id,
}
_DEFAULTS: Final[Mapping[str, Any]] = {"batchSize": MAX_BATCH_SIZE, "dryRun": False}
