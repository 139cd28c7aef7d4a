"""
How Zuora says no: the body shapes of its refusals, the categories of their codes, and what they usually mean.

Pure. A text from the server is cut at 500 characters and stripped of control characters.
Source: https://developer.zuora.com/docs/guides/error-handling/
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from html import escape
from typing import Any, Final
from urllib.parse import quote_plus

_MESSAGE_LIMIT = 500
_PASSES = "That usually passes: run the same command again."
# Where Zuora's own pages show the jobs.
WHERE_TO_LOOK: Final = "Revenue → Data Backfill → Backfill Logs"
_TRANSIENT_STATUS: Final = frozenset({409, 429, 500, 502, 503, 504})
_TRANSIENT_CATEGORIES: Final = frozenset({"50", "60", "61", "70", "99"})
USER_INFO_FAILED: Final = "Failed to get user info"  # a 401 that Zuora's SDK documents as "retry"


def reasons_of(body: object) -> list[tuple[str | None, str]]:
    """
    Read the reasons out of any of the body shapes that Zuora uses.

    Understood are ``reasons`` (with numbers or strings as codes), ``message``, ``error`` with ``message``, ``code`` with ``message``,
    ``error_description``, and plain text or HTML.
    """
    if isinstance(body, str):
        text = re.sub(r"<[^<>]*>", " ", body)
        return [(None, clean(text))] if text.strip() else []
    if not isinstance(body, dict):
        return []
    reasons = body.get("reasons")
    if isinstance(reasons, list) and reasons:
        return [
            (text_or_none(reason.get("code")), clean(reason.get("message")))
            for reason in reasons
            if isinstance(reason, dict)
        ]
    parts = [
        clean(body.get(name))
        for name in ("error", "message", "error_description")
        if body.get(name)
    ]
    code = text_or_none(body.get("code"))
    return [(code, ": ".join(parts))] if parts or code else []


def category_of(code: str | None) -> str | None:
    """Return the last two digits of an eight-digit reason code: its category, or ``None`` for codes outside of the scheme."""
    return code[-2:] if code and re.fullmatch(r"\d{8}", code) else None


def clean(text: Any) -> str:
    """Make a text from a server fit for one line: nothing that cannot be printed, at most 500 characters."""
    if text is None:
        return ""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())
    return line if len(line) <= _MESSAGE_LIMIT else line[: _MESSAGE_LIMIT - 1] + "…"


def without(text: str, secrets: Collection[str]) -> str:
    """Blank out what no message may hold, should a server repeat what it was sent: as it is, or as a form, HTML or JSON spells it."""
    for secret in secrets:
        as_json = json.dumps(secret)[1:-1]
        for form in {
            secret,
            quote_plus(secret),
            escape(secret),
            as_json,
            as_json.replace("/", r"\/"),
        }:
            text = text.replace(form, "[secret]")
    return text


def is_transient(status: int, categories: list[str | None]) -> bool:
    """Tell whether an answer may be another one soon; in a 200, all of its reasons have to be such."""
    if 200 <= status < 300:
        return bool(categories) and all(
            category in _TRANSIENT_CATEGORIES for category in categories
        )
    return status in _TRANSIENT_STATUS


def hint_for(status: int, categories: list[str | None], reason: str) -> str:
    """Say what a refusal usually means and what to do."""
    if status in (301, 302, 303, 307, 308):
        return "Redirects are never followed: check the base URL (ZUORA_BASE_URL or zuora:baseUrl)."
    if status == 404 and "no Route matched" in reason:
        return "This product route is not provisioned on the tenant, or the base URL is not the tenant's: ask Zuora to enable Order to Revenue."
    if status == 403 or "10" in categories:
        return (
            "The API user usually lacks the Billing permission 'Manage OTR Settings' or the Platform permission 'API Write Access'; "
            "grant it and run `pulumi up` again."
        )
    if USER_INFO_FAILED in reason:
        return _PASSES
    if "11" in categories or status == 401:
        return "Check the client id, the client secret and that they belong to this base URL."
    if "30" in categories:
        return "A rule of the tenant stands against it: check that Order to Revenue is enabled and configured, and that no other backfill runs."
    if status == 429:
        return (
            "The tenant's rate or concurrency limit is reached: run the same command again later, "
            "or raise ZUORA_CALL_TIMEOUT / zuora:callTimeout above the time that Zuora asks for."
        )
    if is_transient(status, categories):
        return _PASSES
    return ""


def text_or_none(value: object) -> str | None:
    """Clean a text; ``None`` where nothing is left of it."""
    return None if value is None else clean(value) or None
