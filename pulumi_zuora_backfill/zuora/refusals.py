"""
How Zuora says no: the shapes of its refusals, what their codes mean, and what they prove.

Pure; what others made of an answer on its way is told apart from what Zuora itself said.
Source: https://developer.zuora.com/docs/guides/error-handling/
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from pulumi_zuora_backfill.errors import ApiError, AuthenticationError, NotFoundError

from .texts import clean, text_or_none

# Where Zuora's own pages show the jobs.
WHERE_TO_LOOK: Final = "Revenue → Data Backfill → Backfill Logs"
USER_INFO_FAILED: Final = "Failed to get user info"  # a 401 that Zuora's SDK documents as "retry"
_PASSES = "That usually passes: run the same command again."
_TRANSIENT_STATUS: Final = frozenset({408, 409, 429, *range(500, 600)})
_TRANSIENT_CATEGORIES: Final = frozenset({"50", "60", "61", "70", "99"})


def error_from_answer(
    operation: str,
    status: int,
    body: object,
    *,
    headers: Mapping[str, str],
    track_id: str | None = None,
    retry_after_s: float | None = None,
    secrets: Collection[str] = (),
) -> ApiError:
    """
    Build the error for an answer that is a refusal or a failure.

    Args:
        operation: What was asked, such as ``start the backfill job``.
        status: The HTTP status.
        body: The parsed JSON, or the raw text where it is none.
        headers: The headers of the answer; their names are looked up as Zuora spells them.
        track_id: The ``Zuora-Track-Id`` that was sent.
        retry_after_s: What ``Retry-After`` or ``RateLimit-Reset`` said.
        secrets: What the request held and no text may hold.
    """
    reasons = reasons_of(body, secrets)
    code = reasons[0][0] if reasons else None
    reason = clean("; ".join(message for _, message in reasons if message))
    categories = [category_of(code) for code, _ in reasons]
    said_ids = body if isinstance(body, dict) else {}
    ids = [headers.get("Zuora-Request-Id"), said_ids.get("requestId"), said_ids.get("processId")]
    request_ids = tuple(dict.fromkeys(id for id in (text_or_none(id, secrets) for id in ids) if id))
    own = in_zuoras_own_shape(body, headers)
    transient = is_transient(status, categories) or (status == 401 and USER_INFO_FAILED in reason)
    kind = ApiError
    if (status == 401 and not transient) or (
        categories and all(category == "11" for category in categories)
    ):
        kind = AuthenticationError
    elif (status == 404 or 200 <= status < 300) and "40" in categories:
        kind = NotFoundError
    return kind(
        _message(operation, status, code, reason, retry_after_s, transient)
        + _marks(request_ids, track_id),
        hint_for(status, categories, reason),
        status=status,
        code=code,
        reason=reason,
        request_ids=request_ids,
        answer_id=request_ids[0] if own else None,
        transient=transient,
        retry_after_s=retry_after_s,
        arrived=not proves_that_nothing_started(status, categories, own=own),
    )


def in_zuoras_own_shape(body: object, headers: Mapping[str, str]) -> bool:
    """
    Tell whether a refusal is Zuora's own, and not a page of something between us and Zuora.

    Zuora's refusals are JSON objects that say ``success: false`` or list ``reasons`` that all carry
    a code, and Zuora gives every answer a ``Zuora-Request-Id``.
    """
    if not isinstance(body, dict) or text_or_none(headers.get("Zuora-Request-Id")) is None:
        return False
    reasons = body.get("reasons")
    return body.get("success") is False or (
        isinstance(reasons, list)
        and bool(reasons)
        and all(isinstance(reason, dict) and text_or_none(reason.get("code")) for reason in reasons)
    )


def proves_that_nothing_started(status: int, categories: list[str | None], *, own: bool) -> bool:
    """
    Tell whether a refusal can be believed; everything that is not listed here leaves it open.

    Args:
        status: The HTTP status; 401 and 429 are said before a request is looked at.
        categories: The categories of its codes.
        own: Whether it is in Zuora's own shape.
    """
    if status in (401, 429):
        return True
    answered = 200 <= status < 300 or 400 <= status < 500
    passes = status in _TRANSIENT_STATUS or not _TRANSIENT_CATEGORIES.isdisjoint(categories)
    return own and answered and not passes


def reasons_of(body: object, secrets: Collection[str] = ()) -> list[tuple[str | None, str]]:
    """
    Read codes and messages out of any of the body shapes that Zuora uses.

    Understood are ``reasons`` (with numbers or strings as codes), ``message``, ``error`` with
    ``message``, ``code`` with ``message``, ``error_description``, and plain text or HTML.
    """
    if isinstance(body, str):
        text = re.sub(r"<[^<>]*>", " ", body)
        return [(None, clean(text, secrets))] if text.strip() else []
    if not isinstance(body, dict):
        return []
    reasons = body.get("reasons")
    if isinstance(reasons, list) and reasons:
        return [
            (text_or_none(reason.get("code"), secrets), clean(reason.get("message"), secrets))
            for reason in reasons
            if isinstance(reason, dict)
        ]
    names = ("error", "message", "error_description")
    parts = [clean(body.get(name), secrets) for name in names if body.get(name)]
    code = text_or_none(body.get("code"), secrets)
    return [(code, ": ".join(parts))] if parts or code else []


def category_of(code: str | None) -> str | None:
    """Return the last two digits of an eight-digit code; other codes have no category."""
    return code[-2:] if code and re.fullmatch(r"\d{8}", code) else None


def is_transient(status: int, categories: list[str | None]) -> bool:
    """Tell whether the same request may be answered otherwise soon."""
    return status in _TRANSIENT_STATUS or (
        bool(categories) and all(category in _TRANSIENT_CATEGORIES for category in categories)
    )


def hint_for(status: int, categories: list[str | None], reason: str) -> str:
    """Say what a refusal usually means and what to do."""
    if status in (301, 302, 303, 307, 308):
        return "Redirects are never followed: check the base URL (ZUORA_BASE_URL or zuora:baseUrl)."
    if status == 404 and "no Route matched" in reason:
        return (
            "This product route is not provisioned on the tenant, or the base URL is not the "
            "tenant's: ask Zuora to enable Order to Revenue."
        )
    if status == 403 or "10" in categories:
        return (
            "The API user usually lacks the Billing permission 'Manage OTR Settings' or the "
            "Platform permission 'API Write Access'; grant it and run `pulumi up` again."
        )
    if USER_INFO_FAILED in reason:
        return _PASSES
    if "11" in categories or status == 401:
        return "Check the client id, the client secret and that they belong to this base URL."
    if "30" in categories:
        return (
            "A rule of the tenant does not allow it: check that Order to Revenue is enabled and "
            "configured, and that no other backfill runs."
        )
    if status == 429:
        return (
            "The tenant's rate or concurrency limit is reached: run the same command again later, "
            "or raise ZUORA_CALL_TIMEOUT / zuora:callTimeout above the time that Zuora asks for."
        )
    return _PASSES if is_transient(status, categories) else ""


def _message(
    operation: str,
    status: int,
    code: str | None,
    reason: str,
    retry_after_s: float | None,
    transient: bool,
) -> str:
    said = f"HTTP {status}" if not 200 <= status < 300 else "success: false"
    if retry_after_s:
        said += f", to be tried again after {retry_after_s:.0f} s"
    if code:
        said += f", code {code}"
    if reason:
        said += f": {reason}"
    return f"Zuora {'could not' if transient else 'refused to'} {operation} ({said})"


def _marks(request_ids: tuple[str, ...], track_id: str | None) -> str:
    marks = [f"request id {request_ids[0]}"] if request_ids else []
    marks += [f"track id {track_id}"] if track_id else []
    return f" [{', '.join(marks)}]." if marks else "."
