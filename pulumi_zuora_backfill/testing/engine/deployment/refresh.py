"""Refresh: ask the provider how the resources in the state really are."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.console_output import Console
from pulumi_zuora_backfill.testing.engine.planning import diff_resource
from pulumi_zuora_backfill.testing.engine.processes import (
    PartialFailureError,
    ProviderCalls,
    ProviderError,
)
from pulumi_zuora_backfill.testing.engine.state import Checkpoint, Resource
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import (
    is_default_provider,
    is_provider_type,
)


@dataclass(kw_only=True)
class Refresher:
    """Refreshes a whole state; one resource that cannot be read stops none of the others."""

    find_provider: Callable[[str], ProviderCalls]
    checkpoint: Checkpoint
    console: Console
    stopped: Callable[[], bool]
    parallel: int
    counting: bool
    """Count what was found in the summary; an update that refreshes first does not."""

    def run(self, is_wanted: Callable[[str], bool]) -> bool:
        """Refresh what is wanted, save what was found, and tell whether all could be read."""
        resources = self.checkpoint.base
        errors: list[str] = []

        def refresh(resource: Resource) -> Resource | None:
            if self.stopped() or not is_wanted(resource.urn):
                return resource
            return self._one(resource, errors)

        with ThreadPoolExecutor(max_workers=self.parallel) as pool:
            refreshed = list(pool.map(refresh, resources))
        self.checkpoint.rebase(resource for resource in refreshed if resource is not None)
        return not errors

    def _one(self, resource: Resource, errors: list[str]) -> Resource | None:
        if is_default_provider(resource.urn):
            return resource
        began = time.monotonic()
        self.console.begin("refresh", resource.urn)
        found: Resource | None = resource
        outcome = "same"
        readable = resource.custom and not is_provider_type(resource.type)
        if readable and not resource.pending_replacement:
            try:
                found = self._read(resource)
                outcome = self._outcome(resource, found)
            except ProviderError as error:
                errors.append(resource.urn)
                self.console.fail("refresh", resource.urn, str(error))
                return resource
        op = "refresh" if outcome == "same" else outcome
        seconds = time.monotonic() - began
        self.console.end(op, resource.urn, seconds, counted=outcome if self.counting else "")
        return found

    def _read(self, old: Resource) -> Resource | None:
        init_errors: list[str] = []
        inputs: values.Properties | None = None
        try:
            id_, inputs, outputs = self.find_provider(old.provider).read(
                old.urn, old.id, old.inputs, old.outputs
            )
        except PartialFailureError as error:
            id_, outputs, init_errors = error.id, error.outputs, error.reasons
            reasons = "\n* ".join(init_errors)
            self.console.log(
                "warning", old.urn, f"Refreshed resource is in an unhealthy state:\n* {reasons}"
            )
        if not id_:
            return None
        return old.copy(
            id=id_,
            inputs=old.inputs if inputs is None else inputs,
            outputs=values.with_secret_keys(outputs, old.additional_secret_outputs),
            init_errors=init_errors,
        )

    def _outcome(self, old: Resource, new: Resource | None) -> str:
        """Tell what the reading comes to; the provider decides what is drift, from new to old."""
        if new is None:
            return "delete"
        if old.external:
            return "same" if values.same(old.outputs, new.outputs) else "update"
        diff = diff_resource(
            self.find_provider(new.provider),
            new.urn,
            new.id,
            new.inputs,
            new.outputs,
            old.inputs,
            ignore_changes=old.ignore_changes,
            unknowns=False,
        )
        return "update" if diff.changed else "same"
