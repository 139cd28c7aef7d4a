"""Every text that a user can meet has its row in docs/messages.md, and every row its text."""

from __future__ import annotations

import ast
import re
from itertools import product
from pathlib import Path

import pytest

from pulumi_zuora_backfill import errors

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pulumi_zuora_backfill"
HOLE = "…"  # what a text is filled with
SHORTEST = 8
# Read when the tests are collected: others deepen the interpreter's stack on purpose.
MODULES = {file: ast.parse(file.read_text()) for file in PACKAGE.rglob("*.py")}
KINDS = {"RunError"} | {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.ZuoraBackfillError)
}
# Functions whose returned texts a user reads, and where they are read.
FUNCTIONS = {
    "announce_wait": "information",
    "_purged": "warning",
    "recovered": "warning",
    "strangers": "warning",
    "status_not_read": "warning",
    "_message": "ApiError",
    "_singular": "setting",
}
NAMED = {"_NO_MORE": "setting", "missing": "setting"}  # variables that hold texts
# Here, a ValueError is read as it stands; elsewhere it becomes part of another text.
CHECKS = (
    "settings/",
    "zuora/base_url.py",
    "input_checks.py",
    "contract/intent.py",
    "job/inputs.py",
)
HEADINGS = {
    "Previews": "announcement",
    "Warnings": "warning",
    "Information": "information",
    "Settings": "setting",
    "Inputs": "input",
}
PASSED_ON = {"errors.py", "dynamic_host.py", "clock.py", "zuora/models.py"}
MOST = 12  # alternatives of one text


class _Texts:
    """What an expression can become, with `…` for what is only known later."""

    def __init__(self, module: ast.Module, function: ast.AST) -> None:
        self._named: dict[str, list[ast.expr]] = {}
        for scope in (module.body, list(ast.walk(function))):
            for node in scope:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    self._named.setdefault(node.targets[0].id, []).append(node.value)
                elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    self._named.setdefault(node.target.id, []).extend(
                        [node.value] if node.value else []
                    )

    def of(self, node: ast.expr, depth: int = 0) -> list[str]:
        """Return all texts; a list counts by its first element."""
        if depth > MOST:
            return [HOLE]
        below = depth + 1
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else [HOLE]
        if isinstance(node, ast.JoinedStr):
            parts = [self.of(part, below) for part in node.values]
            return ["".join(texts) for texts in product(*parts)][:MOST]
        if isinstance(node, ast.FormattedValue):
            return self.of(node.value, below)
        if isinstance(node, ast.IfExp):
            return self.of(node.body, below) + self.of(node.orelse, below)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            pairs = product(self.of(node.left, below), self.of(node.right, below))
            return [left + right for left, right in pairs][:MOST]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "join" and node.args:
                return self.of(node.args[0], below)
            if node.func.attr == "strip":
                return self.of(node.func.value, below)
        if isinstance(node, ast.List | ast.Tuple) and node.elts:
            first = node.elts[0]
            return self.of(first.value if isinstance(first, ast.Starred) else first, below)
        if isinstance(node, ast.ListComp):
            return self.of(node.elt, below)
        if isinstance(node, ast.Name) and node.id in self._named:
            texts = [text for value in self._named[node.id] for text in self.of(value, below)]
            return texts[:MOST] or [HOLE]
        return [HOLE]


def plain(text: str) -> str:
    """Put a text on one line; holes that touch are one."""
    return re.sub(f"{HOLE}( *{HOLE})*", HOLE, " ".join(text.split()))


def kind_of(node: ast.AST, path: str) -> tuple[str, list[ast.expr]]:
    """Tell where the texts of a piece of code are read, and which they are."""
    if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS:
        returns = [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value]
        return FUNCTIONS[node.name], returns
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = target.id if isinstance(target, ast.Name) else ""
        texts = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
        return NAMED.get(name, ""), texts if name in NAMED else []
    if not isinstance(node, ast.Call):
        return "", []
    named = {keyword.arg: keyword.value for keyword in node.keywords}
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    name = node.func.id if isinstance(node.func, ast.Name) else called
    first = node.args[:1]
    if called in ("info", "warn"):
        return ("warning" if called == "warn" else "information"), first
    if name == "Announcement":
        return "announcement", [named["text"]]
    if name == "Fault":
        return "input", [named["reason"]]
    if name == "StartedJob":
        return "warning", [named["remark"]] if "remark" in named else []
    if name == "ValueError" and path.startswith(CHECKS):
        setting = path.startswith(("settings/", "zuora/"))
        return ("setting" if setting else "input"), first
    if name == "append" and path == "settings/loading.py":
        return "setting", first
    return name, first if name in KINDS else []


def said() -> dict[str, set[str]]:
    """Find every text of the package, by where it is read."""
    found: dict[str, set[str]] = {}
    for file in sorted(MODULES):
        path = file.relative_to(PACKAGE).as_posix()
        if path.startswith("testing/") or path in PASSED_ON:
            continue
        module = MODULES[file]
        functions = [
            node
            for node in ast.walk(module)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        inside = {id(node): function for function in functions for node in ast.walk(function)}
        for node in ast.walk(module):
            kind, texts = kind_of(node, path)
            for expression in texts:
                for text in map(plain, _Texts(module, inside.get(id(node), module)).of(expression)):
                    if len(text.replace(HOLE, "").strip()) >= SHORTEST:
                        found.setdefault(kind, set()).add(text)
    return found


def listed() -> dict[str, list[str]]:
    """Read the first words of every row, by the heading above it."""
    found: dict[str, list[str]] = {}
    kind = ""
    for line in (ROOT / "docs" / "messages.md").read_text().splitlines():
        if line.startswith("#"):
            heading = line.strip("# ")
            kind = HEADINGS.get(heading, heading)
        elif match := re.match(r"\| `(.+?)` \|", line):
            found.setdefault(kind, []).append(plain(match[1]).removesuffix(HOLE).rstrip())
    return found


def test_every_text_has_its_row() -> None:
    """Whoever searches the list for the first words of a text finds it."""
    rows = listed()
    missing = [
        f"{kind}: {text}"
        for kind, texts in said().items()
        for text in texts
        if not any(text.startswith(row) for row in rows.get(kind, ()))
    ]
    assert missing == []


def test_every_row_has_its_text() -> None:
    """A text that is no longer said leaves no row behind."""
    texts = said()
    outdated = [
        f"{kind}: {row}"
        for kind, rows in listed().items()
        for row in rows
        if not any(text.startswith(row) for text in texts.get(kind, ()))
    ]
    assert outdated == []


def test_no_text_is_listed_twice() -> None:
    """One row for one text."""
    for kind, rows in listed().items():
        assert len(rows) == len(set(rows)), kind


def test_a_text_without_a_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison sees what is missing: without the rows of a kind, its texts are named."""
    kept = {kind: rows for kind, rows in listed().items() if kind != "GuardError"}
    monkeypatch.setitem(globals(), "listed", lambda: kept)
    with pytest.raises(AssertionError, match="GuardError: Nothing was started"):
        test_every_text_has_its_row()
