"""What a reviewer reads before a job starts: the whole text, the news first."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pulumi.output import Unknown

from pulumi_zuora_backfill.contract.attempt import Attempt
from pulumi_zuora_backfill.job.announcements import (
    Announcement,
    Replaced,
    announce_continuation,
    announce_start,
)
from pulumi_zuora_backfill.settings.loading import Settings

JOB = "a" * 32
OTHER = "b" * 32
UNKNOWN = Unknown()
SETTINGS = Settings(base_url="https://z", tenant_id="10042")
AT = "in tenant 10042 at https://z"
CONSEQUENCES = (
    "It changes revenue fields of existing records and cannot be undone. Records created later are "
    "not covered."
)
DISAGREE = "Zuora Billing and Zuora Revenue may disagree afterwards."


def told(
    replaced: Replaced | None = None, settings: Settings = SETTINGS, **inputs: Any
) -> Announcement:
    """Announce the start of a job."""
    given = {"type": "RatePlanCharge", "dryRun": False, **inputs}
    return announce_start("charges", given, settings, replaced)


def before(*changed: str, kept_by: str | None = None, **outputs: Any) -> Replaced:
    """Return a job that is replaced."""
    given = {"jobId": JOB, "status": "COMPLETED", "dryRun": False, **outputs}
    return Replaced(outputs=given, changed=changed, kept_by=kept_by)


def warning(*lines: str) -> Announcement:
    """Return a text that warns."""
    return Announcement(text="\n".join(lines), warning=True)


def information(*lines: str) -> Announcement:
    """Return a text that only tells."""
    return Announcement(text="\n".join(lines), warning=False)


# Live


def test_what_the_program_accepts_or_switches_off_is_said() -> None:
    """Jobs that a person accepts mean another live run, which is the news.

    No guard means that nobody looks.
    """
    live = f"LIVE RatePlanCharge backfill {AT}."
    assert told(knownJobIds=[JOB, OTHER]) == warning(
        f"ANOTHER LIVE RUN may follow: known_job_ids accepts earlier backfills: {JOB}, {OTHER}.",
        live,
        CONSEQUENCES,
    )
    unguarded = 'guard="none": earlier backfills of this tenant are NOT looked for.'
    assert told(knownJobIds=[JOB], guard="none") == warning(live, unguarded, CONSEQUENCES)
    assert told(knownJobIds=[]) == told(knownJobIds=UNKNOWN) == told()


def test_a_first_live_run_says_so_with_tenant_address_and_reason() -> None:
    """Type, tenant, address and reason stand in the first line, the consequences in the second."""
    assert told(reason="REV-1432") == warning(
        f"LIVE RatePlanCharge backfill {AT}. Reason: REV-1432.", CONSEQUENCES
    )


def test_entity_and_organisations_stand_in_the_first_line() -> None:
    """Whether they are declared or come from configuration."""
    settings = Settings(base_url="https://z", tenant_id="10042", entity_id="conf", org_ids=("o",))
    where = "in tenant 10042, entity {}, organisations {} at https://z."

    assert told(settings=settings).text.splitlines()[0] == (
        f"LIVE RatePlanCharge backfill {where.format('conf', 'o')}"
    )
    declared = told(settings=settings, entityId="e", orgIds=["a", "b"])
    assert declared.text.splitlines()[0] == (
        f"LIVE RatePlanCharge backfill {where.format('e', 'a, b')}"
    )


def test_what_no_setting_tells_is_not_made_up() -> None:
    """A preview needs no settings."""
    assert told(settings=Settings()).text.splitlines()[0] == (
        "LIVE RatePlanCharge backfill in the credentials' tenant at (set ZUORA_BASE_URL or "
        "zuora:baseUrl)."
    )


@pytest.mark.parametrize(
    ("unknown", "mark", "where"),
    [
        ({"entityId": UNKNOWN}, " (entity_id is not known yet)", "tenant 10042"),
        (
            {"existingJobId": UNKNOWN},
            " (existing_job_id is not known yet)",
            "tenant 10042, entity conf",
        ),
        (
            {"dryRun": UNKNOWN, "entityId": UNKNOWN, "orgIds": UNKNOWN},
            " (dry_run and entity_id and org_ids are not known yet)",
            "tenant 10042",
        ),
    ],
)
def test_what_is_not_known_yet_is_named_and_not_guessed(
    unknown: dict[str, Any], mark: str, where: str
) -> None:
    """No configuration stands in for an entity that the program will declare."""
    settings = Settings(base_url="https://z", tenant_id="10042", entity_id="conf")

    assert told(settings=settings, **unknown) == warning(
        f"LIVE RatePlanCharge backfill{mark} in {where} at https://z.", CONSEQUENCES
    )


def test_a_type_that_is_not_known_yet_is_said_to_be() -> None:
    """The sentence stays whole."""
    assert told(type=UNKNOWN).text.splitlines()[0] == (f"LIVE (type not known yet) backfill {AT}.")


def test_a_secret_reason_is_not_shown_and_a_hostile_one_is_cleaned() -> None:
    """The text stands in a pull request and in a terminal."""
    identity = {"urn": "u", "secrets": ["reason"]}

    assert "hunter2" not in told(reason="hunter2", identity=identity).text
    assert told(reason="REV\x1b[31m-1\u202e").text.splitlines()[0].isprintable()


# Another live run


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (("triggers",), "triggers changed"),
        (("entityId", "triggers"), "entity_id, triggers changed"),
        ((), "asked for by --replace, taint or a trigger, or left by a replacement that failed"),
    ],
)
def test_another_live_run_of_a_resource_says_so_first(changed: tuple[str, ...], why: str) -> None:
    """
    Then what it is, and last what becomes of the job before.

    If no change of the program asks for it, also how that job is kept.
    """
    keep = [] if changed else [f'To keep that job and start none, add  existing_job_id="{JOB}"']
    assert told(before(*changed)) == warning(
        f"SECOND LIVE RUN of 'charges' ({why}): {DISAGREE}",
        f"LIVE RatePlanCharge backfill {AT}.",
        CONSEQUENCES,
        f"The job before, {JOB}, is COMPLETED and stays as it is.",
        *keep,
    )


@pytest.mark.parametrize(
    ("replaced", "fate"),
    [
        (
            before(status="PROCESSING", onDelete="stop"),
            f"The job before, {JOB} (last seen PROCESSING), is stopped if it still runs.",
        ),
        (
            before(status="PROCESSING", onDelete="leave"),
            f"The job before, {JOB} (last seen PROCESSING), must have ended: while it runs, "
            "`pulumi up` refuses.",
        ),
        (
            before(status="PROCESSING", onDelete="stop", kept_by="kept"),
            f"The job before, {JOB}, goes on: 'kept' holds it.",
        ),
        (
            before(status="FAILED", kept_by="kept"),
            f"The job before, {JOB}, is FAILED and stays as it is.",
        ),
        (
            before(jobId=None),
            "An earlier attempt may have started a job: `pulumi up` asks Zuora first.",
        ),
        (
            Replaced(outputs={"jobId": JOB, "onDelete": "leave"}),
            f"The job before, {JOB} (last seen UNKNOWN), must have ended: while it runs, `pulumi "
            "up` refuses.",
        ),
    ],
)
def test_what_becomes_of_the_job_before_is_said(replaced: Replaced, fate: str) -> None:
    """Stopped, waited for, left alone, done, or nobody knows."""
    assert told(replaced).text.splitlines()[3] == fate


def test_what_the_program_declares_as_a_secret_is_not_shown() -> None:
    """An entity, an organisation or an accepted job may be one."""
    inputs: dict[str, Any] = {"entityId": "e-1", "orgIds": ["o-1"], "knownJobIds": [OTHER]}
    text = told(**inputs, identity={"secrets": list(inputs)}).text

    assert text.splitlines()[:2] == [
        "ANOTHER LIVE RUN may follow: known_job_ids accepts earlier backfills: [secret].",
        "LIVE RatePlanCharge backfill in tenant 10042, entity [secret], organisations [secret] at "
        "https://z.",
    ]


def test_a_live_run_after_a_dry_run_is_a_first_live_run() -> None:
    """A dry run has changed nothing."""
    assert told(before("dryRun", dryRun=True)) == warning(
        f"LIVE RatePlanCharge backfill {AT}.",
        CONSEQUENCES,
        f"The dry run before, {JOB}, is COMPLETED and stays as it is.",
    )


# Dry runs and approvals


def test_a_dry_run_changes_no_data() -> None:
    """It is no warning."""
    assert told(dryRun=True, reason="REV-1") == information(
        f"Dry run of the RatePlanCharge backfill {AT}; no data is changed. Reason: REV-1."
    )


@pytest.mark.parametrize(
    ("approval", "then", "warns"),
    [
        (
            "wait",
            "No live job starts: `pulumi up` stops after it and prints the line that approves it.",
            False,
        ),
        (
            "auto",
            'approval="auto": if it completes cleanly, the LIVE job starts without asking.',
            True,
        ),
        (
            OTHER,
            f"approval names {OTHER}: unless this is that very dry run, `pulumi up` stops after "
            'it. Better write approval="wait"',
            True,
        ),
    ],
)
def test_a_dry_run_says_what_comes_after_it(approval: str, then: str, warns: bool) -> None:
    """That it goes live without asking is a warning, and so is an approval of another one."""
    assert told(dryRun=True, verified={"approval": approval}) == Announcement(
        text=f"Dry run of the RatePlanCharge backfill {AT}; no data is changed.\n{then}",
        warning=warns,
    )


def test_an_approved_live_run_says_what_was_approved() -> None:
    """By the facts in state: when the dry run was created, its batches, its failed records."""
    verified = {
        "approval": OTHER,
        "dryRun": OTHER,
        "createdOn": "2027-01-15T08:00:00Z",
        "completed": [
            {"jobId": JOB, "status": "FAILED"},
            {
                "jobId": OTHER,
                "status": "COMPLETED",
                "batchSentCount": 10.0,
                "batchFinishedCount": 9.0,
                "errorCount": 2.0,
            },
        ],
    }

    assert told(verified=verified) == warning(
        f"APPROVED LIVE RatePlanCharge backfill {AT}.",
        f"Approved: dry run {OTHER}, created 2027-01-15T08:00:00Z: COMPLETED, 9 of 10 batches, 2 "
        "failed records.",
        CONSEQUENCES,
    )


def test_what_is_not_known_of_an_approved_dry_run_is_not_said_to_be_none() -> None:
    """No count is no zero."""
    verified = {
        "approval": OTHER,
        "dryRun": OTHER,
        "completed": [{"jobId": OTHER, "status": "COMPLETED"}],
    }

    assert told(verified=verified).text.splitlines()[1] == (
        f"Approved: dry run {OTHER}: COMPLETED, how many records failed is not known."
    )


@pytest.mark.parametrize(
    "verified",
    [
        {"approval": "auto", "dryRun": OTHER, "completed": [{"jobId": OTHER}]},
        {"approval": "wait"},
        {"approval": OTHER, "dryRun": OTHER, "completed": [{"jobId": JOB}]},
        {"approval": OTHER, "dryRun": OTHER, "completed": UNKNOWN},
        UNKNOWN,
    ],
)
def test_what_nobody_approved_is_not_called_approved(verified: Any) -> None:
    """Only a person's approval of this very dry run is one."""
    assert told(verified=verified).text.splitlines()[0] == f"LIVE RatePlanCharge backfill {AT}."


