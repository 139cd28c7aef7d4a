"""
Checks of single inputs, and how all faults of a resource are found at once.

Pure. A check returns the value in its one form, or raises a ``ValueError`` whose text comes after
the name of the argument. In a preview a value may be unknown; it is passed on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pulumi.output import Unknown

from .properties import PYTHON_NAMES
from .settings.parsing import duration_s
from .zuora.models import job_id_of

Check: TypeAlias = Callable[[Any], Any]
_LOSES_DIGITS = 2**53
# What a check was given stands after this in its text.
_GIVEN = ", not "


@dataclass(frozen=True, kw_only=True)
class Fault:
    """
    What is wrong with one input.

    Attributes:
        wire_name: The input. Empty if its value may be a secret: the engine prints the value of the
            input that is named.
        reason: What is wrong, and what is accepted instead.
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


def check_all(
    news: Mapping[str, Any],
    checks: Mapping[str, Check],
    *,
    required: Collection[str],
    internal: Collection[str],
    may_be_secret: Collection[str] = (),
) -> tuple[dict[str, Any], list[Fault]]:
    """
    Validate the inputs of a resource and bring them into one form.

    Args:
        news: What the program declared, with defaults, in wire names; unset values are missing.
        checks: The check of each input.
        required: Inputs that must be there.
        internal: Inputs of ours, passed on unseen.
        may_be_secret: Inputs whose value is never shown.

    Returns:
        The inputs to go on with, and all faults.
    """
    internal = {*internal, "__provider"}
    inputs = {name: value for name, value in news.items() if name in internal}
    faults = [
        Fault(wire_name=name, reason="is not an argument here")
        for name in news.keys() - checks.keys() - internal
    ]
    for name, check in checks.items():
        value = news.get(name)
        shown = "" if name in may_be_secret else name
        if value is None:
            faults += (
                [Fault(wire_name=shown, reason=f"{PYTHON_NAMES.get(name, name)} is missing")]
                if name in required
                else []
            )
        elif is_unknown(value):
            inputs[name] = value
        else:
            try:
                inputs[name] = check(value)
            except ValueError as error:
                told = str(error) if shown else str(error).partition(_GIVEN)[0]
                faults.append(
                    Fault(wire_name=shown, reason=f"{PYTHON_NAMES.get(name, name)} {told}")
                )
    return dict(sorted(inputs.items())), faults


def one_of(*choices: str) -> Check:
    """Take one of these texts."""
    listed = ", ".join(f'"{choice}"' for choice in choices)

    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {listed}, not {_shown(value)}")
        return str(value)

    return check


def whole_number(lowest: int, highest: int) -> Check:
    """Take a whole number within limits; Pulumi carries numbers as floats."""

    def check(value: Any) -> int:
        whole = not isinstance(value, bool) and (
            isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        )
        if not whole or not lowest <= value <= highest:
            raise ValueError(
                f"must be a whole number from {lowest} to {highest}, not {_shown(value)}"
            )
        return int(value)

    return check


def boolean(value: Any) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"must be True or False, not {_shown(value)}")
    return value


def text(value: Any) -> str:
    """Take a string."""
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {_shown(value)}")
    return value


def header_value(value: Any) -> str:
    """Take an id that fits a header and a comma-separated list."""
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x2b\x2d-\x7e]+", value):
        raise ValueError(f"must be one id of visible ASCII characters, not {_shown(value)}")
    return value


def track_id(value: Any) -> str:
    """Take a ``Zuora-Track-Id``."""
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"[ -~]{1,64}", value)
        or re.search("[:;\"']", value)
        or value != value.strip()
    ):
        raise ValueError(
            "must be 1 to 64 ASCII characters without : ; \" ' and without spaces at either end, "
            f"not {_shown(value)}"
        )
    return value


def job_id(value: Any) -> str:
    """Take a job id."""
    try:
        return job_id_of(value)
    except ValueError:
        raise ValueError(f"must be a job id of 32 characters, not {_shown(value)}") from None


def job_ids(value: Any) -> list[str]:
    """Take job ids, at least one, in the order given, each once."""
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list of job ids, not {_shown(value)}")
    if not value:
        raise ValueError(
            "is empty. If a job of this run failed, look at that error first: this one only "
            "follows from it. If --target left the job out, deploy it first. Otherwise name at "
            "least one job, such as [job.job_id]"
        )
    return list(dict.fromkeys(_each(job_id, item) for item in value))


def sorted_list(item: Check) -> Check:
    """Take a list whose order and doubles mean nothing."""

    def check(value: Any) -> list[str]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, not {_shown(value)}")
        return sorted({_each(item, element) for element in value})

    return check


def _shown(value: Any) -> str:
    """Write a value as the program did: Pulumi carries 5000 as 5000.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _LOSES_DIGITS:
        return str(int(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name!r}: {_shown(item)}' for name, item in value.items())}}}"
    return repr(value)


def _each(check: Check, item: Any) -> str:
    """Check one entry of a list."""
    try:
        return str(check(item))
    except ValueError as error:
        raise ValueError(f"has a wrong entry: it {error}") from None


def duration_text(value: Any) -> str:
    """Take a duration such as ``"2h"``, or seconds."""
    shown = str(value)
    if isinstance(value, float) and value.is_integer():
        shown = str(int(value))  # Pulumi carries numbers as floats
    duration_s(shown)
    return shown


def custom_timeouts(value: Any) -> dict[str, str]:
    """Take Pulumi's ``custom_timeouts``: durations by operation."""
    if not isinstance(value, Mapping):
        raise ValueError(f"must be pulumi.CustomTimeouts, not {_shown(value)}")
    try:
        return {kind: duration_text(text) for kind, text in value.items() if text is not None}
    except ValueError as error:
        raise ValueError(f"has a wrong value: it {error}") from None
