"""What a user reads of a run, in the manner of the CLI's plain log, and the counts for a program.

Each step and each message is a line at once; at the end follow the diagnostics by resource, the
stack's outputs and a count of what was done.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import property_values as values
from .property_paths import changed_paths, covers, parse_path
from .property_values import Properties
from .state import Resource
from .urns_and_aliases import name_of, short_type, type_of

_SIGNS = {
    "same": "  ",
    "create": "+ ",
    "update": "~ ",
    "delete": "- ",
    "replace": "+-",
    "create-replacement": "++",
    "delete-replaced": "--",
    "read": "> ",
    "read-replacement": ">>",
    "discard": "< ",
    "discard-replaced": "<<",
    "refresh": "~ ",
    "remove-pending-replace": "~ ",
}
_VERBS = {
    "create": ("create", "creating", "created"),
    "update": ("update", "updating", "updated"),
    "delete": ("delete", "deleting", "deleted"),
    "replace": ("replace", "replacing", "replaced"),
    "create-replacement": ("create replacement", "creating replacement", "created replacement"),
    "delete-replaced": ("delete original", "deleting original", "deleted original"),
    "read": ("read", "reading", "read"),
    "read-replacement": ("read for replacement", "reading for replacement", "read for replacement"),
    "discard": ("discard", "discarding", "discarded"),
    "discard-replaced": ("discard original", "discarding original", "discarded original"),
    "refresh": ("refresh", "refreshing", "refreshed"),
    "remove-pending-replace": ("remove", "removing", "removed"),
}
_SUMMARY_OPS = ("create", "update", "delete", "replace")
_COUNTED = {"same", "create", "update", "delete", "replace", "read", "discard"}
_MASK = "[secret]"


class Console:
    """Tells what happens in a run; may be called from any thread."""

    def __init__(
        self, title: str, stack_urn: str, *, preview: bool, on_output: Callable[[str], None] | None
    ) -> None:
        """Begin with a title; `on_output` gets each line as it comes."""
        self.changes: Counter[str] = Counter()
        self.errors: dict[str, list[str]] = {}
        self._stack_urn = stack_urn
        self._preview = preview
        self._on_output = on_output
        self._lock = threading.RLock()
        self._lines: list[str] = []
        self._rows: dict[str, tuple[str, str]] = {}
        self._diagnostics: dict[str, list[str]] = {}
        self._began = time.monotonic()
        self.say(*title.splitlines())
        self.say("")

    @property
    def text(self) -> str:
        """All that was said so far."""
        with self._lock:
            return "\n".join([*self._lines, ""])

    def begin(self, op: str, urn: str, detail: str = "") -> None:
        """Tell that a step begins; one that changes nothing is not worth a line."""
        if op != "same":
            planned, doing, _ = _VERBS[op]
            self._row(op, urn, f"{planned if self._preview else f'{doing} (0s)'} {detail}".rstrip())

    def end(self, op: str, urn: str, seconds: float, detail: str = "", *, counted: str) -> None:
        """Tell that a step is done, and count it as what it came to."""
        with self._lock:
            if counted in _COUNTED:
                self.changes[counted] += 1
            if op != "same" and not self._preview:
                self._row(op, urn, f"{_VERBS[op][2]} ({seconds:.2f}s) {detail}".rstrip())

    def fail(self, op: str, urn: str, message: str) -> None:
        """Tell that a step failed, and why."""
        self.log("error", urn, message)
        if op in _VERBS:
            self._row(op, urn, f"**{_VERBS[op][1]} failed**")

    def log(self, severity: str, urn: str, message: str, *, ephemeral: bool = False) -> None:
        """Tell a message under its resource, or the stack: at once, and among the diagnostics."""
        urn = urn or self._stack_urn
        text = message.rstrip("\n")
        with self._lock:
            op, status = self._rows.get(urn, ("same", ""))
            marked = text if severity == "info" else f"{severity}: {text}"
            if text.strip():
                self._line(op, urn, f"{status} {marked.splitlines()[0]}")
            if not ephemeral:
                self._diagnostics.setdefault(urn, []).append(marked)
            if severity == "error":
                self.errors.setdefault(urn, []).append(text)

    def finish(self, old_outputs: Properties, outputs: Properties | None, *, first: bool) -> None:
        """Tell the rest: diagnostics, outputs (none: no stack is left), counts, duration."""
        with self._lock:
            self._say_diagnostics()
            if outputs is not None and (lines := list(_outputs(old_outputs, outputs, first=first))):
                self.say("Outputs:", *lines, "")
            self.say("Resources:", *self._summary(), "")
            if not self._preview:
                self.say(f"Duration: {math.ceil(time.monotonic() - self._began)}s", "")

    def _say_diagnostics(self) -> None:
        if not self._diagnostics:
            return
        self.say("Diagnostics:")
        for urn, messages in self._diagnostics.items():
            self.say(f"  {short_type(type_of(urn))} ({name_of(urn)}):")
            for message in messages:
                self.say(*(f"    {line}" for line in message.splitlines()))
            self.say("")

    def _summary(self) -> Iterator[str]:
        changed = {op: self.changes[op] for op in _SUMMARY_OPS if self.changes[op]}
        for op, count in changed.items():
            yield f"    {_SIGNS[op]}{count} {f'to {op}' if self._preview else _VERBS[op][2]}"
        pieces = [f"{sum(changed.values())} changes"] if len(changed) > 1 else []
        if self.changes["same"]:
            pieces.append(f"{self.changes['same']} unchanged")
        if pieces:
            yield f"    {'. '.join(pieces)}"
        if self.errors:
            yield f"    {len(self.errors)} errored"

    def _row(self, op: str, urn: str, status: str) -> None:
        with self._lock:
            self._rows[urn] = (op, status)
            self._line(op, urn, status)

    def _line(self, op: str, urn: str, rest: str) -> None:
        self.say(f" {_SIGNS[op]} {short_type(type_of(urn))} {name_of(urn)} {rest}".rstrip())

    def say(self, *lines: str) -> None:
        """Tell something that is no resource's."""
        with self._lock:
            self._lines += lines
            if self._on_output is not None:
                for line in lines:
                    self._on_output(line)


