"""The rules of the policy pack, without Pulumi: which job they refuse, and what they say."""

from __future__ import annotations

from typing import Any

import backfill_rules as rules
import pytest
from backfill_rules import UNKNOWN, Job
from hypothesis import given
from hypothesis import strategies as st
from steady_values import unsteady

from pulumi_zuora_backfill.properties import TYPE_TOKEN

DRY_RUN = "3f4a4bea7673e5c655f89156563ae2df"
LIVE = "ead81f43b884bff4b7cc1d280b8360d6"
APPROVED = {"approval": DRY_RUN, "dryRun": DRY_RUN}
TENANT = {"zuora:tenantId": "10042", "zuora:baseUrl": "https://rest.zuora.com"}


def job(name: str = "charges", settings: dict[str, Any] | None = None, **inputs: Any) -> Job:
    """Return a live job that breaks no rule, but for the inputs that are given."""
    fine = {
        "type": "RatePlanCharge",
        "dryRun": False,
        "guard": "once",
        "onDelete": "leave",
        "reason": "REV-1432",
        "verified": APPROVED,
    }
    given = {name: value for name, value in {**fine, **inputs}.items() if value is not None}
    return Job(f"urn:pulumi:dev::acme::{TYPE_TOKEN}::{name}", given, settings or TENANT)


def dry_run(**inputs: Any) -> Job:
    """Return a dry run, as its provider fills it in."""
    return job(dryRun=True, guard="none", onDelete="stop", reason=None, verified=None, **inputs)


