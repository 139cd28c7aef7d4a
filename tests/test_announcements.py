"""What a reviewer reads before a job starts: what is not known yet, what is only taken over, and which line keeps a job that moves."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.output import Unknown
from pulumi_zuora_backfill.program.arguments.stack_state import Past

from pulumi_zuora_backfill.job.announcements import Announcement, announce_start
from pulumi_zuora_backfill.settings.loading import Settings

from .world import TYPE

JOB = "a" * 32
OTHER = "b" * 32
UNKNOWN = Unknown()
URN = f"urn:pulumi:dev::acme::{TYPE}::charges"
COMPONENT = "urn:pulumi:dev::acme::acme:index:Env$zuora:index:VerifiedBackfill"
SETTINGS = Settings(base_url="https://z", entity_id="conf")
CONSEQUENCES = "it changes revenue fields of existing records and cannot be undone; records created later are not covered."


def told(
    past: dict[str, Any] | None = None, changed: tuple[str, ...] = (), **inputs: Any
) -> Announcement:
    """Announce the start of a job."""
    given = {"type": "RatePlanCharge", "dryRun": False, "identity": {"urn": URN}, **inputs}
    return announce_start(given, Past.from_input(past), SETTINGS, changed)


def live(urn: str, job_id: str = JOB, entity_id: str = "conf") -> dict[str, Any]:
    """Return a live job that state holds."""
    return {"urn": urn, "type": "RatePlanCharge", "jobId": job_id, "entityId": entity_id}


@pytest.mark.parametrize(
    ("unknown", "mark", "place"),
    [
        ({}, "", " (entity conf)"),
        ({"entityId": UNKNOWN}, " (entity_id is not known yet)", ""),
        ({"existingJobId": UNKNOWN}, " (existing_job_id is not known yet)", " (entity conf)"),
        (
            {"dryRun": UNKNOWN, "entityId": UNKNOWN, "orgIds": UNKNOWN},
            " (dry_run and entity_id and org_ids are not known yet)",
            "",
        ),
    ],
)
def test_what_is_not_known_yet_is_named_and_not_guessed(
    unknown: dict[str, Any], mark: str, place: str
) -> None:
    """No configuration stands in for a place that the program will declare, and a start that may be none is marked."""
    assert told(**unknown) == Announcement(
        text=f"Will start a LIVE RatePlanCharge backfill{mark} at https://z{place}: {CONSEQUENCES}",
        warning=True,
    )


def test_a_take_over_that_replaces_is_no_other_live_run() -> None:
    """Another existing_job_id starts nothing, so the line does not speak of another run."""
    predecessor = {"jobId": JOB, "status": "COMPLETED", "dryRun": False}
    assert told(
        {"predecessor": predecessor}, ("existingJobId",), existingJobId=OTHER
    ) == Announcement(
        text=f"Will take over job {OTHER} at https://z (entity conf); no job is started. It replaces live job {JOB} (last known: COMPLETED; it is done; "
        "changed: existing_job_id).",
        warning=True,
    )


@pytest.mark.parametrize(
    ("urn", "other", "line"),
    [
        (
            URN,
            f"{COMPONENT}${TYPE}::old",
            f': give it  opts=pulumi.ResourceOptions(aliases=["{COMPONENT}${TYPE}::old"])  or  existing_job_id="{JOB}".',
        ),
        (
            f"{COMPONENT}${TYPE}::charges",
            URN,
            f', unless the VerifiedBackfill has  existing_job_id="{JOB}".',
        ),
        (
            f"{COMPONENT}${TYPE}::charges-dry-run",
            f"{COMPONENT}${TYPE}::old",
            f', unless the VerifiedBackfill has  opts=pulumi.ResourceOptions(aliases=["{COMPONENT}::old"])  or  existing_job_id="{JOB}".',
        ),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_the_line_that_keeps_a_job_that_moves_fits_where_it_is_pasted(
    urn: str, other: str, line: str, dry_run: bool
) -> None:
    """A job takes the other job's URN, a component that of another component, which hands it down; a dry run outside of a component keeps nothing."""
    start = told({"others": [live(other)]}, identity={"urn": urn}, dryRun=dry_run)
    expected = not dry_run or urn != URN
    assert (start.text.endswith(f"it would run AGAIN{line}"), start.warning) == (expected, expected)


def test_only_other_live_jobs_of_this_type_and_place_are_named_each_once() -> None:
    """A job that state and a dry run both tell of is one job; the own live job, another type and another entity are none."""
    component = f"{COMPONENT}${TYPE}"
    others = [
        live(f"{component}::charges"),
        live(f"{component}::eu", "e" * 32, "eu"),
        {**live(f"{component}::lines", "f" * 32), "type": "OrderLineItem"},
        live(f"{component}::one", "c" * 32),
        live(f"{component}::two", "d" * 32),
        live(f"{component}::one", "c" * 32),
        "garbage",
        {"urn": "no more"},
    ]
    start = told({"others": others}, identity={"urn": f"{component}::charges-dry-run"}, dryRun=True)
    assert (
        f'live jobs of this type under other names: {"c" * 32} ("one"), {"d" * 32} ("two"). If this is the same'
        in start.text
    )


@pytest.mark.parametrize(
    ("unknown", "named"), [({}, []), ({"entityId": UNKNOWN}, ["a", "b"]), ({"orgIds": UNKNOWN}, [])]
)
def test_a_job_anywhere_is_named_where_the_place_is_not_known_yet(
    unknown: dict[str, Any], named: list[str]
) -> None:
    """The new one may come to run there."""
    others = [live(f"{URN}-{entity}", entity * 32, entity) for entity in ("a", "b")]
    text = told({"others": others}, **unknown).text
    assert [entity for entity in ("a", "b") if f'{entity * 32} ("' in text] == named