# Taking over and continuing


def test_a_take_over_starts_nothing() -> None:
    """It is no warning; replacing another job is one."""
    assert told(existingJobId=OTHER, reason="REV-1") == information(
        f"Takes over job {OTHER} {AT}. No job is started. Reason: REV-1."
    )
    assert told(before("existingJobId"), existingJobId=OTHER) == warning(
        f"Takes over job {OTHER} {AT}. No job is started.",
        f"The job before, {JOB}, is COMPLETED and stays as it is.",
    )


def test_a_job_that_is_taken_back_is_no_other_job() -> None:
    """A replacement that did not finish had given it up."""
    assert told(before(), existingJobId=JOB) == information(
        f"Takes job {JOB} back, which a replacement that did not finish had given up. No job is "
        "started."
    )


def test_an_attempt_is_continued_or_looked_for() -> None:
    """Within its time no second job can come of it; after that the guard looks first."""
    attempt = Attempt(
        intent_key="key",
        after=None,
        refusals=(),
        began=datetime(2027, 1, 15, 8, tzinfo=timezone.utc) + timedelta(seconds=0.5),
        windows=(),
    )
    inputs = {"type": "OrderLineItem"}

    then = (
        "Until 2027-01-16T07:00:00Z `pulumi up` finds its job, or starts the one that is missing."
    )
    assert announce_continuation(inputs, attempt, True) == warning(
        "CONTINUES the LIVE OrderLineItem backfill of 2027-01-15T08:00:00Z, whose outcome is not "
        "known.",
        then,
        CONSEQUENCES,
    )
    assert announce_continuation({**inputs, "dryRun": True}, attempt, True) == information(
        "CONTINUES the OrderLineItem backfill of 2027-01-15T08:00:00Z, whose outcome is not known.",
        then,
    )
    assert announce_continuation(inputs, attempt, False) == warning(
        "The LIVE OrderLineItem backfill of 2027-01-15T08:00:00Z may have been started; its "
        "outcome was never known.",
        "`pulumi up` asks Zuora first. It starts nothing if the job is there, and starts it if it "
        "is not.",
        CONSEQUENCES,
    )


@pytest.mark.parametrize(
    "announcement",
    [
        told(before("triggers"), reason="REV-1432"),
        told(dryRun=True, verified={"approval": "wait"}),
        told(before("triggers"), existingJobId=OTHER),
    ],
)
def test_a_reader_knows_in_five_seconds(announcement: Announcement) -> None:
    """A few lines, sentences of at most 25 words, and nothing that a comment reads as HTML."""
    lines = announcement.text.splitlines()
    sentences = [sentence for line in lines for sentence in line.split(". ")]

    assert len(lines) <= 4
    assert max(len(sentence.split()) for sentence in sentences) <= 25
    assert not {"<", ">"} & set(announcement.text)
