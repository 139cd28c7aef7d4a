"""The resources that a Pulumi program declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pulumi
from pulumi.dynamic import Resource

from pulumi_zuora_backfill.properties import (
    COMPLETION_INPUTS,
    COMPLETION_OUTPUTS,
    COMPLETION_TYPE_TOKEN,
    INPUTS,
    WIRE_NAMES,
)
from pulumi_zuora_backfill.provider import BackfillCompletionProvider
from pulumi_zuora_backfill.zuora.models import BackfillType

from .arguments import ensure_declared, ensure_json, shareable, warn_of_plain_secret
from .list_of import ListOf
from .registration import HIDDEN, custom_timeouts, identity_of, register_job, wired, wired_options

BackfillTypeName: TypeAlias = Literal["RatePlanCharge", "OrderLineItem"]


_TYPE_PREFIX = "dynamic/zuora:"


class _ZuoraResource(Resource):
    """Registers under wire names, and answers to Python names."""

    # Not by `translate_input_property`: that would also rename keys inside of `triggers`.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            try:
                return self.__dict__[WIRE_NAMES[name]]
            except KeyError:
                raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}") from None

    def __init_subclass__(cls, module: str = "", name: str = "Resource", **kwargs: Any) -> None:
        """Give a subclass its parent's type: under another one, state would not know its jobs."""
        super().__init_subclass__(module=module, name=name, **kwargs)
        for parent in cls.__mro__[1:]:
            inherited = parent.__dict__.get("_resource_type_name", "")
            if inherited.startswith(_TYPE_PREFIX):
                cls._resource_type_name = inherited
                return


