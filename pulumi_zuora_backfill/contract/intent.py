"""
One intent, one key: what makes two requests the same request.

Pure functions; the same value on every Python, platform and version of this package. Zuora saves
the answer to a key for 24 hours, so a key that changed by accident would start a second job.
Source: https://developer.zuora.com/docs/guides/idempotent-requests
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_PREFIX: Final = "zbf1-"
_TRACK_ID_LENGTH: Final = 37
_TOO_BIG = 2**53  # as a float, which Pulumi carries every number as, it is the same as 2**53 + 1


@dataclass(frozen=True, kw_only=True)
class Intent:
    """
    What a person asked for: everything that makes one backfill another one.

    How it is run (batch size, reason, track id, guard) is not part of it. Neither is the Pulumi
    organisation: two organisations with the same names in one tenant meet the guard.

    Attributes:
        urn: The resource's URN.
        base_url: The Zuora endpoint.
        tenant_id: The tenant that the token names.
        entity_id: The entity in force, or ``None``.
        org_ids: The organisations in force, sorted.
        type: ``RatePlanCharge`` or ``OrderLineItem``.
        dry_run: Whether Zuora leaves the data as it is.
        triggers: Any JSON value of the user's.
    """

    urn: str
    base_url: str
    tenant_id: str
    entity_id: str | None
    org_ids: tuple[str, ...]
    type: str
    dry_run: bool
    triggers: Any = None


def key_for(intent: Intent, after: str | None = None, refusals: Sequence[str] = ()) -> str:
    """
    Derive the ``Idempotency-Key`` of an intent.

    Args:
        intent: What is asked for.
        after: The last job that the resource had for this intent, or one that was stopped: a
            replacement never gets the saved answer of its predecessor.
        refusals: Request ids of the refusals that Zuora has saved under the keys before.

    Returns:
        ``zbf1-`` and 64 hexadecimal digits. Every later run derives the same one.

    Raises:
        ValueError: The triggers are no plain JSON value.
    """
    asked = {
        "urn": intent.urn,
        "baseUrl": intent.base_url,
        "tenantId": intent.tenant_id,
        "entityId": intent.entity_id,
        "orgIds": sorted(intent.org_ids) or None,
        "type": intent.type,
        "dryRun": intent.dry_run,
        "triggers": intent.triggers,
        "after": after,
        "refusals": list(refusals) or None,
    }
    return _PREFIX + hashlib.sha256(canonical_json(asked).encode()).hexdigest()


def track_id_for(key: str) -> str:
    """Return the ``Zuora-Track-Id`` if the user gives none: the key's first 37 characters."""
    return key[:_TRACK_ID_LENGTH]


def is_derived(track_id: object) -> bool:
    """Tell a track id that was made of a key from one that a user would give."""
    return (
        isinstance(track_id, str)
        and re.fullmatch(rf"{_PREFIX}[0-9a-f]{{32}}", track_id) is not None
    )


def canonical_json(value: Any) -> str:
    """
    Write a JSON value in the one form that is compared and hashed: plain ASCII, without spaces.

    Raises:
        ValueError: The value is not JSON, or holds a number that JSON cannot carry everywhere.
    """
    return json.dumps(canonical(value), separators=(",", ":"))


def canonical(value: Any) -> Any:
    """
    Bring a JSON value into its canonical form.

    Whole floats become integers (Pulumi carries every number as a float), nulls inside objects are
    dropped (Pulumi drops them too), names are sorted, and ``True`` stays apart from 1.

    Raises:
        ValueError: A number is not finite or is a whole number of 2^53 or beyond, or the value is
            not JSON.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number that is not finite is not a JSON number")
        if not value.is_integer():
            return value
        value = int(value)
    if isinstance(value, int):
        if abs(value) >= _TOO_BIG:
            raise ValueError(
                "a whole number of 2^53 or beyond loses digits on its way through Pulumi; write "
                "it as a string"
            )
        return value
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("object keys must be strings")
        return {name: canonical(item) for name, item in sorted(value.items()) if item is not None}
    raise ValueError(f"{type(value).__name__} is not a JSON value")
