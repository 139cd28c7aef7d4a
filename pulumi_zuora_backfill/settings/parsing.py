"""
The values of settings: how each is read from its text. Pure.

What cannot be read is a `ValueError` that says why.
"""

from __future__ import annotations

import re

_LIST_MARKS = r"""["'\[\]{}]"""  # Pulumi hands a list of its YAML over as JSON text
_UNITS_S = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_s(text: str) -> float:
    """
    Read seconds, or numbers with ``ms``, ``s``, ``m`` or ``h``, as Pulumi writes durations.

    Raises:
        ValueError: It is neither, or not above zero.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|[smh]?)", text)
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if not re.fullmatch(r"\d+(\.\d+)?|(\d+(\.\d+)?\s*(ms|[smh]))+", text) or seconds <= 0:
        raise ValueError(f"is {text!r}, not a duration above zero like 90, 90s, 5m or 1h30m")
    return seconds


def entity_id_of(text: str) -> str:
    """
    Read one entity id.

    Raises:
        ValueError: These are several, a list in JSON or YAML, or it does not fit a header.
    """
    if re.search(_LIST_MARKS + "|,", text):
        raise ValueError(
            f"is {text!r}: a backfill runs in exactly one entity; write its id without quotes, "
            "brackets or braces"
        )
    return header_value_of(text)


def org_ids_of(text: str) -> tuple[str, ...]:
    """
    Read organisation ids, separated by commas; they come back sorted, without doubles.

    Raises:
        ValueError: It is a list in JSON or YAML, or one of the ids does not fit a header.
    """
    if re.search(_LIST_MARKS, text):
        raise ValueError(
            f"is {text!r}: write the ids without quotes, brackets or braces, and separate them by "
            "commas: a,b"
        )
    return tuple(
        sorted({header_value_of(part.strip()) for part in text.split(",") if part.strip()})
    )


def tenant_id_of(text: str) -> str:
    """Read a tenant number, with or without the prefix that scopes have."""
    digits = text.removeprefix("tenant.")
    if not digits.isdecimal():
        raise ValueError(f"is {text!r}, not a tenant number like 10042")
    return digits


def header_value_of(text: str) -> str:
    """Take what fits a header."""
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError(f"is {text!r}: only visible ASCII characters fit a header")
    return text


def credential_of(text: str) -> str:
    """Take a credential; it is never shown, as it may be the secret."""
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError(
            "contains a space or another character that no credential has: copy it again"
        )
    return text


def flag_of(text: str) -> bool:
    """Read true or false."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"is {text!r}, not true or false")
    return text.lower() == "true"
