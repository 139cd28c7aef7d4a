"""
The type of an argument that takes several values, so that a type checker refuses a single text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class ListOf(Protocol[T_co]):
    """
    A list or a tuple.

    A text is a sequence of texts to a type checker. It is none of these, as it contains texts only.
    """

    def __contains__(self, value: object, /) -> bool:
        """Tell whether it holds a value, which may be of any type."""

    def __getitem__(self, index: int, /) -> T_co:
        """Return the value at a place."""

    def __iter__(self) -> Iterator[T_co]:
        """Go through the values."""

    def __len__(self) -> int:
        """Count the values."""
