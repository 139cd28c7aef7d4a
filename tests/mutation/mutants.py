"""The mutants that mutmut made, how each fared, and which are not accepted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

KILLED = ("killed", "timeout")
# No survivor is accepted here, whatever the reason.
STRICT = ("submission",)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """
    A mutant, known by what it changes: its number in mutmut's name differs after any edit.

    Attributes:
        module: The module's name, without its packages.
        function: The function, or class and method.
        change: The lines of the diff, each with its ``-`` or ``+`` and without indentation.
    """

    module: str
    function: str
    change: str

    def __str__(self) -> str:
        """Show it as it is written down in the list."""
        return "\n    ".join((f"{self.module}.{self.function}", *self.change.splitlines()))


@dataclass(frozen=True, kw_only=True)
class Fate:
    """
    How one mutant fared.

    Attributes:
        name: mutmut's name, such as ``….zuora.retries.xǁPatienceǁlearn__mutmut_3``.
        status: mutmut's word for it, such as ``killed`` or ``no tests``.
    """

    name: str
    status: str

    @property
    def module(self) -> str:
        """The module's name, without its packages."""
        return self.name.split(".")[-2]

    @property
    def function(self) -> str:
        """The function, or class and method."""
        mangled = re.sub(r"__mutmut_\d+$", "", self.name.rpartition(".")[2])
        return mangled[2:].replace("ǁ", ".")

    @property
    def survived(self) -> bool:
        """Whether no test fell over it.

        One that makes a test run for ever is noticed as well; one that no test reaches is not.
        """
        return self.status not in KILLED


def fates(results: str) -> list[Fate]:
    """Read what `mutmut results --all true` prints."""
    lines = (line.strip().rpartition(": ") for line in results.splitlines() if "__mutmut_" in line)
    return [Fate(name=name, status=status) for name, _, status in lines]


def change_of(diff: str) -> str:
    """Return the changed lines of what `mutmut show` prints."""
    lines = [
        line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines if line)


@dataclass(frozen=True)
class Verdict:
    """
    What a run has shown.

    Attributes:
        table: How many mutants were made, killed and survived, by module.
        unexplained: Survivors that are not accepted, with mutmut's word for each.
        outdated: Accepted mutants that did not survive, or do not exist any more.
    """

    table: str
    unexplained: tuple[tuple[Mutant, str], ...]
    outdated: tuple[Mutant, ...]

    @property
    def good(self) -> bool:
        """Whether every survivor is accepted, and nothing else is."""
        return not self.unexplained and not self.outdated


def judge(found: Iterable[Fate], accepted: Iterable[Mutant], show: Callable[[str], str]) -> Verdict:
    """
    Hold a run against the list.

    Args:
        found: How each mutant fared.
        accepted: Those that may survive; rows of a strict module do not count.
        show: Returns the diff of a mutant, by mutmut's name.
    """
    found = list(found)
    survivors = {
        fate: Mutant(module=fate.module, function=fate.function, change=change_of(show(fate.name)))
        for fate in found
        if fate.survived
    }
    listed = set(accepted)
    allowed = {mutant for mutant in listed if mutant.module not in STRICT}
    made, lived = Counter(fate.module for fate in found), Counter(fate.module for fate in survivors)
    timeouts = Counter(fate.module for fate in found if fate.status == "timeout")
    rows = [("module", "mutants", "killed", "by timeout", "survived")]
    rows += [
        (m, *map(str, (made[m], made[m] - lived[m], timeouts[m], lived[m]))) for m in sorted(made)
    ]
    total, left, late = made.total(), lived.total(), timeouts.total()
    rows.append(("all", *map(str, (total, total - left, late, left))))
    return Verdict(
        table="\n".join(
            f"{row[0]:<12}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows
        ),
        unexplained=tuple(
            (mutant, fate.status) for fate, mutant in survivors.items() if mutant not in allowed
        ),
        outdated=tuple(sorted(listed - set(survivors.values()), key=str)),
    )
