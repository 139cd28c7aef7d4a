"""How any answer of Zuora becomes one error that a person can read and the code can act on."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_zuora_backfill.errors import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    ZuoraBackfillError,
)
from pulumi_zuora_backfill.zuora.refusals import (
    category_of,
    error_from_answer,
    in_zuoras_own_shape,
    reasons_of,
)
from pulumi_zuora_backfill.zuora.texts import clean

HOSTILE = {
    "control characters": ("a\x00b\r\nc\x07d\x7fe\x9bf", "a b c d e"),
    "ANSI escapes": ("\x1b[31mred\x1b]0;title\x07", "red"),
    "separators": ("a\u2028b\u2029c\u00a0d", "a b c d"),
    "bidirectional overrides": ("abc\u202etxt.exe\u2066", "abc txt.exe"),
    "half a surrogate pair": ("a\ud800b", "a b"),
    "10 kB": ("x" * 10_000, "x" * 499 + "…"),
}

# body → code, reason; zuora-api.md 4.3
SHAPES: dict[str, tuple[Any, str | None, str]] = {
    "reasons with texts": (
        {"success": False, "processId": "P", "reasons": [{"code": "50000020", "message": "bad"}]},
        "50000020",
        "bad",
    ),
    "reasons without category": (
        {"reasons": [{"code": "SystemError", "message": "internal"}]},
        "SystemError",
        "internal",
    ),
    "reasons with numbers": (
        {"reasons": [{"code": 50000060, "message": "m"}], "requestId": "R"},
        "50000060",
        "m",
    ),
    "several reasons": (
        {"reasons": [{"code": 1, "message": "a"}, {"code": 2, "message": "b"}]},
        "1",
        "a; b",
    ),
    "message": ({"message": "Authentication error"}, None, "Authentication error"),
    "Spring": (
        {
            "timestamp": 1,
            "status": 405,
            "error": "Method Not Allowed",
            "message": "no PUT",
            "path": "/x",
        },
        None,
        "Method Not Allowed: no PUT",
    ),
    "code and message": ({"code": 403, "message": "no"}, "403", "no"),
    "OAuth": (
        {"error": "invalid_client", "error_description": "wrong"},
        None,
        "invalid_client: wrong",
    ),
    "gateway": (
        {"message": "no Route matched with those values"},
        None,
        "no Route matched with those values",
    ),
    "HTML": (
        "<html><head><title>504</title></head>\n<body>Time-out</body></html>",
        None,
        "504 Time-out",
    ),
    "empty": ("", None, ""),
    "a list": ([1, 2], None, ""),
    "reasons that are none": ({"reasons": ["a", 1, None]}, None, ""),
    "reasons without messages": ({"reasons": [{"code": "50000030"}]}, "50000030", ""),
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["reasons", "code", "message", "error", "requestId", "processId"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def error_of(status: int, body: Any = None, **headers: str) -> ApiError:
    """Return the error for an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_from_answer("do it", status, body, headers=named, track_id="track-1")


