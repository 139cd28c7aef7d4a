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
    urn=URN,
    base_url="https://rest.zuora.com",
    tenant_id="10042",
    entity_id=None,
    org_ids=(),
    type="RatePlanCharge",
    dry_run=False,
)
JOB = "ff8080818bb300af018bb325fe0c58f3"

# intent, after, refusals → key. A key that changes starts every backfill of every user again: the
# lines are never edited.
GOLDEN: list[tuple[dict[str, Any], str | None, tuple[str, ...], str]] = [
    ({}, None, (), "zbf1-5d931f53bf85812de3fc712f1f374b50660d791e7c6a2713371066f16e6934f9"),
    ({}, JOB, (), "zbf1-fc74510e3eff1c6232d18ff2dd5ce206cc4740a2de4f9abd3caa122b2f796ddc"),
    ({}, None, ("r-1",), "zbf1-a9c221c8a0664a11e5e85f75a6460618b344f88250aede1cf74931a729a4a161"),
    (
        {},
        None,
        ("r-1", "r-2"),
        "zbf1-ee279cc759e44d45ae38972596561a330ef917535428f8c371cc3b9b96c1b890",
    ),
    (
        {},
        None,
        ("r-2", "r-1"),
        "zbf1-f1b00cf1f7e37bfcb12d3a1893b3f36944419c59c69d09e707b4a776a04d7e8e",
    ),
    ({}, JOB, ("r-1",), "zbf1-565ad573457b8e1c6bcf966d5e7ec4484ef4ab791fe8f552c0d172dc9203bf9b"),
    (
        {"tenant_id": "10043"},
        None,
        (),
        "zbf1-246e9ea41736faa52576e711d0d5703aeb6dfb01475a2f485e4aa1d1b1fd54b2",
    ),
    (
        {"urn": f"{URN}-2"},
        None,
        (),
        "zbf1-aa99c376eb18a14dcb8261de444cf5e7497bb7d8b4a42fbeda89fabb7b784f49",
    ),
    (
        {"base_url": "https://rest.test.zuora.com"},
        None,
        (),
        "zbf1-fece2f833c77ba674804a4c5a5fa246593d0990ae5aa03f66680fd38df4d2f25",
    ),
    (
        {"entity_id": "e1"},
        None,
        (),
        "zbf1-1d2f91ca23257b6090a66ca3ce97fdc6f5b1f63d36b8955648e07b3c0ef3ea9a",
    ),
    (
        {"org_ids": ("a", "b")},
        None,
        (),
        "zbf1-6c708b6dbe70ec35a85044485658ab1fd1b9e9c87a780ba8e7fea5c197f0e001",
    ),
    (
        {"type": "OrderLineItem"},
        None,
        (),
        "zbf1-bdaa2cdfcea7ab86f4ba76eaf7713d503f4b87432cf9ff0cd5d6e213c437c479",
    ),
    (
        {"dry_run": True},
        None,
        (),
        "zbf1-7ed9b490ddcc268cdb72d5e9a746e3eabc5b72c112fd146cbce0fb6957fba0ec",
    ),
    (
        {"triggers": "2"},
        None,
        (),
        "zbf1-6449a98da31d5b24710851755464ddad8d2c644fcc9d5f58a15ae1729f4046ca",
    ),
    (
        {"triggers": 2},
        None,
        (),
        "zbf1-4b98b9d8515a16d4e17c95630b1f7c93d81829e528dde795dd67e8be0fd3fb91",
    ),
    (
        {"triggers": {"release": "é", "n": [1.5, None, True]}},
        None,
        (),
        "zbf1-fc6d1fcf3f811652f045b2d794c4981506dab252368453f8f1c0c9275cdc0674",
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


@pytest.mark.parametrize(("changes", "after", "refusals", "key"), GOLDEN)
def test_the_golden_keys(
    changes: dict[str, Any], after: str | None, refusals: tuple[str, ...], key: str
) -> None:
    """The key of an intent is the same in every version."""
    assert key_for(replace(INTENT, **changes), after, refusals) == key


def test_the_golden_keys_are_all_different() -> None:
    """Every part of an intent, the job before it, the refusals and their order count."""
    assert len({key for *_, key in GOLDEN}) == len(GOLDEN)


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_a_key_is_the_same_in_another_process(seed: str) -> None:
    """The hash seed of the process changes nothing."""
    code = (
        "from pulumi_zuora_backfill.contract.intent import Intent, key_for;"
        f"print(key_for(Intent(urn={URN!r}, base_url='https://rest.zuora.com', tenant_id='10042',"
        "entity_id=None, org_ids=('b', 'a'), type='RatePlanCharge', dry_run=False,"
        "triggers={'b': [1.0, None], 'a': {'y': 1, 'x': True}}), refusals=['r-1']))"
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
    assert done.stdout.strip() == key_for(intent, refusals=("r-1",))


def test_a_key_without_refusals_is_the_intent_s_first_key() -> None:
    """No refusals, in whatever sequence they come, are none; a list of them is a tuple of them."""
    assert key_for(INTENT, refusals=[]) == key_for(INTENT)
    assert key_for(INTENT, JOB, ["r-1"]) == key_for(INTENT, JOB, ("r-1",))


@given(json_values)
def test_every_key_fits_zuora(triggers: Any) -> None:
    """A key is 69 plain characters; its track id has at most 64, none of the forbidden ones."""
    key = key_for(replace(INTENT, triggers=triggers), JOB, ("r-1", "r-2"))
    assert re.fullmatch(r"zbf1-[0-9a-f]{64}", key)
    assert re.fullmatch(r"zbf1-[0-9a-f]{32}", track_id_for(key))


@given(json_values)
def test_the_canonical_form_is_stable(value: Any) -> None:
    """It is plain ASCII, and the canonical form of it, or of what JSON makes of it, is itself."""
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
    """A value whose form could differ between two machines makes no key; the text says why."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole text is compared
        key_for(replace(INTENT, triggers={"deep": [value]}))
    assert str(error.value) == reason
