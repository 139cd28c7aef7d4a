"""What an operation on a stack came to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pulumi.automation import OutputValue

from . import property_values as values
from .property_values import Properties


@dataclass(frozen=True)
class Summary:
    """What an operation came to."""

    result: str
    resource_changes: dict[str, int]


@dataclass(frozen=True)
class EmbeddedResult:
    """The outcome of one operation on a stack."""

    stdout: str
    """What a user reads."""
    summary: Summary
    outputs: dict[str, OutputValue] = field(default_factory=dict)
    """The stack's known outputs, secrets in plain text with a mark, as in `pulumi.automation`."""

    @property
    def change_summary(self) -> dict[str, int]:
        """How many resources had which fate, such as `{"create": 1, "same": 1}`."""
        return self.summary.resource_changes


class EmbeddedStackError(Exception):
    """An operation on a stack failed; the message is all that the user reads."""

    def __init__(self, result: EmbeddedResult) -> None:
        """Keep the result."""
        super().__init__(result.stdout)
        self.result = result

    @property
    def stdout(self) -> str:
        """What the user reads."""
        return self.result.stdout


def output_values(outputs: Properties) -> dict[str, OutputValue]:
    """Turn a stack's outputs into values that know whether they are secret."""
    return {
        key: OutputValue(values.revealed(value), values.contains_secret(value))
        for key, value in outputs.items()
    }


def without_changes(result: EmbeddedResult) -> EmbeddedResult:
    """Return a result that has changed nothing.

    Raises:
        EmbeddedStackError: It has.
    """
    if set(result.change_summary) <= {"same"}:
        return result
    text = result.stdout + "error: no changes were expected but changes occurred\n"
    raise EmbeddedStackError(replace(result, stdout=text))
