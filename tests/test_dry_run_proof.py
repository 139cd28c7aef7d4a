"""A live job of a `VerifiedBackfill` starts only by what its dry run's completion has seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pulumi.output import Unknown

from pulumi_zuora_backfill.errors import NotVerifiedError
from pulumi_zuora_backfill.job.dry_run_proof import ensure_approved, ensure_verified, ran

from .parts import INTENT

DRY_RUN, OTHER = "d" * 32, "e" * 32
UNKNOWN = Unknown()
LIVE = replace(INTENT, triggers={"release": 2}, entity_id="e-1", org_ids=("a", "b"))
COMPLETED = {"jobId": DRY_RUN, "status": "COMPLETED", "errorCount": 0.0}
VERIFIED: dict[str, Any] = {
    "approval": DRY_RUN,
    "dryRun": DRY_RUN,
    "ran": ran(replace(LIVE, urn=f"{LIVE.urn}-dry-run", dry_run=True)),
    "completed": [COMPLETED],
    "maxErrors": 0.0,
}
HINT = (
    'Run `pulumi up` without --exclude and --target, or include "charges-dry-run" and '
    '"charges-dry-run-done".'
)


def refusal(verified: object) -> NotVerifiedError:
    """Return why a live job does not start."""
    with pytest.raises(NotVerifiedError) as error:
        ensure_verified(verified, LIVE)
    return error.value


def test_what_a_job_ran_is_an_output_and_tells_no_trigger() -> None:
    """Triggers may be secret, so only their hash is kept; what is not in force is left out."""
    assert ran(INTENT) == {
        "type": "RatePlanCharge",
        "triggers": "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
        "baseUrl": "https://rest.zuora.com",
        "tenantId": "10042",
    }
    assert ran(LIVE)["entityId"] == "e-1"
    assert ran(LIVE)["orgIds"] == "a,b"


@pytest.mark.parametrize("approval", [DRY_RUN, "auto"])
@pytest.mark.parametrize(("errors", "accepted"), [(0.0, 0.0), (3.0, 3.0), (2.0, 3.0), (None, 0.0)])
def test_a_dry_run_that_completed_cleanly_and_was_approved_lets_the_live_job_start(
    approval: str, errors: float | None, accepted: float
) -> None:
    """A number that Zuora did not tell is none that is too high; the completion warned of it."""
    done = {**COMPLETED, "errorCount": errors}
    verified = {**VERIFIED, "approval": approval, "completed": [done], "maxErrors": accepted}

    ensure_verified(verified, LIVE)  # raises nothing


@pytest.mark.parametrize(
    "verified",
    [
        None,
        UNKNOWN,
        "yes",
        {},
        {name: value for name, value in VERIFIED.items() if name != "dryRun"},
        {name: value for name, value in VERIFIED.items() if name != "approval"},
        {**VERIFIED, "dryRun": None},
        {**VERIFIED, "dryRun": UNKNOWN},
    ],
)
def test_without_a_dry_run_nothing_is_started(verified: object) -> None:
    """With `--exclude` the program's inputs do not arrive, and what is missing refuses."""
    error = refusal(verified)

    assert (error.message, error.hint) == (
        "The live job of 'charges' was not started: it is not known which dry run it follows.",
        HINT,
    )


@pytest.mark.parametrize(
    "completed",
    [
        None,
        UNKNOWN,
        [],
        ["x"],
        [{**COMPLETED, "jobId": OTHER}],
        [{**COMPLETED, "status": "FAILED"}],
        [{"jobId": DRY_RUN}],
    ],
)
def test_only_what_the_completion_has_seen_proves_the_dry_run(completed: object) -> None:
    """No output of it, another job's, or another end than COMPLETED proves nothing."""
    error = refusal({**VERIFIED, "completed": completed})

    assert (error.message, error.hint) == (
        f"The live job of 'charges' was not started: nothing shows that the dry run {DRY_RUN} has "
        "completed.",
        HINT,
    )


@pytest.mark.parametrize(
    ("errors", "accepted", "why"),
    [
        (3.0, 0.0, f"the dry run {DRY_RUN} has 3 failed records, and 0 are accepted"),
        (3.0, 2.0, f"the dry run {DRY_RUN} has 3 failed records, and 2 are accepted"),
        (0.0, None, "it is not known how many failed records are accepted"),
        (0.0, "many", "it is not known how many failed records are accepted"),
        ("many", 5.0, f"the dry run {DRY_RUN} has an unknown number of failed records"),
    ],
)
def test_too_many_failed_records_do_not_pass(errors: object, accepted: object, why: str) -> None:
    """Nor does a limit that is not known, or a number that is none."""
    done = [{**COMPLETED, "errorCount": errors}]

    assert refusal({**VERIFIED, "completed": done, "maxErrors": accepted}).message == (
        f"The live job of 'charges' was not started: {why}."
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"type": "OrderLineItem"}, "type"),
        ({"triggers": {"release": 1}}, "triggers"),
        ({"base_url": "https://elsewhere"}, "base_url"),
        ({"tenant_id": "10043"}, "tenant_id"),
        ({"entity_id": None}, "entity_id"),
        ({"org_ids": ("a",)}, "org_ids"),
        ({"tenant_id": "1", "type": "OrderLineItem"}, "type and tenant_id"),
    ],
)
def test_the_dry_run_has_to_be_one_of_the_very_same_backfill(
    changes: dict[str, Any], named: str
) -> None:
    """What it ran, and where, is compared with what the live job would."""
    error = refusal({**VERIFIED, "ran": ran(replace(LIVE, **changes))})

    assert error.message == (
        f"The live job of 'charges' was not started: the dry run {DRY_RUN} differs in {named}."
    )


@pytest.mark.parametrize("value", [None, UNKNOWN, "x", []])
def test_a_dry_run_that_does_not_tell_what_it_ran_proves_nothing(value: object) -> None:
    """An output that is missing is a reason to refuse."""
    assert "it is not known what the dry run" in (refusal({**VERIFIED, "ran": value}).message)


@pytest.mark.parametrize("approval", ["wait", OTHER])
def test_another_approval_is_refused_with_both_lines(approval: str) -> None:
    """A person approves one dry run; both ways on are printed, and the first one works."""
    error = refusal({**VERIFIED, "approval": approval})

    assert (error.message, error.hint) == (
        f"The live job of 'charges' was not started: approval is '{approval}', but the dry run is "
        f"{DRY_RUN}.",
        'To start nothing for now, write\n  approval="wait"\n'
        f'To approve this dry run, write\n  approval="{DRY_RUN}"',
    )
    ensure_verified({**VERIFIED, "approval": DRY_RUN}, LIVE)


@pytest.mark.parametrize(
    "verified",
    [
        {"approval": OTHER},
        {"approval": OTHER, "dryRun": UNKNOWN},
        {"approval": UNKNOWN, "dryRun": DRY_RUN},
        {"approval": DRY_RUN, "dryRun": DRY_RUN},
        {"approval": "auto", "dryRun": DRY_RUN},
    ],
)
def test_a_preview_refuses_only_what_is_known_to_be_another_approval(
    verified: dict[str, Any],
) -> None:
    """The dry run may not have run yet."""
    ensure_approved("charges", verified)  # raises nothing
