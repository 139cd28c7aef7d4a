"""One deployment: takes what a program registers, plans it, does it, and deletes the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pulumi_zuora_backfill.testing.engine.console_output import Console
from pulumi_zuora_backfill.testing.engine.planning import (
    BailError,
    Goal,
    InputChecker,
    PlanError,
    PlanSoFar,
    ReplacementPlanner,
    Scope,
    Step,
    StepPlanner,
    plan_deletes,
)
from pulumi_zuora_backfill.testing.engine.processes import ProviderError, ProviderRegistry
from pulumi_zuora_backfill.testing.engine.property_values import Properties
from pulumi_zuora_backfill.testing.engine.state import Checkpoint, Resource, all_prerequisites_of
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import (
    ROOT_STACK_TYPE,
    UrnError,
    make_urn,
)

from .default_provider import DefaultProviders
from .run_control import RunControl, StoppedError
from .step_executor import ProtectedError, StepExecutor, StepFailedError


class Deployment:
    """Plans one resource at a time, and does the steps of many at once."""

    def __init__(
        self,
        *,
        scope: Scope,
        checkpoint: Checkpoint,
        console: Console,
        registry: ProviderRegistry,
        config: Properties,
        parallel: int,
        on_stop: Callable[[], None],
    ) -> None:
        """Begin; `on_stop` is called when the run is to end early."""
        self.scope = scope
        self.checkpoint = checkpoint
        self.console = console
        self.control = RunControl(console, on_stop)
        self._parallel = parallel
        self._planning = threading.Lock()
        self._slots = threading.Semaphore(parallel)
        self._goals: dict[str, Goal] = {}
        self._registered: dict[str, Resource] = {}
        self._stack_outputs: Properties | None = None
        self.so_far = PlanSoFar(scope=scope, base=checkpoint.base)
        checker = InputChecker(find_provider=registry.find, console=console, unknowns=scope.dry_run)
        replacements = ReplacementPlanner(
            so_far=self.so_far, find_provider=registry.find, console=console, checker=checker
        )
        self._planner = StepPlanner(
            so_far=self.so_far,
            find_provider=registry.find,
            is_registered=registry.is_registered,
            console=console,
            checker=checker,
            replacements=replacements,
        )
        self._executor = StepExecutor(
            find_provider=registry.find,
            serve=registry.register,
            checkpoint=checkpoint,
            console=console,
            dry_run=scope.dry_run,
            deleted=self.so_far.deleted,
        )
        self._default_providers = DefaultProviders(config, self._planner, self._executor)

    def register(self, goal: Goal) -> tuple[Resource, bool]:
        """Bring one resource about; return it, and whether the run leaves it out.

        Raises:
            StoppedError: The run is ending, perhaps because this very resource failed.
        """
        with self.control.under_way():
            if goal.parent in self._goals:
                goal = goal.inheriting(self._goals[goal.parent])
            with self._planned(goal.type, goal.name, goal.parent):
                provider = (
                    self._default_providers.provider_of(goal.type, goal.provider)
                    if goal.custom
                    else ""
                )
                steps = self._planner.plan(goal, provider)
            resource = steps[-1].resource
            self._do(steps)
            self._goals[resource.urn] = goal
            self._registered[resource.urn] = resource
            return resource, steps[-1].skipped

    def read(self, resource: Resource, name: str) -> Resource:
        """Look a resource up that this stack does not own.

        Raises:
            StoppedError: The run is ending.
        """
        with self.control.under_way():
            with self._planned(resource.type, name, resource.parent):
                resource.provider = self._default_providers.provider_of(
                    resource.type, resource.provider
                )
                steps = self._planner.plan_read(resource, name)
            self._do(steps)
            return resource

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Set the outputs of a component; the stack's own are settled when the run is over."""
        with self.control.under_way():
            if urn == self.scope.stack_urn:
                self._stack_outputs = outputs
                return
            resource = self._registered.get(urn)
            if resource is None:
                self.control.fail(
                    "", f"cannot complete a resource '{urn}' whose registration isn't pending"
                )
                raise StoppedError
            resource.outputs = outputs
            self.checkpoint.save()

    def resource_outputs(self) -> Properties:
        """Return type and outputs of every resource as the state holds them now."""
        with self._planned(ROOT_STACK_TYPE, "", ""):
            # The real engine serves this from a provider of its own, which shows in the state.
            self._default_providers.register("pulumi")
        resources = self.so_far.base if self.scope.dry_run else self.checkpoint.resources()
        return {
            resource.urn: {"type": resource.type, "outputs": resource.outputs}
            for resource in resources
            if not resource.delete
        }

    def delete_rest(self) -> None:
        """Delete what was replaced and what is no longer wanted."""
        if self.control.is_stopping:
            return
        try:
            with self._planning:
                groups = plan_deletes(self.so_far, self._planner.replacements, self.console)
        except BailError:
            self.control.fail()
            return
        protected: list[Resource] = []
        for group in groups:
            needed = {
                needed
                for each in protected
                for needed in all_prerequisites_of(each, self.so_far.base)
            }
            protected += self._delete_group([step for step in group if step.resource not in needed])

    def _delete_group(self, steps: Sequence[Step]) -> list[Resource]:
        """Delete at once; a protected resource is an error that stops only what it needs."""
        protected: list[Resource] = []

        def delete(step: Step) -> None:
            try:
                with self._slots:
                    self.control.check()
                    self._executor.run(step)
            except StepFailedError as error:
                self.control.failed = self.control.step_failed = True
                if isinstance(error.__cause__, ProtectedError):
                    protected.append(step.resource)
                else:
                    self.control.stop()
            except StoppedError:
                pass

        if steps:
            with ThreadPoolExecutor(max_workers=min(len(steps), self._parallel)) as pool:
                list(pool.map(delete, steps))
        return protected

    def finish_outputs(self) -> tuple[Properties, Properties | None]:
        """Settle the stack's outputs, return old and new ones; a failure drops no old one."""
        old = self.so_far.olds.get(self.scope.stack_urn)
        old_outputs = old.outputs if old is not None else {}
        stack = self._registered.get(self.scope.stack_urn)
        if stack is None:
            return old_outputs, None
        if self._stack_outputs is not None:
            kept = old_outputs if self.control.failed or self.so_far.failed else {}
            stack.outputs = {**kept, **self._stack_outputs}
            self.checkpoint.save()
        return old_outputs, stack.outputs

    def _do(self, steps: Sequence[Step]) -> None:
        try:
            with self._slots:
                for step in steps:
                    self.control.check()
                    self._executor.run(step)
        except StepFailedError:
            self.control.step_failed = True
            self.control.fail()
            raise StoppedError from None

    @contextmanager
    def _planned(self, type_: str, name: str, parent: str) -> Iterator[None]:
        """Plan alone, and turn whatever goes wrong into the end of the run."""
        with self._planning:
            self.control.check()
            try:
                yield
            except BailError:
                self.control.fail()
                raise StoppedError from None
            except (PlanError, UrnError) as error:
                self.control.fail(error.urn, str(error))
                raise StoppedError from None
            except (ProviderError, ValueError) as error:
                self.control.fail(
                    make_urn(self.scope.stack, self.scope.project, parent, type_, name), str(error)
                )
                raise StoppedError from None
