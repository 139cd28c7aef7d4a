"""Which resources a user means: URNs, and patterns in which stars stand for parts of them."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Selection:
    """A set of URNs: `**` in a pattern stands for anything, `*` for anything without a colon."""

    def __init__(self, names: Iterable[str]) -> None:
        """Tell names from patterns by their stars."""
        given = set(names)
        self.literals = frozenset(name for name in given if "*" not in name)
        """The names without a star; they alone can be missing."""
        self._patterns = [_compiled(name) for name in given - self.literals]

    def __contains__(self, urn: str) -> bool:
        """Tell whether a resource is meant."""
        return urn in self.literals or any(pattern.fullmatch(urn) for pattern in self._patterns)

    def __bool__(self) -> bool:
        """Tell whether anything was named."""
        return bool(self.literals or self._patterns)


def _compiled(pattern: str) -> re.Pattern[str]:
    pieces = [re.escape(piece) for piece in re.split(r"(\*\*|\*)", pattern)]
    stars = {re.escape("**"): ".*", re.escape("*"): "[^:]*"}
    return re.compile("".join(stars.get(piece, piece) for piece in pieces))
