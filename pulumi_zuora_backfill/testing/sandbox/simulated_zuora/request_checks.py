"""The rules for what a request carries: pure functions that return what was meant, or refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulumi_zuora_backfill.testing.sandbox.guesses_about_zuora import Behaviours

from .responses import RefusalError
from .tenant import NewJob, Scope, Tenant

TYPES = ("RatePlanCharge", "OrderLineItem")
MAX_BATCH_SIZE = 1000
MAX_TRACK_ID = 64
_FIELDS = {"type", "batchSize", "dryRun"}


def json_object(data: bytes) -> dict[str, Any]:
    """
    Return a request's body.

    Raises:
        RefusalError: It is not JSON, or not an object.
    """
    try:
        body = json.loads(data)
    except ValueError:
        raise RefusalError((90, "The request body is not well-formed JSON.")) from None
    if not isinstance(body, dict):
        raise RefusalError((20, "The request body must be a JSON object."))
    return body


def new_job(body: Mapping[str, Any], behaviours: Behaviours) -> NewJob:
    """
    Return the job that a body asks for.

    Raises:
        RefusalError: Every fault of the body.
    """
    reasons = []
    if category := behaviours.unknown_field_category:
        reasons += [(category, f"Unknown field: {name}.") for name in body if name not in _FIELDS]
    if body.get("type") is None:
        reasons.append((22, "type is required."))
    elif body["type"] not in TYPES:
        reasons.append((20, f"type must be one of {', '.join(TYPES)}."))
    size = body.get("batchSize", MAX_BATCH_SIZE)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_BATCH_SIZE:
        reasons.append((20, f"batchSize must be an integer between 1 and {MAX_BATCH_SIZE}."))
    dry_run = body.get("dryRun", False)
    if not isinstance(dry_run, bool):
        reasons.append((20, "dryRun must be true or false."))
    if reasons:
        raise RefusalError(*reasons)
    return NewJob(body["type"], size, dry_run)


def check_stop(body: Mapping[str, Any]) -> None:
    """
    Check the body of a stop.

    Raises:
        RefusalError: It is anything but `{"status": "Stopping"}`.
    """
    if unknown := [name for name in body if name != "status"]:
        raise RefusalError(*((21, f"Unknown field: {name}.") for name in unknown))
    if body.get("status") is None:
        raise RefusalError((22, "status is required."))
    if body["status"] != "Stopping":
        raise RefusalError((20, "status must be Stopping."))


def check_track_id(track_id: str | None) -> None:
    """
    Check a `Zuora-Track-Id`.

    Raises:
        RefusalError: It is too long, not ASCII, or has one of the forbidden characters.
    """
    track_id = track_id or ""
    if len(track_id) > MAX_TRACK_ID or not track_id.isascii() or set(":;\"'") & set(track_id):
        raise RefusalError(
            (20, f"Zuora-Track-Id: at most {MAX_TRACK_ID} ASCII characters, without : ; \" and '.")
        )


def scope_of(entity_id: str | None, org_ids: str | None, tenant: Tenant) -> Scope:
    """
    Return the scope that a request's headers name.

    A tenant made without entities or organisations takes any.

    Raises:
        RefusalError: An entity is missing, or an entity or organisation is not the user's.
    """
    guesses = tenant.behaviours
    scope = Scope(
        entity_id, tuple(org.strip() for org in (org_ids or "").split(",") if org.strip())
    )
    if entity_id is None and len(tenant.entity_ids) > 1 and guesses.missing_entity_category:
        raise RefusalError(
            (guesses.missing_entity_category, "Zuora-Entity-Ids is required for this token.")
        )
    if entity_id and "," in entity_id:
        raise RefusalError((20, "Zuora-Entity-Ids takes one entity here."))
    strangers = [
        f"organisation {org}"
        for org in scope.org_ids
        if tenant.org_ids and org not in tenant.org_ids
    ]
    if entity_id and tenant.entity_ids and entity_id not in tenant.entity_ids:
        strangers.append(f"entity {entity_id}")
    category = guesses.unknown_scope_category
    if category and strangers:
        raise RefusalError(
            *((category, f"You do not have access to {stranger}.") for stranger in strangers)
        )
    return scope
