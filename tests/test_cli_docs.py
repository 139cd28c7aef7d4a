"""The reference of the commands: every command, option, exit code and text, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from pulumi_zuora_backfill.cli.commands import cli
from pulumi_zuora_backfill.cli.exit_codes import ExitCode

from .test_messages import HOLE, PACKAGE, SHORTEST, _Texts, plain

PAGE = (Path(__file__).parent.parent / "docs" / "reference" / "commands.md").read_text()
FILES = [PACKAGE / "__main__.py", *sorted((PACKAGE / "cli").glob("*.py"))]
# What says something, and which of its arguments is the text.
SAYING = {
    "say": 0,
    "echo": 0,
    "write": 0,
    "report": 0,
    "confirm": 0,
    "BadParameter": 0,
    "EndedEarlyError": 0,
    "_step": 2,
}


def section(heading: str) -> str:
    """Return the text below a heading, up to the next one of its kind."""
    return re.split(r"^## ", PAGE.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


def test_every_command_and_option_is_there() -> None:
    """The tables name what the commands have, for the commands that have it."""
    commands = re.findall(r"^\| `([a-z-]+)", section("The commands"), re.MULTILINE)
    options: dict[str, set[str]] = {}
    for names, of in re.findall(r"^\| (`-.*?) \| (.*?) \|", section("Options"), re.MULTILINE):
        for name in re.findall(r"`(-[a-z-]+)", names.replace(", ", "`, `")):
            options.setdefault(name, set()).update(re.findall(r"[a-z-]+", of))
    real: dict[str, set[str]] = {"-h": {"all"}, "--help": {"all"}, "--version": {"zuora-backfill"}}
    for command, name in declared():
        real.setdefault(name, set()).add(command)

    assert commands == sorted(cli.commands, key=commands.index)
    assert options == real


def declared() -> Iterator[tuple[str, str]]:
    """Find the options of every command."""
    for name, command in cli.commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                for option in parameter.opts:
                    yield name, option


def test_every_exit_code_is_there() -> None:
    """The table has a row for each, in order."""
    codes = re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)

    assert [int(code) for code in codes] == sorted(ExitCode)


def test_every_text_has_its_row_and_every_row_its_text() -> None:
    """Whoever searches the page for the first words of a text finds it."""
    rows = re.findall(r"^\| `(.+?)` \|", section("What the commands say"), re.MULTILINE)
    first_words = [plain(row).removesuffix(HOLE).rstrip() for row in rows]
    texts = {text for path in FILES for text in said_in(path)}

    assert [t for t in sorted(texts) if not any(t.startswith(row) for row in first_words)] == []
    assert [row for row in first_words if not any(t.startswith(row) for t in texts)] == []


def said_in(path: Path) -> Iterator[str]:
    """Find the texts of a file: what is said, what a check tells, and texts with a name."""
    module = ast.parse(path.read_text())
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    inside = {id(node): function for function in functions for node in ast.walk(function)}
    for node in ast.walk(module):
        for expression in texts_of(node):
            for text in map(plain, _Texts(module, inside.get(id(node), module)).of(expression)):
                if len(text.replace(HOLE, "").strip()) >= SHORTEST:
                    yield text


def texts_of(node: ast.AST) -> Iterator[ast.expr]:
    """Return the expressions in a piece of code that become texts."""
    if isinstance(node, ast.AnnAssign | ast.Assign):
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        value = node.value
        named = isinstance(target, ast.Name) and target.id.isupper()
        if named and isinstance(value, ast.Constant) and " " in str(value.value):
            yield value
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        yield from (part for part in node.value.elts if isinstance(part, ast.JoinedStr))
    elif isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name in SAYING and len(node.args) > SAYING[name]:
            yield node.args[SAYING[name]]
        if name == "Check":
            yield from (k.value for k in node.keywords if k.arg in ("found", "next_step"))
