"""One deployment: takes what a program registers, plans it, does it, and deletes the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pulumi_zuora_backfill.testing.engine.checkpoint import Checkpoint
from pulumi_zuora_backfill.testing.engine.events import Narrator
from pulumi_zuora_backfill.testing.engine.failures import ProviderError
from pulumi_zuora_backfill.testing.engine.goal import Goal, NotSupportedError
from pulumi_zuora_backfill.testing.engine.graph import all_prerequisites_of
from pulumi_zuora_backfill.testing.engine.hosts import DYNAMIC_PACKAGE, Hosts, is_default_denied
from pulumi_zuora_backfill.testing.engine.planner import Planner
from pulumi_zuora_backfill.testing.engine.planning.deletion_planner import plan_deletes
from pulumi_zuora_backfill.testing.engine.planning.plan_so_far import (
    BailError,
    Ledger,
    PlanError,
    Scope,
)
from pulumi_zuora_backfill.testing.engine.replace import Replacer
from pulumi_zuora_backfill.testing.engine.state import Resource
from pulumi_zuora_backfill.testing.engine.steps import (
    ProtectedError,
    Step,
    StepFailedError,
    StepRunner,
)
from pulumi_zuora_backfill.testing.engine.urns import (
    ROOT_STACK_TYPE,
    is_provider_type,
    make_urn,
    reference_to,
)
from pulumi_zuora_backfill.testing.engine.values import Properties


class StoppedError(Exception):
    """The run is ending: nothing new is begun."""


class Deployment:
    """Plans one resource at a time, and does the steps of many at once."""

    def __init__(
        self,
        *,
        scope: Scope,
        checkpoint: Checkpoint,
        narrator: Narrator,
        hosts: Hosts,
        config: Properties,
        parallel: int,
        on_stop: Callable[[], None],
    ) -> None:
        """Begin; `on_stop` is called when the run is to end early."""
        self.scope = scope
        self.checkpoint = checkpoint
        self.narrator = narrator
        self.failed = False
        self.step_failed = False
        self.stopping = threading.Event()
        self._config = config
        self._parallel = parallel
        self._on_stop = on_stop
        self._planning = threading.Lock()
        self._slots = threading.Semaphore(parallel)
        self._idle = threading.Condition()
        self._active = 0
        self._goals: dict[str, Goal] = {}
        self._registered: dict[str, Resource] = {}
        self._providers: dict[str, str] = {}
        self._stack_outputs: Properties | None = None
        self.ledger = Ledger(scope=scope, base=checkpoint.base)
        replacer = Replacer(ledger=self.ledger, host=hosts.serving, narrator=narrator)
        self._planner = Planner(
            ledger=self.ledger,
            host=hosts.serving,
            is_registered=hosts.is_registered,
            narrator=narrator,
            replacer=replacer,
        )
        self._runner = StepRunner(
            host=hosts.serving,
            serve=hosts.register,
            checkpoint=checkpoint,
            narrator=narrator,
            dry_run=scope.dry_run,
            deleted=self.ledger.deleted,
        )

    @property
    def stack_urn(self) -> str:
        """The URN of the root stack."""
        return stack_urn(self.scope)

    def stop(self) -> None:
        """Begin nothing new; what is under way goes on to its end."""
        self.stopping.set()
        self._on_stop()

    def fail(self, urn: str, message: str) -> None:
        """Tell an error and end the run with it."""
        if message:
            self.narrator.log("error", urn, message)
        self.failed = True
        self.stop()

    def register(self, goal: Goal) -> tuple[Resource, bool]:
        """Bring one resource about; return it, and whether it is left out because the run is not to touch it.

        Raises:
            StoppedError: The run is ending, perhaps because this very resource failed.
        """
        with self._running():
            if goal.parent in self._goals:
                goal = goal.inheriting(self._goals[goal.parent])
            with self._planned(goal.type, goal.name, goal.parent):
                provider = self._provider_of(goal.type, goal.provider) if goal.custom else ""
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
        with self._running():
            with self._planned(resource.type, name, resource.parent):
                resource.provider = self._provider_of(resource.type, resource.provider)
                steps = self._planner.plan_read(resource, name)
            self._do(steps)
            return resource

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Set the outputs of a component; the stack's own are settled when the run is over."""
        with self._running():
            if urn == self.stack_urn:
                self._stack_outputs = outputs
                return
            resource = self._registered.get(urn)
            if resource is None:
                self.fail(
                    "", f"cannot complete a resource '{urn}' whose registration isn't pending"
                )
                raise StoppedError
            resource.outputs = outputs
            self.checkpoint.save()

    def resource_outputs(self) -> Properties:
        """Answer `readStackResourceOutputs`: type and outputs of every resource as the state holds them now."""
        with self._planned(ROOT_STACK_TYPE, "", ""):
            # The real engine serves this from a provider of its own, which shows in the state.
            self._default_provider("pulumi")
        resources = self.ledger.base if self.scope.dry_run else self.checkpoint.resources()
        return {
            resource.urn: {"type": resource.type, "outputs": resource.outputs}
            for resource in resources
            if not resource.delete
        }

    def delete_rest(self) -> None:
        """Delete what was replaced and what is no longer wanted."""
        if self.stopping.is_set():
            return
        try:
            with self._planning:
                groups = plan_deletes(self.ledger, self._planner.replacer, self.narrator)
        except BailError:
            self.fail("", "")
            return
        protected: list[Resource] = []
        for group in groups:
            needed = {
                needed
                for each in protected
                for needed in all_prerequisites_of(each, self.ledger.base)
            }
            protected += self._delete_group([step for step in group if step.resource not in needed])

    def _delete_group(self, steps: Sequence[Step]) -> list[Resource]:
        """Delete at once; a protected resource is an error that stops only what it needs."""
        protected: list[Resource] = []

        def delete(step: Step) -> None:
            try:
                with self._slots:
                    self._check_not_stopped()
                    self._runner.run(step)
            except StepFailedError as error:
                self.failed = self.step_failed = True
                if isinstance(error.__cause__, ProtectedError):
                    protected.append(step.resource)
                else:
                    self.stop()
            except StoppedError:
                pass

        if steps:
            with ThreadPoolExecutor(max_workers=min(len(steps), self._parallel)) as pool:
                list(pool.map(delete, steps))
        return protected

    def wait_until_idle(self) -> None:
        """Wait for the steps that are under way."""
        with self._idle:
            self._idle.wait_for(lambda: self._active == 0)

    def finish_outputs(self) -> tuple[Properties, Properties | None]:
        """Settle the stack's outputs, return the old and the new ones; after a failure old ones not set anew stay."""
        old = self.ledger.olds.get(self.stack_urn)
        old_outputs = old.outputs if old is not None else {}
        stack = self._registered.get(self.stack_urn)
        if stack is None:
            return old_outputs, None
        if self._stack_outputs is not None:
            kept = old_outputs if self.failed or self.ledger.failed else {}
            stack.outputs = {**kept, **self._stack_outputs}
            self.checkpoint.save()
        return old_outputs, stack.outputs

    def _provider_of(self, type_: str, explicit: str) -> str:
        """Return the reference to a resource's provider; providers themselves have none."""
        if explicit or is_provider_type(type_):
            return explicit
        if is_default_denied(self._config, DYNAMIC_PACKAGE):
            raise ValueError(
                f"Default provider for '{DYNAMIC_PACKAGE}' disabled. '{type_}' must use an explicit provider."
            )
        return self._default_provider(DYNAMIC_PACKAGE)

    def _default_provider(self, package: str) -> str:
        """Register the provider that serves a package, which keeps the configuration in the state."""
        if package not in self._providers:
            goal = Goal(
                type=f"pulumi:providers:{package}",
                name="default",
                custom=True,
                parent="",
                inputs=self._config if package == DYNAMIC_PACKAGE else {},
            )
            step = self._planner.plan(goal, "")[-1]
            self._runner.run(step)
            self._providers[package] = reference_to(step.resource.urn, step.resource.id)
        return self._providers[package]

    def _do(self, steps: Sequence[Step]) -> None:
        try:
            with self._slots:
                for step in steps:
                    self._check_not_stopped()
                    self._runner.run(step)
        except StepFailedError:
            self.failed = self.step_failed = True
            self.stop()
            raise StoppedError from None

    def _check_not_stopped(self) -> None:
        if self.stopping.is_set():
            raise StoppedError

    @contextmanager
    def _running(self) -> Iterator[None]:
        with self._idle:
            self._active += 1
        try:
            self._check_not_stopped()
            yield
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()

    @contextmanager
    def _planned(self, type_: str, name: str, parent: str) -> Iterator[None]:
        """Plan alone, and turn whatever goes wrong into the end of the run."""
        with self._planning:
            self._check_not_stopped()
            try:
                yield
            except BailError:
                self.fail("", "")
                raise StoppedError from None
            except PlanError as error:
                self.fail(error.urn, str(error))
                raise StoppedError from None
            except (ProviderError, NotSupportedError, ValueError) as error:
                self.fail(
                    make_urn(self.scope.stack, self.scope.project, parent, type_, name), str(error)
                )
                raise StoppedError from None


def stack_urn(scope: Scope) -> str:
    """Return the URN of a run's root stack."""
    return make_urn(
        scope.stack, scope.project, "", ROOT_STACK_TYPE, f"{scope.project}-{scope.stack}"
    )
