"""
What nobody outside of Zuora knows for certain: each guess of the sandbox, as a named switch.

A field that names a *category* holds the two-digit error category of a refusal; `None`: Zuora does
not refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Behaviours:
    """
    The sandbox's guesses about Zuora.

    Change any of them, at any time: they are read at each request.

    Attributes:
        accepted_for_s: How long a new job stays `ACCEPTED` before it is `PROCESSING`.
        stop_takes_s: How long a job goes on running after it was asked to stop.
        stop_of_ended_job_category: Refusal of a stop of a job that has ended.
        stop_of_unknown_job_category: Refusal of a stop of a job that Zuora does not know.
        second_job_category: Refusal of a job while another of its type runs; 50 (locked) and 30
            (rule) are plausible.
        newest_first: The list starts with the newest job instead of the oldest.
        list_keeps_s: The list leaves jobs of this age and older out; `None`: it keeps them for
            ever.
        entities_share_jobs: A request sees the jobs of all entities, not only of its own.
        orgs_share_jobs: A request sees the jobs of all organisations, not only of those it names.
        dry_run_counts: A dry run reports batches; otherwise its counts stay 0.
        dry_run_error_count: A dry run reports failed records; otherwise its `errorCount` is null.
        errors_fail_job: A job that ends with failed records is `FAILED` instead of `COMPLETED`.
        same_key_other_body_status: HTTP status when a key comes back with another body; `None`: a
            replay.
        replay_keeps_date: A replayed answer has the `Date` of the first one; otherwise that header
            is new.
        replay_keeps_request_id: A replayed answer has the `Zuora-Request-Id` of the first one;
            otherwise that header is new, and only the body has the old `requestId` and `processId`.
        sends_date: Answers have a `Date`.
        saves_429: A 429 is saved under the request's key.
        saves_5xx: A gateway's 502 or 504 is saved under the request's key.
        unknown_field_category: Refusal of an unknown field in the body of a new job.
        missing_permission_category: Refusal of a new job by a user without the permission Manage
            OTR Settings.
        missing_entity_category: Refusal of a request that names no entity although the token is
            valid for several.
        unknown_scope_category: Refusal of a request that names an entity or organisation that is
            not the user's.
        honours_zuora_version: These endpoints map errors to HTTP statuses from `Zuora-Version`
            2024-05-20 on.
        default_version: The tenant's own `Zuora-Version`, for requests that send none.
        resource_code: The first six digits of an error's code, except for GET, where 500000 is
            documented.
        numeric_codes: Error codes are JSON numbers instead of strings.
        bad_credentials_status: HTTP status of a token request with wrong credentials.
        bad_credentials_body: JSON body of that answer.
        rate_limited_has_reasons: A 429 of the rate limit carries `reasons`; otherwise its body is a
            bare `message`.
        gateway_timeout_body: HTML body of a 504.
        username: `updatedByUsername` of every job.
        utc_offset_hours: The time zone of the readable times.
    """

    accepted_for_s: float = 1.0
    stop_takes_s: float = 0.0
    stop_of_ended_job_category: int | None = 30
    stop_of_unknown_job_category: int | None = 40
    second_job_category: int | None = None
    newest_first: bool = False
    list_keeps_s: float | None = None
    entities_share_jobs: bool = False
    orgs_share_jobs: bool = True
    dry_run_counts: bool = True
    dry_run_error_count: bool = True
    errors_fail_job: bool = False
    same_key_other_body_status: int | None = None
    replay_keeps_date: bool = True
    replay_keeps_request_id: bool = True
    sends_date: bool = True
    saves_429: bool = False
    saves_5xx: bool = False
    unknown_field_category: int | None = 21
    missing_permission_category: int = 10
    missing_entity_category: int | None = 23
    unknown_scope_category: int | None = 10
    honours_zuora_version: bool = True
    default_version: str = "186.0"
    resource_code: str = "587300"
    numeric_codes: bool = False
    bad_credentials_status: int = 401
    bad_credentials_body: Mapping[str, object] = field(
        default_factory=lambda: {"message": "Invalid client id or secret"}
    )
    rate_limited_has_reasons: bool = True
    gateway_timeout_body: str = "<html><body><h1>504 Gateway Time-out</h1></body></html>"
    username: str = "api.user@example.com"
    utc_offset_hours: int = 8
