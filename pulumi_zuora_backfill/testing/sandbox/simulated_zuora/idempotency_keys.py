"""Idempotency keys: the first answer under a key, of any kind, is the answer for 24 hours."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

from pulumi_zuora_backfill.testing.sandbox.sandbox_clock import SandboxClock

from .responses import Answer

_KEPT_S = 24 * 3600


class Use(NamedTuple):
    """What a key was used for: Zuora refuses it for anything else."""

    tenant_id: str
    method: str
    url: str
    body: bytes


class KeyRefusedError(Exception):
    """The key cannot be used now (409), or not for this (422)."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP status and the reason."""
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class _Entry:
    use: Use
    set_s: float
    answer: Answer | None = None


class IdempotencyKeys:
    """Keys, what each was used for, and the answer once there is one."""

    def __init__(self, clock: SandboxClock) -> None:
        """Start empty."""
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def claim(self, key: str, use: Use, *, other_body_status: int | None) -> Answer | None:
        """
        Take a key for a request, or return the answer that is saved under it.

        Args:
            key: The idempotency key.
            use: What it is wanted for.
            other_body_status: Status that refuses another body; `None`: the body is ignored.

        Returns:
            The saved answer; `None` when the key is now this request's own: `save()` or `release()`
            must follow.

        Raises:
            KeyRefusedError: The key is in progress, or was used for something else.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or self._clock.now() - entry.set_s >= _KEPT_S:
                self._entries[key] = _Entry(use, self._clock.now())
                return None
            if entry.use[:3] != use[:3]:
                raise KeyRefusedError(
                    422, "The Idempotency-Key was used with another tenant, URL or method."
                )
            if other_body_status is not None and entry.use.body != use.body:
                raise KeyRefusedError(
                    other_body_status, "The Idempotency-Key was used with another body."
                )
            if entry.answer is None:
                raise KeyRefusedError(409, "A request with this Idempotency-Key is in progress.")
            return entry.answer

    def save(self, key: str, answer: Answer) -> None:
        """Keep the answer of the request that holds the key."""
        with self._lock:
            self._entries[key].answer = answer

    def release(self, key: str) -> None:
        """Forget a key whose request came to no answer."""
        with self._lock:
            self._entries.pop(key, None)
