"""Property paths such as `tags["a.b"].items[0]` and `rules[*]`: parse them, compare along them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .property_values import Properties, revealed, same

Path = tuple[str | int, ...]

_PART = re.compile(r'\.?([^.\[\]]+)|\.?\[(?:"((?:[^"\\]|\\.)*)"|(\d+)|(\*))\]')


def parse_path(text: str) -> Path:
    """Split a property path; `*` stands for every key or index.

    Raises:
        ValueError: The text is no property path.
    """
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is not a property path")
        name, quoted, index, star = match.groups()
        if index is not None:
            parts.append(int(index))
        elif quoted is not None:
            parts.append(quoted.replace('\\"', '"'))
        else:
            parts.append(star or name)
        position = match.end()
    return tuple(parts)


def covers(pattern: Path, path: Path) -> bool:
    """Tell whether the path is the pattern or lies below it."""
    return len(pattern) <= len(path) and all(
        want in ("*", got) for want, got in zip(pattern, path, strict=False)
    )


def changed_paths(old: Any, new: Any, at: Path = ()) -> Iterator[Path]:
    """Find the deepest places at which two values differ; that one is secret is no difference."""
    old, new = revealed(old), revealed(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key in old and key in new:
                yield from changed_paths(old[key], new[key], (*at, key))
            else:
                yield (*at, key)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            if index < min(len(old), len(new)):
                yield from changed_paths(old[index], new[index], (*at, index))
            else:
                yield (*at, index)
    elif not same(old, new):
        yield at


def with_ignored_changes(new: Properties, old: Properties, paths: Iterable[str]) -> Properties:
    """Put the old values back at paths whose changes are to be ignored."""
    result: Any = new
    for text in paths:
        result = _reset(old, result, parse_path(text))
    return dict(result)


_ABSENT = object()


def _reset(old: Any, new: Any, path: Path) -> Any:
    """Return the new value with the old one at the path, if both have that place."""
    if not path:
        return old
    if path[0] == "*":
        for part in (
            list(new) if isinstance(new, dict) else range(len(new) if isinstance(new, list) else 0)
        ):
            new = _reset(old, new, (part, *path[1:]))
        return new
    before, now = _at(old, path[0]), _at(new, path[0])
    if len(path) > 1:
        if before is _ABSENT or now is _ABSENT:
            return new
        before = _reset(before, now, path[1:])
    return _replaced(new, path[0], before)


def _at(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(str(part), _ABSENT)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return _ABSENT


def _replaced(value: Any, part: str | int, item: Any) -> Any:
    if isinstance(value, dict):
        rest = {key: other for key, other in value.items() if key != part}
        return rest if item is _ABSENT else {**rest, str(part): item}
    if (
        isinstance(value, list)
        and isinstance(part, int)
        and part < len(value)
        and item is not _ABSENT
    ):
        return [*value[:part], item, *value[part + 1 :]]
    return value
