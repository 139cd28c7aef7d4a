"""Does the steps of a plan: what is done to one resource, in a preview only in thought."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.console_output import Console
from pulumi_zuora_backfill.testing.engine.planning import Step
from pulumi_zuora_backfill.testing.engine.processes import (
    PartialFailureError,
    ProviderCalls,
    ProviderError,
)
from pulumi_zuora_backfill.testing.engine.state import BrokenStateError, Checkpoint, Resource
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import (
    is_default_provider,
    is_provider_type,
)


class StepFailedError(Exception):
    """A step failed; the user has been told."""


class ProtectedError(ProviderError):
    """A protected resource was to be deleted."""

    def __init__(self, urn: str) -> None:
        """Say how to get rid of the protection."""
        super().__init__(
            f'resource "{urn}" cannot be deleted\n'
            "because it is protected. To unprotect the resource, "
            "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
        )


@dataclass(kw_only=True)
class StepExecutor:
    """Does steps, one after the other or several at once, and saves what became of each."""

    find_provider: Callable[[str], ProviderCalls]
    """Finds a provider by its reference."""
    serve: Callable[[Resource, values.Properties], None]
    """Lets a provider be served with this configuration."""
    checkpoint: Checkpoint
    console: Console
    dry_run: bool
    deleted: set[str]
    """URNs that this run deletes; `deleted_with` looks them up."""

    def run(self, step: Step) -> None:
        """Do one step.

        Raises:
            StepFailedError: It did not work; the user has been told why.
        """
        urn = step.resource.urn
        quiet = is_default_provider(urn)
        began = time.monotonic()
        if not quiet:
            self.console.begin(step.op, urn, step.detail)
        try:
            counted = self._do(step)
        except (ProviderError, BrokenStateError) as error:
            self.console.fail(step.op, urn, str(error))
            raise StepFailedError(str(error)) from error
        if not quiet:
            self.console.end(step.op, urn, time.monotonic() - began, step.detail, counted=counted)

    def _do(self, step: Step) -> str:
        """Do the step and return what to count it as."""
        if step.op == "same":
            self._same(step)
        elif step.op in ("create", "create-replacement"):
            self._create(step)
        elif step.op == "update":
            self._update(step)
        elif step.op in ("delete", "delete-replaced", "discard", "discard-replaced"):
            self._delete(step)
        elif step.op in ("read", "read-replacement"):
            return self._read(step)
        elif step.op == "remove-pending-replace":
            assert step.old is not None
            self.checkpoint.end(step.old, old=step.old)
        return step.op

    def _same(self, step: Step) -> None:
        old, new = step.old, step.new
        assert new is not None
        if old is None or step.skipped:
            return
        new.id = old.id
        new.outputs = _marked(new, old.outputs)
        if is_provider_type(new.type) and not step.untargeted:
            self.serve(new, old.inputs)
        self.checkpoint.end(new, old=old, new=new)

    def _create(self, step: Step) -> None:
        old, new = step.old, step.new
        assert new is not None
        failure: PartialFailureError | None = None
        if is_provider_type(new.type):
            new.id = values.UNKNOWN if self.dry_run else str(uuid.uuid4())
            new.outputs = dict(new.inputs)
            self.serve(new, new.inputs)
        elif new.custom and self.dry_run:
            new.outputs = dict(new.inputs)
        elif new.custom:
            self.checkpoint.begin(new, "creating")
            try:
                new.id, new.outputs = self.find_provider(new.provider).create(
                    new.urn, new.inputs, new.custom_timeouts.get("create", 0.0)
                )
                if not new.id:
                    raise ProviderError(
                        f"plugin returned empty resource.ID from create '{new.urn}'"
                    )
            except PartialFailureError as error:
                failure = error
                new.id, new.outputs, new.init_errors = error.id, error.outputs, error.reasons
            except ProviderError:
                self.checkpoint.end(new)
                raise
        new.outputs = _marked(new, new.outputs)
        if old is not None and step.delete_later:
            old.delete = True
        settled = old if old is not None and old.pending_replacement else None
        self.checkpoint.end(new, old=settled, new=new)
        if failure is not None:
            raise failure

    def _update(self, step: Step) -> None:
        old, new = step.old, step.new
        assert old is not None
        assert new is not None
        failure: PartialFailureError | None = None
        new.id = old.id
        if is_provider_type(new.type):
            new.outputs = dict(new.inputs)
            self.serve(new, new.inputs)
        elif new.custom and self.dry_run:
            new.outputs = dict(new.inputs)
        elif new.custom:
            self.checkpoint.begin(new, "updating")
            timeout = new.custom_timeouts.get("update", 0.0)
            try:
                new.outputs = self.find_provider(new.provider).update(
                    new.urn, old.id, old.inputs, old.outputs, new.inputs, timeout
                )
            except PartialFailureError as error:
                # What exists was not made from the new inputs: the next run compares with the old.
                failure = error
                new.inputs, new.outputs, new.init_errors = old.inputs, error.outputs, error.reasons
            except ProviderError:
                self.checkpoint.end(new)
                raise
        new.outputs = _marked(new, new.outputs)
        self.checkpoint.end(new, old=old, new=new)
        if failure is not None:
            raise failure

    def _delete(self, step: Step) -> None:
        old = step.old
        assert old is not None
        if step.op == "delete" and old.protect:
            raise ProtectedError(old.urn)
        spared = old.external or old.retain_on_delete or old.deleted_with in self.deleted
        if old.custom and not (self.dry_run or spared or is_provider_type(old.type)):
            self.checkpoint.begin(old, "deleting")
            try:
                self.find_provider(old.provider).delete(
                    old.urn, old.id, old.inputs, old.outputs, old.custom_timeouts.get("delete", 0.0)
                )
            except ProviderError:
                self.checkpoint.end(old)
                raise
        if step.recreated:
            old.pending_replacement = True
        self.checkpoint.end(old, old=None if old.pending_replacement else old)

    def _read(self, step: Step) -> str:
        old, new = step.old, step.new
        assert new is not None
        failure: PartialFailureError | None = None
        if new.id == values.UNKNOWN:
            new.outputs = {}
        else:
            self.checkpoint.begin(new, "reading")
            try:
                id_, _, new.outputs = self.find_provider(new.provider).read(
                    new.urn, new.id, new.inputs, new.inputs
                )
                new.id = id_ or new.id
            except PartialFailureError as error:
                failure = error
                new.id, new.outputs, new.init_errors = (
                    error.id or new.id,
                    error.outputs,
                    error.reasons,
                )
            except ProviderError:
                self.checkpoint.end(new)
                raise
        new.outputs = _marked(new, new.outputs)
        if old is not None and step.op == "read-replacement":
            old.delete = True
        self.checkpoint.end(new, old=old, new=new)
        if failure is not None:
            raise failure
        changed = old is not None and not values.same(old.outputs, new.outputs)
        return "read" if changed and step.op == "read" else ""


def _marked(resource: Resource, outputs: values.Properties) -> values.Properties:
    """Make secret what the program wants secret, and what repeats a secret input."""
    secret_inputs = [key for key, value in resource.inputs.items() if values.is_secret(value)]
    return values.with_secret_keys(outputs, [*resource.additional_secret_outputs, *secret_inputs])
