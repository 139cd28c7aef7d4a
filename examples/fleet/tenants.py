"""
The table of tenants: one row for each stack.

It is checked as a whole before anything starts. All faults are told at once, each with its row and
its column. Values are read as texts, so YAML makes no number of a job id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml

TABLE: Final = Path(__file__).resolve().parent / "tenants.yaml"
CREDENTIALS: Final = {  # setting → the column that names the environment variable it comes from
    "ZUORA_CLIENT_ID": "client_id_env",
    "ZUORA_CLIENT_SECRET": "client_secret_env",
}

_NAME = "[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?"
_ADDRESS = r"https://[^/\s@]+|http://(127\.0\.0\.1|localhost)(:\d+)?"
_JOB_ID = "[0-9a-f]{32}"
_VARIABLE = (
    "[A-Z_][A-Z0-9_]*",
    "must name an environment variable, in capital letters, and never hold its value",
)

# column → what a value looks like, and what is wrong with any other
_REQUIRED: Final = {
    "stack": (_NAME, "must be lower-case letters, digits and dashes, at most 42"),
    "base_url": (_ADDRESS, "must be an address like https://rest.test.zuora.com"),
    "tenant_id": (r"\d+", "must be a tenant number like 10042"),
    "client_id_env": _VARIABLE,
    "client_secret_env": _VARIABLE,
    "type": ("RatePlanCharge|OrderLineItem", "must be RatePlanCharge or OrderLineItem"),
    "approval": (f"wait|auto|{_JOB_ID}", "must be wait, auto or the job id of the dry run"),
}
_COLUMNS: Final = {
    **_REQUIRED,
    "batch_size": (r"\d+", "must be a number"),
    "entity_id": (r"\S+", "must be the id of one entity"),
    "existing_job_id": (_JOB_ID, "must be a job id"),
    "known_job_ids": (_JOB_ID, "must be a list of job ids"),
    "max_errors": (r"\d+", "must be a number"),
    "org_ids": (r"\S+", "must be a list of organisation ids"),
    "reason": (".+", "must be a text"),
    "timeout": (".+", "must be a duration like 2h"),
    "triggers": (".+", "must be a text"),
}
_WHERE: Final = ("stack", "base_url", "tenant_id", *CREDENTIALS.values())
_LISTS: Final = ("known_job_ids", "org_ids")
_NUMBERS: Final = ("batch_size", "max_errors")


class TableError(Exception):
    """The table cannot be used; nothing was started."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    One stack: where it runs, as whom, and what.

    Attributes:
        line: The line of the table on which the row starts.
        stack: The name of the stack.
        base_url: Where the tenant's REST API is.
        tenant_id: The only tenant that is accepted.
        client_id_env: Names the environment variable that holds the client id.
        client_secret_env: Names the environment variable that holds the client secret.
        arguments: The arguments of `VerifiedBackfill`.
    """

    line: int
    stack: str
    base_url: str
    tenant_id: str
    client_id_env: str
    client_secret_env: str
    arguments: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, str]:
        """The settings that are no secret: where the stack talks to."""
        return {"ZUORA_BASE_URL": self.base_url, "ZUORA_TENANT_ID": self.tenant_id}

    @property
    def variables(self) -> dict[str, str]:
        """The settings that are secret, each with the variable that it comes from."""
        return {setting: getattr(self, column) for setting, column in CREDENTIALS.items()}

    @property
    def place(self) -> tuple[Any, ...]:
        """What may have one live job: tenant, entity, organisations, type."""
        orgs = tuple(sorted(self.arguments.get("org_ids", ())))
        return self.tenant_id, self.arguments.get("entity_id"), orgs, self.arguments["type"]


def load(path: Path = TABLE) -> list[Row]:
    """
    Read the table.

    Raises:
        TableError: It cannot be read, or something in it is wrong.
    """
    try:
        return rows_in(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}.") from None


def rows_in(text: str) -> list[Row]:
    """
    Read and check all rows.

    Raises:
        TableError: Something is wrong; all of it in one error.
    """
    try:
        table = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:  # its own text shows the line, and what stands there
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise TableError(f"tenants.yaml is no YAML: line {line}: {error.problem}.") from None
    if not isinstance(table, yaml.SequenceNode) or not table.value:
        raise TableError("tenants.yaml must be a list of rows, each starting with `- stack: …`.")
    faults: list[str] = []
    rows = [row for node in table.value if (row := _row(node, faults))]
    faults += _clashes(rows, "stack", "is also that of")
    faults += _clashes(rows, "tenant_id", "tenant, entity and type are also those of")
    for column in CREDENTIALS.values():
        faults += _clashes(rows, column, "is another tenant's:", _of_two_tenants)
    _raise(faults)
    return rows


def chosen(rows: list[Row], stacks: Collection[str]) -> list[Row]:
    """
    Return the rows of the stacks that were named; all rows if none was.

    Raises:
        TableError: A name has no row.
    """
    names = [row.stack for row in rows]
    unknown = [name for name in stacks if name not in names]
    _raise(f"there is no row for stack {name}{_meant(name, names)}" for name in unknown)
    return [row for row in rows if not stacks or row.stack in stacks]


def secrets_of(rows: Iterable[Row], environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """
    Take each stack's own credentials out of the variables that its row names.

    Raises:
        TableError: A variable is not set; all of them in one error.
    """
    secrets: dict[str, dict[str, str]] = {}
    faults: list[str] = []
    for row in rows:
        found = {setting: environ.get(name, "") for setting, name in row.variables.items()}
        for setting, column in CREDENTIALS.items():
            if not found[setting].strip():
                unset = f"the environment variable {row.variables[setting]} is not set"
                faults.append(_fault(row.line, row.stack, column, unset))
        secrets[row.stack] = found
    _raise(faults)
    return secrets


def _row(node: yaml.Node, faults: list[str]) -> Row | None:
    """Read one row; what is wrong goes to the faults."""
    line, before = node.start_mark.line + 1, len(faults)
    if not isinstance(node, yaml.MappingNode):
        faults.append(f"line {line}: a row must be columns with values")
        return None
    cells = [(str(key.value), key.start_mark.line + 1, _value(value)) for key, value in node.value]
    row: dict[str, Any] = {column: value for column, _, value in reversed(cells)}
    name = row.get("stack") or "without a name"
    for place, (column, at, value) in enumerate(cells):
        if column not in _COLUMNS:
            fault = f"there is no such column{_meant(column, _COLUMNS)}"
        elif column in [before for before, *_ in cells[:place]]:
            fault = "is there twice"
        else:
            fault = "" if _fits(column, value) else _COLUMNS[column][1]
        faults += [_fault(at, name, column, fault)] if fault else []
    faults += [
        _fault(line, name, column, "is missing") for column in _REQUIRED if column not in row
    ]
    if len(faults) > before:
        return None
    row.update({column: int(row[column]) for column in _NUMBERS if column in row})
    where = {column: row.pop(column) for column in _WHERE}
    return Row(line=line, arguments=row, **where)


def _value(node: yaml.Node) -> str | list[str]:
    """Return a text, or a list of texts; what is deeper is empty, which no column takes."""
    if isinstance(node, yaml.SequenceNode):
        return [part.value if isinstance(part, yaml.ScalarNode) else "" for part in node.value]
    return node.value.strip() if isinstance(node, yaml.ScalarNode) else ""


def _fits(column: str, value: str | list[str]) -> bool:
    """Tell whether a value looks as those of its column do."""
    if isinstance(value, list) != (column in _LISTS) or not value:
        return False
    pattern = re.compile(_COLUMNS[column][0])
    return all(map(pattern.fullmatch, value if isinstance(value, list) else [value]))


def _clashes(
    rows: Iterable[Row],
    column: str,
    what: str,
    counts: Callable[[Row, Row], bool] = lambda row, other: True,
) -> Iterator[str]:
    """Find rows that have something in common with an earlier one."""
    first: dict[Any, Row] = {}
    for row in rows:
        other = first.setdefault(row.place if column == "tenant_id" else getattr(row, column), row)
        if other is not row and counts(row, other):
            where = f"row {other.stack}, line {other.line}"
            yield _fault(row.line, row.stack, column, f"{what} {where}")


def _of_two_tenants(row: Row, other: Row) -> bool:
    return row.tenant_id != other.tenant_id


def _fault(line: int, stack: str, column: str, what: str) -> str:
    """Say what is wrong, and where it stands; never what a cell holds, it may be a secret."""
    return f"line {line}, row {stack}, column {column}: {what}"


def _meant(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _raise(faults: Iterable[str]) -> None:
    """Raise one error for all faults, if there is any."""
    found = list(faults)
    if found:
        raise TableError("tenants.yaml cannot be used:\n  " + "\n  ".join(found))