class BackfillJob(_ZuoraResource, module="zuora", name="BackfillJob"):
    """
    One auto backfill job of Zuora, started once.

    Zuora copies the revenue fields of product rate plan charges onto existing rate plan charges or
    order line items. It asks to do so once before go-live: a second live run makes Zuora Billing
    and Zuora Revenue disagree. So one request (this resource, base URL, tenant, entity,
    organisations, ``type``, ``dry_run``, ``triggers``) starts one job. A start whose answer was
    lost is continued by the next `up`, for 23 hours. After that, and against jobs of others, the
    guard decides.

    The resource is there once Zuora has accepted the job. It does not wait for the job's end. Sent
    are one POST and one GET, and for a live job a list of jobs before them. A preview sends
    nothing.

    The resource id is the job id. If the answer of the start was lost at first, it is the
    idempotency key: use ``job_id``. State also keeps the ids of the last 20 jobs that the
    resource has had.

    Attributes:
        job_id: Zuora's id of the job, 32 characters.
        status: The job's status when it was last read; ``pulumi refresh`` reads it.
        created_on: When Zuora accepted the job, ISO 8601 in UTC.
        updated_on: When the job last changed, ISO 8601 in UTC.
        zuora_user: The Zuora user behind the credentials.
        tenant_id: The tenant the job runs in, from the token.
        base_url: The endpoint it was started at.
        effective_entity_id: The entity in force, declared or from configuration.
        effective_org_ids: The organisations in force, declared or from configuration.
        idempotency_key: The key it was started under; null for an adopted job, secret where
            ``triggers`` is.
        track_id: The ``Zuora-Track-Id`` in force.
        request_id: ``Zuora-Request-Id`` of the answer that named the job, for Zuora's support.
        recovered: Whether an earlier attempt, whose answer was lost, had started the job.
        ran: What the job runs and where, which a live job compares with its dry run; triggers as a
            SHA-256.
        progress: Such as ``100.00%``; null until the job has ended, as are the three counts.
        batch_sent_count: Batches sent for execution.
        batch_finished_count: Batches that are done.
        error_count: Records that failed.
        type: As declared; so are the other arguments.

    Source:
        https://developer.zuora.com/v1-api-reference/api/data-backfill/post_createautobackfilljob
    """

    if (
        TYPE_CHECKING
    ):  # the SDK would evaluate them anew for every resource, under names that state does not have
        job_id: pulumi.Output[str]
        status: pulumi.Output[str]
        created_on: pulumi.Output[str | None]
        updated_on: pulumi.Output[str | None]
        zuora_user: pulumi.Output[str | None]
        tenant_id: pulumi.Output[str | None]
        base_url: pulumi.Output[str]
        effective_entity_id: pulumi.Output[str | None]
        effective_org_ids: pulumi.Output[Sequence[str] | None]
        idempotency_key: pulumi.Output[str | None]
        track_id: pulumi.Output[str | None]
        request_id: pulumi.Output[str | None]
        recovered: pulumi.Output[bool]
        ran: pulumi.Output[Mapping[str, Any]]
        progress: pulumi.Output[str | None]
        batch_sent_count: pulumi.Output[int | None]
        batch_finished_count: pulumi.Output[int | None]
        error_count: pulumi.Output[int | None]
        type: pulumi.Output[str]
        batch_size: pulumi.Output[int]
        dry_run: pulumi.Output[bool]
        triggers: pulumi.Output[Any]
        reason: pulumi.Output[str | None]
        entity_id: pulumi.Output[str | None]
        org_ids: pulumi.Output[Sequence[str] | None]
        guard: pulumi.Output[str]
        known_job_ids: pulumi.Output[Sequence[str] | None]
        on_delete: pulumi.Output[str]
        existing_job_id: pulumi.Output[str | None]

    def __init__(
        self,
        resource_name: str,
        *,
        type: pulumi.Input[BackfillType | BackfillTypeName],
        batch_size: pulumi.Input[int] = 1000,
        dry_run: pulumi.Input[bool] = False,
        triggers: pulumi.Input[Any] = None,
        reason: pulumi.Input[str] | None = None,
        entity_id: pulumi.Input[str] | None = None,
        org_ids: pulumi.Input[ListOf[pulumi.Input[str]]] | None = None,
        track_id: pulumi.Input[str] | None = None,
        guard: pulumi.Input[Literal["once", "none"]] | None = None,
        known_job_ids: pulumi.Input[ListOf[pulumi.Input[str]]] | None = None,
        on_delete: pulumi.Input[Literal["stop", "leave"]] | None = None,
        existing_job_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        Declare a backfill job.

        Args:
            resource_name: The name in the stack. Another name is another job.
            type: ``"RatePlanCharge"`` or ``"OrderLineItem"``. A change replaces.
            batch_size: Records a batch, 1 to 1000; how, not what, is backfilled. A change is kept
                in state and counts at the next start.
            dry_run: Whether Zuora runs the job without changing data. A change replaces.
            triggers: Any JSON value without nulls inside; another value asks for another run. Kept
                in state.
            reason: Free text for the audit, such as a ticket; shown in previews, kept in state, not
                sent.
            entity_id: ``Zuora-Entity-Ids``: one id; default from configuration. A change replaces.
            org_ids: ``Zuora-Org-Ids``; default from configuration. A change replaces.
            track_id: ``Zuora-Track-Id``, up to 64 ASCII characters without ``: ; " '``; default:
                derived from the idempotency key.
            guard: ``"once"`` refuses while the tenant holds a job of this type, of any age, for
                this entity and organisations, that did not fail or stop, that this resource has not
                had and that ``known_job_ids`` does not name. ``"none"``: only the idempotency key
                protects, for 24 hours. Default: ``"once"`` for a live run, ``"none"`` for a dry
                run.
            known_job_ids: Earlier jobs that a reviewer has accepted; the guard looks past them.
            on_delete: ``"stop"`` asks a job that still runs to stop; ``"leave"`` lets it finish.
                Default: ``"stop"`` for a dry run, ``"leave"`` for a live run: stopped, it would be
                half done and not rolled back.
            existing_job_id: Take over this job instead of starting one (32 characters).
            opts: Pulumi's resource options. ``delete_before_replace`` is always on.

        Raises:
            InputError: ``delete_before_replace=False``, ``replace_on_changes``, ``deleted_with``,
                ``replace_with``, ``retain_on_delete``, ``import_``, ``id`` or ``urn`` was asked
                for, or an argument is no JSON value, such as a date.
        """
        given = dict(locals())
        ensure_declared("BackfillJob", resource_name, opts)
        register_job(self, resource_name, job_props(given), opts)

    @staticmethod
    def get(
        resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> BackfillJob:
        """
        Look a job up, without owning it: it is read at every run and never stopped.

        Args:
            resource_name: The name in the stack.
            id: The job id, 32 characters; another one is refused before anything is sent.
            opts: Pulumi's resource options.
        """
        ensure_declared("BackfillJob", resource_name, opts)
        job = BackfillJob.__new__(BackfillJob)
        found = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        register_job(job, resource_name, dict.fromkeys(INPUTS), found)
        return job


def job_props(given: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the arguments of a job out of a constructor's locals."""
    props = {name: given[name] for name in INPUTS}
    if isinstance(props["type"], BackfillType):
        props["type"] = props["type"].value
    return props


class BackfillCompletion(_ZuoraResource, module="zuora", name="BackfillCompletion"):
    """
    A wait: it is there once all its jobs have completed with few enough failed records.

    It asks for each job once a round: after 1 s at first, then ever later, up to every 30 s. The
    deployment fails if a job FAILED or was STOPPED, if more records failed, or at the timeout. The
    job goes on all the same, and the next `up` looks again.

    If Zuora tells no number of failed records, that is a warning. A number that cannot be read is
    an error. State keeps what the jobs looked like when they had completed, also if Zuora purges
    them.

    A changed ``job_ids`` is an update that waits for the new ones. Deleting it does nothing. A
    preview sends nothing.

    Attributes:
        jobs: For each job ``jobId``, ``type``, ``status``, ``progress``, ``createdOn``,
            ``batchSentCount``, ``batchFinishedCount`` and ``errorCount``, as far as Zuora tells
            them.
        error_count: Failed records of all jobs; null where Zuora did not tell of one of them.
        job_ids: As declared; so are the other arguments.
    """

    if (
        TYPE_CHECKING
    ):  # the SDK would evaluate them anew for every resource, under names that state does not have
        jobs: pulumi.Output[Sequence[Mapping[str, Any]]]
        error_count: pulumi.Output[int | None]
        job_ids: pulumi.Output[Sequence[str]]
        timeout: pulumi.Output[str]
        max_errors: pulumi.Output[int]
        entity_id: pulumi.Output[str | None]
        org_ids: pulumi.Output[Sequence[str] | None]

    def __init__(
        self,
        resource_name: str,
        *,
        job_ids: pulumi.Input[ListOf[pulumi.Input[str]]],
        timeout: pulumi.Input[str | float] = "2h",
        max_errors: pulumi.Input[int] = 0,
        entity_id: pulumi.Input[str] | None = None,
        org_ids: pulumi.Input[ListOf[pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """
        Declare a wait.

        Args:
            resource_name: The name in the stack.
            job_ids: The jobs to wait for, at least one, 32 characters each.
            timeout: How long to wait for all of them: seconds, or ``"90s"``, ``"30m"``, ``"2h"``.
                ``opts.custom_timeouts`` beats it, and ``ZUORA_WAIT_TIMEOUT`` /
                ``zuora:waitTimeout`` caps every wait of a run.
            max_errors: How many failed records in all are accepted; 2147483648 also accepts a
                number that cannot be read.
            entity_id: ``Zuora-Entity-Ids`` of the jobs; default from configuration.
            org_ids: ``Zuora-Org-Ids`` of the jobs; default from configuration.
            opts: Pulumi's resource options.

        Raises:
            InputError: ``import_``, ``id`` or ``urn`` was asked for, or an argument is no JSON
                value, such as a ``timedelta``.
        """
        given = dict(locals())
        ensure_declared("BackfillCompletion", resource_name, opts)
        opts = wired_options(opts)
        props = {name: given[name] for name in COMPLETION_INPUTS}
        ensure_json("BackfillCompletion", resource_name, props)
        props = {name: shareable(value) for name, value in props.items()}
        warn_of_plain_secret()
        internal = {
            "customTimeouts": custom_timeouts(opts, "create", "update"),
            "identity": identity_of(COMPLETION_TYPE_TOKEN, resource_name, opts.parent, props),
        }
        super().__init__(
            BackfillCompletionProvider(),
            resource_name,
            wired({**dict.fromkeys(COMPLETION_OUTPUTS), **props, **internal}),
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(**HIDDEN)),
        )