RULES = {
    "reason": rules.needs_reason,
    "guard": rules.needs_guard,
    "approval": rules.needs_approval,
    "tenant": lambda job: rules.not_in_live_tenant(job, ["99999"], ["https://rest.eu.zuora.com"]),
    "on_delete": rules.is_not_stopped,
    "triggers": rules.has_steady_triggers,
    "max": lambda job: rules.at_most([job]),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_job_that_breaks_no_rule_passes_each(rule: Any) -> None:
    """An approved live job passes, and so does a dry run, which may have no reason and no guard."""
    assert rule(job()) is None
    assert rule(dry_run(triggers={"catalogue": "2026-03"})) is None


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (rules.needs_reason, "reason"),
        (rules.needs_guard, "guard"),
        (rules.needs_approval, "verified"),
        (rules.is_not_stopped, "onDelete"),
        (rules.has_steady_triggers, "triggers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_known_is_refused(rule: Any, name: str) -> None:
    """A value that a preview does not know never passes; the text names it and the ways on."""
    argument = {"verified": "approval", "onDelete": "on_delete"}.get(name, name)
    assert rule(job(**{name: UNKNOWN})) == (
        f"{argument} is not known in this preview, so nobody can review it. Give it a plain value, "
        "or deploy what supplies it first."
    )


@pytest.mark.parametrize("value", [UNKNOWN, None, "true"], ids=str)
def test_a_job_counts_as_live_unless_it_is_known_to_run_dry(value: Any) -> None:
    """An unknown, a missing or a misspelt `dry_run` is no dry run."""
    assert job(dryRun=value, reason=None).live
    assert rules.needs_reason(job(dryRun=value, reason=None)) is not None
    assert not job(dryRun=True).live


@pytest.mark.parametrize("name", ["jobId", "existingJobId"])
def test_a_job_that_is_there_already_starts_nothing(name: str) -> None:
    """Rules about starts leave it alone; an id that is not known yet proves nothing."""
    there = job(verified=None, triggers=UNKNOWN, **{name: LIVE})
    assert rules.needs_approval(there) is None
    assert rules.not_in_live_tenant(there, ["10042"]) is None
    assert rules.has_steady_triggers(there) is None
    assert rules.at_most([there], 0) is None

    assert rules.needs_approval(job(verified=None, **{name: UNKNOWN})) is not None
    assert rules.at_most([job(**{name: UNKNOWN})], 0) is not None


@pytest.mark.parametrize("reason", [None, "", " \n"])
def test_a_live_job_says_why(reason: str | None) -> None:
    """A blank reason is none."""
    assert rules.needs_reason(job(reason=reason)) == (
        'Say who asked for it, such as reason="REV-1432".'
    )


def test_a_reason_can_be_asked_to_name_a_ticket() -> None:
    """
    The pattern may stand anywhere in the reason; a pattern that is none is a text, no traceback.
    """
    assert rules.needs_reason(job(reason="for REV-1432"), r"REV-\d+") is None
    assert rules.needs_reason(job(reason="hush hush"), r"REV-\d+") == (
        "Its reason does not contain 'REV-\\\\d+'. Name the ticket."
    )
    assert rules.needs_reason(job(), "(") == (
        "Repair the pattern of this rule: '(' is no regular expression."
    )


def test_a_live_job_looks_for_earlier_ones() -> None:
    """`guard="none"` is refused, and so is a guard that did not arrive."""
    assert rules.needs_guard(job(guard="none")) == (
        'guard="none" does not look for earlier jobs. Remove it, and accept an earlier job with '
        "known_job_ids."
    )
    assert rules.needs_guard(job(guard=None)) is not None


@pytest.mark.parametrize(
    ("verified", "text"),
    [
        (None, "Declare it with VerifiedBackfill"),
        ({"approval": "auto", "dryRun": DRY_RUN}, "Put the job id of the dry run into approval"),
        ({"approval": "wait", "dryRun": DRY_RUN}, "Put the job id of the dry run into approval"),
        ({"dryRun": DRY_RUN}, "Put the job id of the dry run into approval"),
        ({"approval": UNKNOWN, "dryRun": DRY_RUN}, "approval is not known in this preview"),
        ({"approval": DRY_RUN, "dryRun": UNKNOWN}, "Its dry run starts, or changes, in the same"),
        ({"approval": DRY_RUN}, "Its dry run starts, or changes, in the same"),
        ({"approval": LIVE, "dryRun": DRY_RUN}, "The approval names another job than its dry run."),
    ],
)
def test_a_live_job_is_approved_by_the_id_of_its_dry_run(verified: Any, text: str) -> None:
    """Neither a plain job, nor a word, nor another id, nor a dry run that is still to come."""
    said = rules.needs_approval(job(verified=verified))
    assert said is not None and said.startswith(text)


def test_no_live_job_starts_in_a_live_tenant() -> None:
    """
    The tenant and the address are compared with the stack's configuration, however it is spelt.
    """
    live = "Remove the job from the program, or name the job that is there with existing_job_id."
    assert rules.not_in_live_tenant(job(), ["10042"]) == f"This tenant is live. {live}"
    assert rules.not_in_live_tenant(job(), [" 10042 "]) == f"This tenant is live. {live}"
    for url in ("https://rest.zuora.com", "HTTPS://REST.zuora.com/", "https://rest.zuora.com:443"):
        assert rules.not_in_live_tenant(job(), [], [url]) == f"This address is live. {live}"
    assert rules.not_in_live_tenant(job(), ["1", "2"], ["https://rest.eu.zuora.com"]) is None
    assert rules.not_in_live_tenant(dry_run(), ["10042"]) is None


def test_a_tenant_that_cannot_be_told_is_refused() -> None:
    """
    The list must be given, and the stack must say which tenant it is; an empty list asks nothing.
    """
    assert rules.not_in_live_tenant(job()) == (
        "List the tenants that are live in the configuration of this rule; [] if none is."
    )
    nameless = job(settings={"zuora:other": "x"})
    assert rules.not_in_live_tenant(nameless, []) is None
    assert rules.not_in_live_tenant(nameless, ["10042"]) == (
        "Set zuora:tenantId in the stack's configuration: a policy does not see the environment, "
        "so it cannot tell which tenant this is."
    )
    assert "zuora:baseUrl" in str(rules.not_in_live_tenant(nameless, None, ["https://x.test"]))
    unknown = job(settings={"zuora:tenantId": UNKNOWN})
    assert "zuora:tenantId" in str(rules.not_in_live_tenant(unknown, ["10042"]))


def test_a_live_job_is_not_stopped_by_a_destroy() -> None:
    """`on_delete="stop"` asks for an exception, also for a job that was taken over."""
    text = rules.is_not_stopped(job(onDelete="stop", existingJobId=LIVE))
    assert text is not None and text.startswith(
        'on_delete="stop" leaves half of the records changed'
    )


def test_an_exception_names_a_resource() -> None:
    """By its name or its whole URN, and nothing like it."""
    assert rules.is_excepted(job("charges"), ["charges"])
    assert rules.is_excepted(job("charges"), [job("charges").urn])
    assert not rules.is_excepted(job("charges"), ["charge", "Charges", ""])


def test_few_live_jobs_start_in_one_update() -> None:
    """Live jobs that may start are counted, and named in order; the others are not counted."""
    there = [dry_run(), job("old", jobId=LIVE), job("adopted", existingJobId=LIVE)]
    assert rules.at_most([job("b"), *there]) is None
    assert rules.at_most([job("b"), job("a"), *there]) == (
        "2 live jobs may start in this update: a, b. The limit is 1. A job that only changes "
        "counts, too; name one that is there with existing_job_id."
    )
    assert rules.at_most([job("b"), job("a")], 2.0) is None


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("9f1c6a3e-5b0d-4c7a-9e55-2f6f4a1f3b77", "a UUID"),
        ("run-018F3A7C-9B2D-7C11-8A52-1D2E3F4A5B6C", "a UUID"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "a ULID"),
        ("2026-11-26T10:00:00Z", "a time of day"),
        ("2026-11-26 10:00", "a time of day"),
        ("Thu Nov 26 10:00:00 2026", "a time of day"),
        ("20261126T100000", "a time of day"),
        ("build 20261126100000", "a time of day"),
        (1_795_687_200, "a number of seconds since 1970"),
        (1_795_687_200.25, "a number of seconds since 1970"),
        ("1795687200123", "a number of seconds since 1970"),
        ("1795687200.123", "a number of seconds since 1970"),
        ("1795687200123456789", "a number of seconds since 1970"),
        (0.8444218515250481, "a random number"),
        ("0.8444218515250481", "a random number"),
    ],
)
def test_a_value_that_looks_new_in_each_run_is_found(value: Any, what: str) -> None:
    """Wherever it stands in `triggers`, also as a key; the text does not repeat it."""
    assert unsteady(value) == what
    for triggers in (value, [value], {"run": [{"id": value}]}, {str(value): 1}):
        text = rules.has_steady_triggers(job(triggers=triggers))
        assert text is not None and text.startswith(
            f"triggers contains {what}. A value that is new"
        )
        assert str(value) not in text


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "2026-03",
        "2026-11-26",  # today's date looks like one that somebody has written
        20261126,
        1.25,
        42,
        "REV-1432",
        LIVE,
        "d190c505f0b3c4d0a1b2c3d4e5f60718293a4b5c",  # a commit, or a digest of random bytes
        "886313e1-3b8a-5372-9b90-0c9aee199e5d",  # version 5: made from a name
        "3.12.1",
        ["a", {"b": 2}],
    ],
)
def test_a_value_that_somebody_may_have_written_passes(value: Any) -> None:
    """A policy sees the shape only, so it does not guess about what has none."""
    assert rules.has_steady_triggers(job(triggers=value)) is None


def test_an_unknown_part_of_the_triggers_is_refused() -> None:
    """Also beside a value that looks random."""
    for triggers in ({"run": [UNKNOWN]}, [0.8444218515250481, UNKNOWN]):
        text = rules.has_steady_triggers(job(triggers=triggers))
        assert text is not None and text.startswith("triggers is not known in this preview")


@given(st.uuids(version=4), st.datetimes())
def test_what_python_calls_random_and_now_is_found(uuid: Any, now: Any) -> None:
    """Every random UUID and every moment, as `str()` and `isoformat()` write them."""
    assert unsteady(str(uuid)) == "a UUID"
    assert {unsteady(str(now)), unsteady(now.isoformat())} == {"a time of day"}
