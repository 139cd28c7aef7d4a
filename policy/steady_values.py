"""
Which single values look as if each run had a new one. Pure.

Only the shape can be seen. A digest of random bytes, a small random number, or today's date looks
like a value that somebody has written down.
"""

from __future__ import annotations

import re
from typing import Final

# Versions 3 and 5 are made from a name, and so always the same.
_UUID: Final = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[124678][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])",
    re.IGNORECASE,
)
_ULID: Final = re.compile(r"(?<!\w)0[0-9A-HJKMNP-TV-Z]{25}(?!\w)")
# A time of day, with a colon or as in 20261126T100000 and 20261126100000.
_TIME_OF_DAY: Final = re.compile(
    r"(?<!\d)\d\d:\d\d:\d\d(?!\d)|\d\d-\d\d[T ]\d\d:\d\d|(?<!\d)20\d{6}T?\d{6}(?!\d)"
)
_DIGITS: Final = re.compile(r"\d+(\.\d+)?")
_YEARS_2017_TO_2049_S: Final = (1.5e9, 2.5e9)
_SECONDS_TO_NANOSECONDS: Final = (1, 1e3, 1e6, 1e9)
_DECIMALS_OF_A_PERSON: Final = 6


def unsteady(value: object) -> str | None:
    """
    Say what a single value looks like if each run may have a new one.

    Returns:
        Such as ``"a UUID"``; ``None`` if it looks steady.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _unsteady_number(float(value))
    if not isinstance(value, str):
        return None
    if _UUID.search(value):
        return "a UUID"
    if _ULID.search(value):
        return "a ULID"
    if _TIME_OF_DAY.search(value):
        return "a time of day"
    return _unsteady_number(float(value)) if _DIGITS.fullmatch(value) else None


def _unsteady_number(value: float) -> str | None:
    first, last = _YEARS_2017_TO_2049_S
    if any(first <= value / unit < last for unit in _SECONDS_TO_NANOSECONDS):
        return "a number of seconds since 1970"
    decimals = repr(value).partition(".")[2]
    if not value.is_integer() and len(decimals) > _DECIMALS_OF_A_PERSON:
        return "a random number"
    return None