def diff_detail(old: Resource, new: Resource, hidden: Iterable[str] = ()) -> str:
    """Name the inputs that differ, as in `[diff: +note~value]`."""
    hidden_paths = [parse_path(text) for text in hidden]
    signs = {}
    for path in changed_paths(old.inputs, new.inputs):
        if any(covers(pattern, path) for pattern in hidden_paths):
            continue
        key = str(path[0])
        signs[key] = (
            "~" if key in old.inputs and key in new.inputs else "+" if key in new.inputs else "-"
        )
    return f"[diff: {''.join(sign + key for key, sign in sorted(signs.items()))}]" if signs else ""


def _outputs(old: Properties, new: Properties, *, first: bool) -> Iterator[str]:
    """Show the stack's outputs, each with a sign where the run changed it."""
    width = max((len(key) for key in {*old, *new}), default=0)
    for key in sorted({*old, *new}):
        label = f"{key:<{width}}: "
        if key not in new:
            yield from _shown(f"  - {label}", old[key])
        elif key not in old:
            yield from _shown(f"    {label}" if first else f"  + {label}", new[key])
        elif values.same(old[key], new[key]):
            yield from _shown(f"    {label}", new[key])
        else:
            yield f"  ~ {label}{_inline(old[key])} => {_inline(new[key])}"


def _shown(label: str, value: Any, indent: str = "    ") -> Iterator[str]:
    """Show a value after its label, what it contains in lines of their own."""
    if values.is_secret(value) or not isinstance(value, dict | list) or not value:
        yield f"{label}{_inline(value)}"
        return
    items = (
        value.items()
        if isinstance(value, dict)
        else ((f"[{index}]", item) for index, item in enumerate(value))
    )
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield f"{label}{opening}"
    for key, item in items:
        yield from _shown(f"{indent}    {key}: ", item, f"{indent}    ")
    yield f"{indent}{closing}"


def _inline(value: Any) -> str:
    return _unmarked(json.dumps(_masked(value), ensure_ascii=False))


def _unmarked(text: str) -> str:
    """Show the words that stand for a value without the quotes of a string."""
    return text.replace(f'"{_MASK}"', _MASK).replace(f'"{values.UNKNOWN}"', "[unknown]")


def _masked(value: Any) -> Any:
    """Replace every secret by a word."""
    if values.is_secret(value):
        return _MASK
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value
