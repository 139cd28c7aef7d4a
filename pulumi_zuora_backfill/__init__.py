"""
Run Zuora's auto backfill from a Pulumi stack: started once, never lost, always clear.

Start with `BackfillJob`; `BackfillCompletion` waits for jobs, and `VerifiedBackfill` runs dry
before it runs live.
Importing this package creates nothing and loads no HTTP library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .program.resources import BackfillCompletion, BackfillJob
    from .program.verified_backfill import VerifiedBackfill
    from .zuora.models import BackfillType, JobStatus

__version__ = "0.1.0"

__all__ = ["BackfillCompletion", "BackfillJob", "BackfillType", "JobStatus", "VerifiedBackfill"]

_HOMES = {
    "BackfillCompletion": "program.resources",
    "BackfillJob": "program.resources",
    "BackfillType": "zuora.models",
    "JobStatus": "zuora.models",
    "VerifiedBackfill": "program.verified_backfill",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for: the operator commands need no Pulumi to say their help."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
