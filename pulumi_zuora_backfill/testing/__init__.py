"""
For tests and for trying out, never for production: a local Zuora, and an engine that needs no CLI.

`Sandbox` needs the extra ``testing``; `EmbeddedStack` needs nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import EmbeddedStack, EmbeddedStackError
    from .sandbox import Fault, Operation, Sandbox

__all__ = ["EmbeddedStack", "EmbeddedStackError", "Fault", "Operation", "Sandbox"]


def __getattr__(name: str) -> Any:
    """Load what is asked for, so that one does not need the requirements of the other."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = "engine" if name.startswith("Embedded") else "sandbox"
    return getattr(import_module(f"{__name__}.{module}"), name)