@pytest.mark.parametrize(("body", "code", "reason"), SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_of_body_is_understood(body: Any, code: str | None, reason: str) -> None:
    """Code and message are found wherever Zuora, its frameworks and its gateway put them."""
    error = error_of(400, body)
    assert (error.code, error.reason) == (code, reason)


def test_the_message_holds_what_support_asks_for() -> None:
    """Operation, status, code, Zuora's words and both ids are one line; the hint is below."""
    body = {
        "success": False,
        "processId": "P",
        "requestId": "Q",
        "reasons": [{"code": "50000010", "message": "Denied"}],
    }
    error = error_of(403, body, Zuora_Request_Id="R")

    assert error.message == (
        "Zuora refused to do it (HTTP 403, code 50000010: Denied) [request id R, track id track-1]."
    )
    assert str(error) == f"{error.message}\n{error.hint}"
    assert "Manage OTR Settings" in error.hint


@pytest.mark.parametrize(
    ("headers", "body", "request_ids"),
    [
        ({"Zuora_Request_Id": "H"}, {"requestId": "R", "processId": "P"}, ("H", "R", "P")),
        ({"Zuora_Request_Id": "H"}, {"requestId": "H", "processId": "P"}, ("H", "P")),
        ({"Zuora_Request_Id": "\x1b"}, {"requestId": "R", "processId": "P"}, ("R", "P")),
        ({}, {"processId": "P"}, ("P",)),
        ({}, {"requestId": ""}, ()),
        ({}, "<html>", ()),
    ],
)
def test_all_ids_are_kept_and_the_first_is_told(
    headers: dict[str, str], body: Any, request_ids: tuple[str, ...]
) -> None:
    """The header comes first, then the body's two names for it; the user is told one."""
    error = error_of(500, body, **headers)
    assert error.request_ids == request_ids
    assert [f"request id {id}" in error.message for id in request_ids] == [True, False, False][
        : len(request_ids)
    ]


@pytest.mark.parametrize(
    ("status", "codes", "kind", "transient"),
    [
        (400, ["50000020"], ApiError, False),
        (401, [], AuthenticationError, False),
        (403, ["50000010"], ApiError, False),
        (404, ["50000040"], NotFoundError, False),
        (404, [], ApiError, False),
        (408, [], ApiError, True),
        (409, ["50000050"], ApiError, True),
        (409, ["IdempotencyKey"], ApiError, True),
        (415, [], ApiError, False),
        (422, [], ApiError, False),
        (429, [], ApiError, True),
        (500, ["SystemError"], ApiError, True),
        (501, [], ApiError, True),
        (502, [], ApiError, True),
        (503, [], ApiError, True),
        (504, [], ApiError, True),
        *((status, [], ApiError, True) for status in (507, 520, 521, 522, 523, 524, 599)),
        (400, ["50000061"], ApiError, True),
        (302, [], ApiError, False),
        (200, [], ApiError, False),
        (200, ["50000020"], ApiError, False),
        (200, ["50000040"], NotFoundError, False),
        (200, ["90000011"], AuthenticationError, False),
        (200, ["SystemError"], ApiError, False),
        *((200, [f"500000{category}"], ApiError, True) for category in (50, 60, 61, 70, 99)),
        (202, ["50000061"], ApiError, True),
        (200, ["50000050", "50000061"], ApiError, True),
        (200, ["50000050", "50000030"], ApiError, False),
        (200, ["50000050", "SystemError"], ApiError, False),
    ],
)
def test_status_and_category_decide(
    status: int, codes: list[str], kind: type[ApiError], transient: bool
) -> None:
    """What may be tried again is a matter of the status, and with 2xx of the categories.

    All of them have to be transient.
    """
    error = error_of(
        status, {"success": False, "reasons": [{"code": code, "message": "m"} for code in codes]}
    )
    assert (type(error), error.transient, error.status) == (kind, transient, status)


OWN = {"success": False, "reasons": [{"code": "58730010", "message": "m"}]}


@pytest.mark.parametrize(
    ("body", "request_id", "own"),
    [
        (OWN, "R", True),
        (OWN, None, False),
        (OWN, " \x1b ", False),
        ({"success": False}, "R", True),
        ({"reasons": [{"code": 1}, {"code": "SystemError"}]}, "R", True),
        ({"reasons": [{"code": 1}, {"message": "m"}]}, "R", False),
        ({"reasons": ["1"]}, "R", False),
        ({"reasons": []}, "R", False),
        ({"success": True, "message": "no"}, "R", False),
        ({"success": "false"}, "R", False),
        ({"message": "no Route matched"}, "R", False),
        ([OWN], "R", False),
        ("<html>", "R", False),
        (None, "R", False),
    ],
)
def test_zuora_s_own_shape(body: Any, request_id: str | None, own: bool) -> None:
    """A refusal of Zuora's says so, names codes, and has a number; a page of others lacks one."""
    headers = {} if request_id is None else {"Zuora-Request-Id": request_id}
    assert in_zuoras_own_shape(body, headers) is own


def refusal(status: int, category: str = "20") -> ApiError:
    """Return a refusal in Zuora's own shape."""
    body = {"success": False, "reasons": [{"code": f"587300{category}", "message": "m"}]}
    return error_of(status, body, Zuora_Request_Id="R")


def test_what_is_believed_is_a_closed_list() -> None:
    """Of all statuses, 401 and 429 prove that nothing was started, and lasting refusals."""
    statuses = range(100, 600)
    lasting = {*range(200, 300), *range(400, 500)} - {408, 409}
    assert {status for status in statuses if not error_of(status, {"message": "m"}).arrived} == {
        401,
        429,
    }
    assert {status for status in statuses if not refusal(status).arrived} == lasting
    assert {status for status in statuses if not refusal(status, "61").arrived} == {401, 429}


@pytest.mark.parametrize(
    "message", ["Failed to get user info", "Unauthorized: Failed to get user info."]
)
def test_a_401_about_user_info_may_be_tried_again(message: str) -> None:
    """Zuora documents this one 401 as one to repeat; the credentials are fine."""
    error = error_of(401, {"message": message})
    assert (type(error), error.transient) == (ApiError, True)


@pytest.mark.parametrize(("text", "line"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_text_becomes_one_short_line(text: str, line: str) -> None:
    """What a server says can neither steer a terminal, nor break a protocol, nor fill a screen."""
    error = error_of(500, {"reasons": [{"code": text, "message": text}]}, Zuora_Request_Id=text)
    assert clean(text) == line
    assert (error.reason, error.code, error.request_ids) == (line, line, (line,))
    assert error.message.isprintable()


def test_many_reasons_are_cut_together() -> None:
    """The limit of 500 characters is for all that Zuora said, not for each reason."""
    error = error_of(400, {"reasons": [{"code": "1", "message": "x" * 400}] * 100})
    assert (len(error.reason), error.reason[-1]) == (500, "…")


def test_a_page_full_of_angle_brackets_takes_no_time() -> None:
    """Tags are taken out in one pass; a page made to be slow to read is not."""
    assert reasons_of("<" * 1_000_000) == [(None, "<" * 499 + "…")]


@given(st.integers(100, 599), anything | st.text())
def test_no_body_breaks_the_reading(status: int, body: Any) -> None:
    """Any JSON or text becomes an error on one printable line that UTF-8 can carry."""
    error = error_of(status, body)
    assert error.message.isprintable()
    assert str(error).encode()
    assert len(error.reason) <= 500


@pytest.mark.parametrize(
    ("code", "category"),
    [("50000040", "40"), ("404", None), ("SystemError", None), (None, None), ("500000400", None)],
)
def test_the_category_is_the_end_of_an_eight_digit_code(
    code: str | None, category: str | None
) -> None:
    """Codes outside of Zuora's scheme have none."""
    assert category_of(code) == category


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (302, "", "Redirects are never followed"),
        (404, {"message": "no Route matched with those values"}, "not provisioned"),
        (401, {"message": "no"}, "Check the client id"),
        (400, {"reasons": [{"code": "58730030", "message": "m"}]}, "Order to Revenue is enabled"),
        (429, {}, "run the same command again later"),
        (503, {}, "That usually passes: run the same command again."),
        (
            401,
            {"message": "Failed to get user info"},
            "That usually passes: run the same command again.",
        ),
        (
            200,
            {"reasons": [{"code": "58730061", "message": "m"}]},
            "That usually passes: run the same command again.",
        ),
        (400, {}, ""),
    ],
)
def test_the_hint_says_what_to_do(status: int, body: Any, hint: str) -> None:
    """Each usual cause has its way out; where none is known, nothing is made up."""
    said = error_of(status, body).hint
    assert hint in said if hint else said == ""


@pytest.mark.parametrize(
    "again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"]
)
def test_an_error_can_be_copied(again: Any) -> None:
    """A copy is an error of its own with the same text and marks."""
    error: ZuoraBackfillError = error_of(429, {"message": "m"}, Zuora_Request_Id="R")
    error.outcome_open = True
    second = again(error)
    assert (type(second), str(second), vars(second)) == (type(error), str(error), vars(error))
    assert second is not error
    assert json.dumps(vars(second))
