"""One intent, one key: what makes two requests the same request, for ever and everywhere."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_zuora_backfill.contract.intent import (
    Intent,
    canonical,
    canonical_json,
    is_derived,
    key_for,
    track_id_for,
)
from pulumi_zuora_backfill.zuora.models import BackfillType

URN = "urn:pulumi:dev::acme::pulumi-python:dynamic/zuora:BackfillJob::charges"
INTENT = Intent(
    organization="acme",
    urn=URN,
    base_url="https://rest.zuora.com",
    entity_id=None,
    org_ids=(),
    type="RatePlanCharge",
    dry_run=False,
)
JOB = "ff8080818bb300af018bb325fe0c58f3"

# intent, after, nonce → key. A key that changes starts every backfill of every user again: these lines are never edited.
GOLDEN: list[tuple[dict[str, Any], str | None, str | None, str]] = [
    ({}, None, None, "zbf1-d21cccbb27a4accdf14d8285d8bec2da57d41a636152d88cf635bd50454c99da"),
    ({}, JOB, None, "zbf1-6e474ef66e328ab135437574c605205658bd61e056284fb36f36436d5b9b3855"),
    ({}, None, "n", "zbf1-f75808af76977f996c1044384c66dde9afdcb6afff8fe1e52ff850346d3708b9"),
    ({}, JOB, "n", "zbf1-8691a3d603e5dc159f7e70f54bd4f00cff564126afbc7d4e88d806b5b0f65d9c"),
    (
        {"organization": "other"},
        None,
        None,
        "zbf1-d93a60e3564b30a7e178a6fe6aa164fbcd146c7d7c13dde14185408503bece81",
    ),
    (
        {"urn": f"{URN}-2"},
        None,
        None,
        "zbf1-85a3530f11f5719871668e1ef515cd5370df36f515f40ad4b816ab0bdadff4c1",
    ),
    (
        {"base_url": "https://rest.test.zuora.com"},
        None,
        None,
        "zbf1-19315dbbd504cb7f099aeb4ce8b27fbef09c21778fc947bce262325dfcb67551",
    ),
    (
        {"entity_id": "e1"},
        None,
        None,
        "zbf1-feefddbfc2e1acd2c1de6e277a5e8f880bc575b14cf309a4c4fc5d2e2faf053e",
    ),
    (
        {"org_ids": ("a", "b")},
        None,
        None,
        "zbf1-10d536c3197bbdede1b21b93ec9d8893dc752a09a5bc03fd7ecc5ade6041e1a8",
    ),
    (
        {"type": "OrderLineItem"},
        None,
        None,
        "zbf1-70dca76b1d95fcb40384525cf3c0400f5c36a50b99a2d47b084b79e3b4ee66f8",
    ),
    (
        {"dry_run": True},
        None,
        None,
        "zbf1-5275cfb722e4402c60092356dd8387d4bfcbdee48ec87ac4572bc413f4b82da2",
    ),
    (
        {"triggers": "2"},
        None,
        None,
        "zbf1-f60a25aa34a1e3f79fda1ca1fb778cdf4b1dbd5657129c1c571a7dc2c2689570",
    ),
    (
        {"triggers": 2},
        None,
        None,
        "zbf1-90e1458513d22ca1e1bd09373de7826b0e49641d29bdfbdea64ac0de8a210c31",
    ),
    (
        {"triggers": {"release": "é", "n": [1.5, None, True]}},
        None,
        None,
        "zbf1-262b98ae0d46289ad0a3c1e10498149d676ea690315133bb739a073d13f5b5b4",
    ),
]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2.0**53) + 1, 2.0**53 - 1, allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(("changes", "after", "nonce", "key"), GOLDEN)
def test_the_golden_keys(
    changes: dict[str, Any], after: str | None, nonce: str | None, key: str
) -> None:
    """The key of an intent is the same in every version."""
    assert key_for(replace(INTENT, **changes), after, nonce) == key


def test_the_golden_keys_are_all_different() -> None:
    """Every part of an intent, the job before it and the nonce count."""
    assert len({key for *_, key in GOLDEN}) == len(GOLDEN)


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_a_key_is_the_same_in_another_process(seed: str) -> None:
    """The hash seed of the process changes nothing."""
    code = (
        "from pulumi_zuora_backfill.contract.intent import Intent, key_for;"
        f"print(key_for(Intent(organization='acme', urn={URN!r}, base_url='https://rest.zuora.com', entity_id=None,"
        "org_ids=('b', 'a'), type='RatePlanCharge', dry_run=False, triggers={'b': [1.0, None], 'a': {'y': 1, 'x': True}})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        text=True,
    )
    intent = replace(
        INTENT, org_ids=("a", "b"), triggers={"a": {"x": True, "y": 1}, "b": [1, None]}
    )
    assert done.stdout.strip() == key_for(intent)


@given(json_values)
def test_every_key_fits_zuora(triggers: Any) -> None:
    """A key is a text of 69 plain characters; the track id made of it is within Zuora's 64 and without its four forbidden ones."""
    key = key_for(replace(INTENT, triggers=triggers), after=JOB)
    assert re.fullmatch(r"zbf1-[0-9a-f]{64}", key)
    assert re.fullmatch(r"zbf1-[0-9a-f]{32}", track_id_for(key))


