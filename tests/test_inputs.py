"""Inputs and changes: validation, one form, and what counts as another job."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.output import Unknown

from pulumi_zuora_backfill.completion.declared import check_completion
from pulumi_zuora_backfill.errors import InputError
from pulumi_zuora_backfill.input_checks import Fault, is_unknown
from pulumi_zuora_backfill.job.differences import Changes, changes_between
from pulumi_zuora_backfill.job.inputs import check_inputs, ensure_job_id, same
from pulumi_zuora_backfill.properties import PYTHON_NAMES
from pulumi_zuora_backfill.settings.loading import Settings

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/zuora:BackfillJob::charges"
JOB = "a" * 32
OTHER = "b" * 32
UNKNOWN = Unknown()


def checked(**news: Any) -> dict[str, Any]:
    """Return checked inputs that have no faults."""
    inputs, faults = check_inputs({"type": "RatePlanCharge", "dryRun": False, **news})
    assert faults == []
    return inputs


def outputs(**values: Any) -> dict[str, Any]:
    """Return outputs as a first deployment leaves them."""
    return {
        **checked(**values),
        "jobId": JOB,
        "baseUrl": "https://z",
        "idempotencyKey": "zbf1-" + "0" * 64,
        "trackId": "zbf1-" + "0" * 32,
    }


def changes(
    olds: dict[str, Any], news: dict[str, Any], *, preview: bool = False, **settings: Any
) -> Changes:
    """Compare, with the inputs checked as the engine does."""
    return changes_between(JOB, olds, checked(**news), Settings(**settings), preview=preview)


def test_defaults_are_made_explicit() -> None:
    """What was not declared stands in the inputs; guard and on_delete follow from dry_run."""
    assert checked() == {
        "batchSize": 1000,
        "dryRun": False,
        "guard": "once",
        "onDelete": "leave",
        "type": "RatePlanCharge",
    }
    assert checked(dryRun=True) == {
        "batchSize": 1000,
        "dryRun": True,
        "guard": "none",
        "onDelete": "stop",
        "type": "RatePlanCharge",
    }


def test_numbers_and_lists_come_in_one_form() -> None:
    """Pulumi carries numbers as floats and lists in any order; both come out alike."""
    inputs = checked(
        batchSize=500.0,
        orgIds=["b", "a", "b"],
        triggers={"n": 1.0, "x": [2.0, 2.5, None], "gone": None},
    )

    assert inputs["batchSize"] == 500
    assert isinstance(inputs["batchSize"], int)
    assert inputs["orgIds"] == ["a", "b"]
    assert inputs["triggers"] == {"n": 1, "x": [2, 2.5, None]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "Charge"),
        ("batchSize", 0),
        ("batchSize", 1001),
        ("batchSize", 1.5),
        ("batchSize", True),
        ("batchSize", float("nan")),
        ("batchSize", "500"),
        ("dryRun", "yes"),
        ("reason", 7),
        ("entityId", "a,b"),
        ("entityId", ""),
        ("entityId", "a\nb"),
        ("orgIds", "a"),
        ("orgIds", [1]),
        ("trackId", "x" * 65),
        ("trackId", "a;b"),
        ("trackId", "ü"),
        ("guard", "never"),
        ("knownJobIds", ["short"]),
        ("onDelete", "kill"),
        ("existingJobId", "../" + "a" * 29),
        ("nonsense", 1),
    ],
)
def test_a_wrong_input_is_one_fault_that_names_it(name: str, value: Any) -> None:
    """The engine is told which input it is, so that it can show where."""
    _, faults = check_inputs({"type": "RatePlanCharge", "dryRun": False, name: value})

    assert [fault.wire_name for fault in faults] == [name]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("batchSize", 5000.0, "batch_size must be a whole number from 1 to 1000, not 5000"),
        ("batchSize", 1.5, "batch_size must be a whole number from 1 to 1000, not 1.5"),
        (
            "batchSize",
            -(2.0**60),
            "batch_size must be a whole number from 1 to 1000, not -1.152921504606847e+18",
        ),
        ("batchSize", float("inf"), "batch_size must be a whole number from 1 to 1000, not inf"),
        ("dryRun", 1.0, "dry_run must be True or False, not 1"),
        ("reason", [7.0, {"n": (1.0, "x")}], "reason must be a string, not [7, {'n': [1, 'x']}]"),
        (
            "knownJobIds",
            [5.0],
            "known_job_ids has a wrong entry: it must be a job id of 32 characters, not 5",
        ),
    ],
)
def test_a_fault_shows_the_value_as_it_was_written(name: str, value: Any, reason: str) -> None:
    """Pulumi carries whole numbers as floats; a user reads the number of the program."""
    assert check_inputs({"type": "RatePlanCharge", "dryRun": False, name: value})[1] == [
        Fault(wire_name=name, reason=reason)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "type",
        "batchSize",
        "dryRun",
        "reason",
        "entityId",
        "orgIds",
        "trackId",
        "guard",
        "knownJobIds",
        "onDelete",
        "existingJobId",
    ],
)
@pytest.mark.parametrize("value", [["hunter2 ü"], "hunter2 ü", {"hunter2 ü": 5}, 77777.5])
def test_a_fault_of_a_secret_shows_nothing_of_it(name: str, value: Any) -> None:
    """The engine prints the value of an input that is named to it, so only our text names it."""
    identity = {"urn": URN, "secrets": [name]}
    news = {"type": "RatePlanCharge", "dryRun": False, name: value, "identity": identity}
    faults = check_inputs(news)[1]

    for fault in faults:
        assert (fault.wire_name, fault.reason.split()[0]) == ("", PYTHON_NAMES[name])
        assert "hunter2" not in fault.reason
        assert "77777" not in fault.reason
    assert len(faults) == (0 if name == "reason" and isinstance(value, str) else 1)


def test_a_completion_without_jobs_says_so() -> None:
    """An empty list is a list of job ids, so the text says what it lacks."""
    assert check_completion({"jobIds": []})[1] == [
        Fault(
            wire_name="jobIds",
            reason="job_ids is empty. If a job of this run failed, look at that error first: this "
            "one only follows from it. If --target left the job out, deploy it first. Otherwise "
            "name at least one job, such as [job.job_id]",
        )
    ]


def test_empty_lists_of_a_job_name_nothing() -> None:
    """No known job, and the organisations of the configuration: an empty list is no fault there."""
    assert checked(knownJobIds=[], orgIds=[]) == {**checked(), "knownJobIds": [], "orgIds": []}


def test_a_wrong_trigger_is_reported_without_its_name() -> None:
    """The engine prints the value of the input that a fault names; triggers may be secret."""
    news = {"type": "RatePlanCharge", "dryRun": False, "triggers": 2**60}
    assert check_inputs(news)[1] == [
        Fault(
            wire_name="",
            reason="triggers must be a JSON value: a whole number of 2^53 or beyond loses digits "
            "on its way through Pulumi; write it as a string",
        )
    ]


def test_a_missing_type_is_a_fault() -> None:
    """Nothing can be started without a type."""
    assert check_inputs({"dryRun": False})[1] == [Fault(wire_name="type", reason="type is missing")]


def null(name: str, what: str = "give it a value, or leave it out") -> Fault:
    """Return the fault of an argument that is declared and has no value."""
    return Fault(
        wire_name="",
        reason=f"{name} is declared but comes out as null (an unset configuration value, or an "
        f"output that does not exist): {what}",
    )


def test_a_dry_run_that_is_not_told_is_not_a_live_run() -> None:
    """An unset configuration value must not mean LIVE; nothing that follows from it is set."""
    inputs, faults = check_inputs({"type": "RatePlanCharge", "dryRun": None})

    assert faults == [null("dry_run", "set True or False")]
    assert inputs == {"batchSize": 1000, "type": "RatePlanCharge"}


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("triggers", "triggers"),
        ("entityId", "entity_id"),
        ("orgIds", "org_ids"),
        ("existingJobId", "existing_job_id"),
    ],
)
@pytest.mark.parametrize("gone", [True, False])
def test_what_decides_a_start_and_comes_out_as_null_is_a_fault(
    wire: str, name: str, gone: bool
) -> None:
    """A misspelt output of a StackReference is null: no default is taken for it."""
    identity = {"urn": URN, "declared": [wire, "type", "dryRun"]}
    news = {"type": "RatePlanCharge", "dryRun": False, "identity": identity}
    faults = check_inputs(news if gone else {**news, wire: None})[1]

    assert faults == [null(name)]
    assert check_inputs({**news, "identity": {"urn": URN, "declared": ["dryRun"]}})[1] == []


@pytest.mark.parametrize("wire", ["reason", "trackId", "knownJobIds", "batchSize", "guard"])
def test_what_decides_nothing_may_be_null(wire: str) -> None:
    """It is the same as not given, as in any Python API."""
    identity = {"urn": URN, "declared": [wire]}
    news = {"type": "RatePlanCharge", "dryRun": False, "identity": identity, wire: None}
    inputs, faults = check_inputs(news)

    assert faults == []
    assert inputs == {**checked(), "identity": identity}


@pytest.mark.parametrize("wire", ["type", "dryRun", "entityId", "existingJobId", "batchSize"])
def test_what_is_not_known_in_an_update_is_a_fault(wire: str) -> None:
    """`--exclude` and `--target` leave out what supplies it; in a preview it is no fault."""
    news = {"type": "RatePlanCharge", "dryRun": False, wire: UNKNOWN}
    name = PYTHON_NAMES[wire]

    assert check_inputs(news, preview=True)[1] == []
    assert check_inputs(news, preview=False)[1] == [
        Fault(
            wire_name="",
            reason=f"{name} is not known in this update: run `pulumi up` without --exclude or "
            "--target of the resource that supplies it",
        )
    ]


def test_all_faults_come_at_once() -> None:
    """One preview tells everything that is to be mended."""
    news = {"type": "Charge", "batchSize": 0, "guard": "strict", "dryRun": None}
    faults = check_inputs(news)[1]

    assert [fault.reason.split()[0] for fault in faults] == [
        "type",
        "batch_size",
        "guard",
        "dry_run",
    ]
    assert [fault.reason for fault in faults if fault.wire_name == "guard"] == [
        'guard must be one of "once", "none", not \'strict\''
    ]


def test_only_an_id_can_be_looked_up() -> None:
    """Anything else is refused before a request is made of it."""
    ensure_job_id(JOB)
    with pytest.raises(InputError) as error:
        ensure_job_id("../jobs\x1b")

    assert str(error.value) == (
        "'../jobs' is not a job id: a job id has 32 characters.\nNothing was sent to Zuora."
    )


def test_what_cannot_be_compared_is_another_value() -> None:
    """State may hold what only an earlier version took."""
    assert same({"a": 1.0, "b": None}, {"a": 1})
    assert not same(2.0**53, 2.0**53)


def test_unknown_values_are_passed_on() -> None:
    """In a preview a value may depend on another resource; what follows from it stays open."""
    inputs = checked(type=UNKNOWN, dryRun=UNKNOWN, triggers={"a": [UNKNOWN]}, batchSize=UNKNOWN)

    assert inputs == {
        "batchSize": UNKNOWN,
        "dryRun": UNKNOWN,
        "triggers": {"a": [UNKNOWN]},
        "type": UNKNOWN,
    }
    assert [is_unknown(value) for value in (inputs["triggers"], {"a": 1}, [1, (2,)])] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("old", "new", "replacing", "state_only"),
    [
        ({}, {}, (), ()),
        ({}, {"batchSize": 1000.0, "dryRun": False, "guard": "once", "onDelete": "leave"}, (), ()),
        (
            {"triggers": {"a": 1, "b": [True]}},
            {"triggers": {"b": [True], "a": 1.0, "c": None}},
            (),
            (),
        ),
        ({"orgIds": ["a", "b"]}, {"orgIds": ["b", "a"]}, (), ()),
        ({"triggers": 1}, {"triggers": True}, ("triggers",), ()),
        ({"triggers": 1}, {}, ("triggers",), ()),
        ({}, {"type": "OrderLineItem"}, ("type",), ()),
        ({"dryRun": True}, {"dryRun": False}, ("dryRun",), ("guard", "onDelete")),
        ({}, {"entityId": "e"}, ("entityId",), ()),
        ({}, {"orgIds": ["o"]}, ("orgIds",), ()),
        (
            {},
            {
                "batchSize": 7,
                "reason": "r",
                "guard": "none",
                "knownJobIds": [OTHER],
                "onDelete": "stop",
                "trackId": "t",
            },
            (),
            None,
        ),
        ({}, {"existingJobId": OTHER}, ("existingJobId",), ()),
        ({}, {"existingJobId": JOB}, (), ("existingJobId",)),
        ({"existingJobId": JOB}, {}, (), ("existingJobId",)),
        ({"trackId": "mine"}, {}, (), ()),
    ],
)
def test_what_is_another_job_and_what_is_not(
    old: dict[str, Any],
    new: dict[str, Any],
    replacing: tuple[str, ...],
    state_only: tuple[str, ...] | None,
) -> None:
    """The table of arguments: what replaces, what state keeps, and what is no change at all."""
    expected = (
        ("batchSize", "guard", "knownJobIds", "onDelete", "reason", "trackId")
        if state_only is None
        else state_only
    )
    found = changes(outputs(**old), new)

    assert found.replacing == replacing
    assert sorted(found.state_only) == sorted(expected)


@pytest.mark.parametrize(
    "name", ["type", "dryRun", "triggers", "entityId", "orgIds", "existingJobId", "batchSize"]
)
@pytest.mark.parametrize("preview", [True, False])
def test_an_unknown_input_replaces_in_a_preview_and_changes_nothing_in_an_update(
    name: str, preview: bool
) -> None:
    """The engine asks with unknowns first; a finished backfill is not run again for that."""
    found = changes(outputs(), {name: UNKNOWN}, preview=preview)

    assert name in (found.state_only if name == "batchSize" else found.replacing) or not preview
    assert found.replacing == () or preview


def test_a_number_that_an_earlier_version_took_is_another_value() -> None:
    """State may hold 2^53 as triggers; a comparison with what is now taken does not fail."""
    assert changes({**outputs(), "triggers": 2.0**53}, {"triggers": str(2**53)}) == Changes(
        replacing=("triggers",), state_only=()
    )


def test_an_entity_that_moves_between_program_and_configuration_is_no_other_job() -> None:
    """What counts is the entity in force, not where it was written down."""
    olds = {**outputs(), "effectiveEntityId": "e"}
    assert changes(olds, {"entityId": "e"}) == Changes(replacing=(), state_only=("entityId",))
    assert changes({**olds, "entityId": "e"}, {}, entity_id="e") == Changes(
        replacing=(), state_only=("entityId",)
    )
    assert changes({**olds, "entityId": "e"}, {}) == Changes(replacing=("entityId",), state_only=())
    assert changes(olds, {}) == Changes(replacing=(), state_only=())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "type",
                "batchSize",
                "dryRun",
                "triggers",
                "orgIds",
                "trackId",
                "guard",
                "existingJobId",
                "x",
            ]
        ),
        JSON,
    )
)
def test_check_never_fails_and_is_stable(news: dict[str, Any]) -> None:
    """Whatever is declared, check answers with faults or with inputs that it returns again."""
    inputs, faults = check_inputs({"dryRun": False, **news})

    assert faults or check_inputs(inputs) == (inputs, [])
