"""
Texts from outside, made fit for one line of a terminal.

The order matters: what steers a terminal goes first, then secrets are blanked, and only then is
the text cut. The other way round, half a secret could be left at the cut, or a secret in two halves
could become whole again.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection
from functools import lru_cache
from html.entities import html5
from typing import Any, Final

_MESSAGE_LIMIT: Final = 500
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|(?:\x1b[]P^_X]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # titles, links
    r"|\x1b[ -/]*[0-~]"
)
_NAMED: Final = {
    char: [name.removesuffix(";") for name, meant in html5.items() if meant == char]
    for char in map(chr, range(0x21, 0x7F))
}
# base64 has two alphabets that differ in two characters.
_TWINS: Final = {"+": "+-", "/": "/_"}


def clean(text: Any, secrets: Collection[str] = ()) -> str:
    """
    Make a text fit for one line: nothing that steers a terminal, at most 500 characters.

    Args:
        text: The text; ``None`` is an empty one.
        secrets: What it may not hold, in any spelling; a place marker takes its place.
    """
    if text is None:
        return ""
    plain = _ESCAPES.sub("", str(text))
    line = " ".join("".join(char if char.isprintable() else " " for char in plain).split())
    for secret in secrets:
        if secret:
            line = _spellings_of(secret).sub("[secret]", line)
    return line if len(line) <= _MESSAGE_LIMIT else line[: _MESSAGE_LIMIT - 1] + "…"


def text_or_none(value: object, secrets: Collection[str] = ()) -> str | None:
    """Clean a text; ``None`` where nothing is left of it."""
    return clean(value, secrets) or None


@lru_cache(maxsize=16)
def _spellings_of(secret: str) -> re.Pattern[str]:
    """Find a secret as it is, in base64, and with any character escaped for a URL, JSON or HTML."""
    encoded = b64encode(secret.encode()).decode().rstrip("=")
    as_base64 = "".join(_spelling_of(_TWINS.get(char, char)) for char in encoded)
    as_it_is = "".join(map(_spelling_of, secret))
    return re.compile(f"{as_it_is}|{as_base64}")


def _spelling_of(chars: str) -> str:
    """Write the pattern of one of these characters in any spelling; all are bounded."""
    return "(?:" + "|".join(map(_one_spelling, chars)) + ")"


def _one_spelling(char: str) -> str:
    # Escaped more than once, the marks are escaped too: %252F, &amp;#43;, \\/.
    percent = "".join(f"%(?:25){{0,3}}(?i:{byte:02x})" for byte in char.encode())
    named = "|".join(map(re.escape, sorted(_NAMED.get(char, ()), key=len, reverse=True)))
    number = f"#0{{0,6}}{ord(char)}|#(?i:x0{{0,6}}{ord(char):x})" + (f"|{named}" if named else "")
    return "|".join(
        [
            rf"\\{{0,4}}{re.escape(char)}",
            rf"\\{{1,4}}u(?i:{ord(char):04x})",
            percent,
            rf"&(?:amp;){{0,2}}(?:{number});?",
        ]
    )