@given(json_values)
def test_the_canonical_form_is_stable(value: Any) -> None:
    """It is plain ASCII, and bringing it, or what JSON makes of it, into canonical form again changes nothing."""
    text = canonical_json(value)
    assert text.isascii()
    assert canonical_json(canonical(value)) == canonical_json(json.loads(text)) == text


def test_a_track_id_that_was_made_of_a_key_is_told_from_a_user_s() -> None:
    """Only the former goes unsaid: taking a declared one away is a change."""
    track_id = track_id_for(key_for(INTENT))
    others = [
        None,
        5.0,
        "mine",
        track_id + "0",
        track_id[:-1],
        f"x{track_id}",
        track_id.replace("zbf1-", "zbf2-"),
    ]

    assert is_derived(track_id)
    assert [other for other in others if is_derived(other)] == []


@given(st.dictionaries(st.text(max_size=4), json_values, max_size=6), st.randoms())
def test_the_order_of_members_does_not_count(value: dict[str, Any], chance: Any) -> None:
    """An object is the same object however it was put together."""
    items = list(value.items())
    chance.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(value)


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_a_whole_float_is_the_integer(number: int) -> None:
    """Pulumi carries every number as a float; that makes it no other number."""
    assert canonical_json([float(number)]) == canonical_json([number])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        (False, 0),
        ("1", 1),
        ([], None),
        ({}, None),
        ([None], []),
        ([1, 2], [2, 1]),
        ("é", "e\u0301"),
        (0.5, 1),
    ],
)
def test_different_values_have_different_forms(one: Any, other: Any) -> None:
    """True is not 1, a text is no number, a null in a list and the order of a list count."""
    assert canonical_json([one]) != canonical_json([other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": None, "b": {"c": None}}, {"b": {}}),
        (-0.0, 0),
        ((1, 2), [1.0, 2.0]),
        (BackfillType.ORDER_LINE_ITEM, "OrderLineItem"),
    ],
)
def test_equal_values_have_one_form(one: Any, other: Any) -> None:
    """Nulls in objects are dropped, tuples are lists, an enum member is its text."""
    assert canonical_json(one) == canonical_json(other)


TOO_BIG = (
    "a whole number of 2^53 or beyond loses digits on its way through Pulumi; write it as a string"
)


@pytest.mark.parametrize("number", [2**53 - 1, 2.0**53 - 1, -(2**53) + 1])
def test_the_largest_numbers_that_no_other_number_becomes(number: float) -> None:
    """Below 2^53 every whole number is a float of its own, so that no two intents share a key."""
    assert canonical_json([number]) == f"[{int(number)}]"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, "a number that is not finite is not a JSON number"),
        (math.inf, "a number that is not finite is not a JSON number"),
        (2**53, TOO_BIG),
        (-(2**53), TOO_BIG),
        (2**53 + 1, TOO_BIG),
        (float(2**53 + 1), TOO_BIG),
        (-(2.0**53), TOO_BIG),
        (2.0**54, TOO_BIG),
        ({1: "a"}, "object keys must be strings"),
        ({"a", "b"}, "set is not a JSON value"),
        (b"a", "bytes is not a JSON value"),
    ],
)
def test_what_json_cannot_carry_is_refused(value: Any, reason: str) -> None:
    """A value whose form could differ between two machines makes no key, however deep it stands; the text says why."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole text is compared
        key_for(replace(INTENT, triggers={"deep": [value]}))
    assert str(error.value) == reason
