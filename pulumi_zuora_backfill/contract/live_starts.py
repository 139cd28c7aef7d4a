"""The live starts that have been noted: of two that may meet each other's jobs, the first one."""

from __future__ import annotations

import threading

from pulumi_zuora_backfill.zuora.models import Scope


class LiveStarts:
    """Who has come first; safe for all threads of the process."""

    def __init__(self) -> None:
        """Know of none yet."""
        self._lock = threading.Lock()
        self._noted: list[tuple[str, Scope, str]] = []

    def note(self, job_type: str, scope: Scope, urn: str) -> str | None:
        """Note a start; return the URN of another one of the type, if no place keeps them apart."""
        with self._lock:
            for other_type, there, other in self._noted:
                if other_type == job_type and other != urn and not there.apart_from(scope):
                    return other
            self._noted.append((job_type, scope, urn))
        return None
