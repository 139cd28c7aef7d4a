"""The rules as Pulumi policies: what a policy is given becomes a `Job`, and a text a violation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import backfill_rules as rules
from backfill_rules import UNKNOWN, Job
from pulumi_policy import (
    Policy,
    PolicyConfigSchema,
    PolicyProviderResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

JOB_TYPE: Final = "pulumi-python:dynamic/zuora:BackfillJob"
_TEXTS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "string"}}
Rule = Callable[[Job, Mapping[str, Any]], str | None]


def known(value: Any) -> Any:
    """
    Return a value with `UNKNOWN` in place of what a preview does not know.

    A policy that touches an unknown value is left out with a mere hint, whatever its level. So
    nothing of it may reach a rule.
    """
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return known(container[key])
    except UnknownValueError:
        return UNKNOWN


def _job(urn: str, props: Mapping[str, Any], provider: PolicyProviderResource | None) -> Job:
    return Job(urn, known(props), known(provider.props) if provider else {})


def _for_each_job(
    name: str, description: str, rule: Rule, **options: dict[str, Any]
) -> ResourceValidationPolicy:
    """Make a policy that looks at one job; it also stops `pulumi up --skip-preview`."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        if args.resource_type != JOB_TYPE:
            return
        job, config = _job(args.urn, args.props, args.provider), args.get_config()
        if rules.is_excepted(job, config.get("exceptions") or ()):
            return
        text = rule(job, config)
        if text is None:
            return
        if job.inputs.get("dryRun") not in (True, False):
            text += " Whether it runs dry is not known yet, so it counts as live."
        report_violation(text, None)

    schema = PolicyConfigSchema({"exceptions": _TEXTS, **options})
    return ResourceValidationPolicy(name, description, validate, config_schema=schema)


def _limit(args: StackValidationArgs, report_violation: ReportViolation) -> None:
    jobs = [
        _job(resource.urn, resource.props, resource.provider)
        for resource in args.resources
        if resource.resource_type == JOB_TYPE
    ]
    text = rules.at_most(jobs, args.get_config().get("max", 1))
    if text is not None:
        report_violation(text, None)


POLICIES: Final[list[Policy]] = [
    _for_each_job(
        "live-job-needs-reason",
        "A live backfill says why it runs.",
        lambda job, config: rules.needs_reason(job, config.get("pattern") or ""),
        pattern={"type": "string"},
    ),
    _for_each_job(
        "live-job-needs-guard",
        "A live backfill looks for earlier ones.",
        lambda job, _: rules.needs_guard(job),
    ),
    _for_each_job(
        "live-job-needs-approval",
        "A live backfill is approved by the job id of its dry run.",
        lambda job, _: rules.needs_approval(job),
    ),
    _for_each_job(
        "live-job-not-in-live-tenant",
        "A live backfill runs before the tenant is live.",
        lambda job, config: rules.not_in_live_tenant(
            job, config.get("tenants"), config.get("baseUrls")
        ),
        tenants=_TEXTS,
        baseUrls=_TEXTS,
    ),
    _for_each_job(
        "live-job-is-not-stopped",
        "A destroy lets a live backfill finish.",
        lambda job, _: rules.is_not_stopped(job),
    ),
    _for_each_job(
        "triggers-are-steady",
        "Triggers are the same in each run until somebody changes them.",
        lambda job, _: rules.has_steady_triggers(job),
    ),
    StackValidationPolicy(
        "max-live-jobs",
        "One update starts few live backfills.",
        _limit,
        config_schema=PolicyConfigSchema({"max": {"type": "integer", "minimum": 0}}),
    ),
]
