"""`EmbeddedStack`: runs a Pulumi program in Python without the Pulumi CLI."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from pulumi.automation import ConfigValue, Deployment, OutputValue

from . import property_values as values
from .ctrl_c import interruptibly
from .operation_result import EmbeddedResult, EmbeddedStackError, output_values, without_changes
from .planning import Scope, Selection
from .processes import read_project
from .property_values import Properties
from .stack_operation import StackOperation
from .stack_setup import StackSetup
from .state import Resource, read_state, taint, temporary_state_file, write_state
from .urns_and_aliases import ROOT_STACK_TYPE

_NOTICE = "EmbeddedStack: for tests and for trying out, not for production"


class EmbeddedStack:
    """A stack that needs no Pulumi CLI: for tests and for trying out, never for production.

    The program runs in the SDK's own runtime and dynamic providers in the SDK's own plugin host,
    each in a process of its own. Between them stands a small engine that makes the same calls in
    the same order as the real one. The state is a JSON file in which **secrets stand in plain
    text**; nothing locks it.

    The surface is that of `pulumi.automation.Stack`. What only the real engine does is refused by
    name: other providers than dynamic ones, remote components, transforms, hooks, import, policies,
    plans.

    Example::

        stack = EmbeddedStack("dev", "examples/quickstart")
        result = stack.up()
        assert result.change_summary == {"create": 2}
    """

    def __init__(
        self,
        stack_name: str,
        work_dir: str | os.PathLike[str],
        *,
        project_name: str | None = None,
        config: Mapping[str, str | ConfigValue] | None = None,
        env: Mapping[str, str] | None = None,
        state_file: str | os.PathLike[str] | None = None,
        organization: str = "organization",
        parallel: int | None = None,
        on_output: Callable[[str], None] | None = None,
    ) -> None:
        """Describe a stack; nothing runs yet.

        Args:
            stack_name: The name of the stack.
            work_dir: The folder with `Pulumi.yaml`, whose `main` is obeyed; else the program's.
            project_name: Beats the name in `Pulumi.yaml`.
            config: The stack's configuration; a key without namespace gets the project's.
            env: Added to the environment of the program and of the plugin host.
            state_file: Where the state is kept; default: until this object is gone.
            organization: What `pulumi.get_organization()` answers.
            parallel: How many steps may be done at once; default: four for each core.
            on_output: Gets each line for the user as it comes, from any thread; it must not block.
        """
        self.name = stack_name
        self.work_dir = Path(work_dir).resolve()
        project = read_project(self.work_dir)
        self.project = project_name or project.get("name") or self.work_dir.name
        self.state_file = temporary_state_file(self) if state_file is None else Path(state_file)
        self._config: Properties = {}
        for key, value in (config or {}).items():
            self.set_config(key, value)
        self._env = dict(env or {})
        self._setup = StackSetup(
            organization=organization,
            program_directory=(self.work_dir / str(project.get("main") or ".")).resolve(),
            root_directory=self.work_dir,
            env=self._env,
            parallel=parallel or 4 * (os.cpu_count() or 1),
            state_file=self.state_file,
            on_output=on_output,
        )
        self._run: StackOperation | None = None
        self._interrupts = 0

    def set_config(self, key: str, value: str | ConfigValue, secret: bool = False) -> None:
        """Set one value of the configuration; a key without namespace gets the project's."""
        given = value if isinstance(value, ConfigValue) else ConfigValue(value, secret)
        kept = values.as_secret(given.value) if given.secret else given.value
        self._config[self._full_key(key)] = kept

    def remove_config(self, key: str) -> None:
        """Remove one value of the configuration."""
        self._config.pop(self._full_key(key), None)

    def _full_key(self, key: str) -> str:
        return key if ":" in key else f"{self.project}:{key}"

    def preview(
        self,
        *,
        replace: Collection[str] | None = None,
        target: Collection[str] | None = None,
        target_dependents: bool = False,
        exclude: Collection[str] | None = None,
        refresh: bool = False,
        diff: bool = False,
    ) -> EmbeddedResult:
        """Show what `up` would do.

        Args:
            replace: URNs of resources to replace, or patterns such as `**::name`.
            target: URNs or patterns of the only resources to touch.
            target_dependents: Touch what depends on the targets too.
            exclude: URNs or patterns of resources not to touch; new ones stay unknown to others.
            refresh: Ask the providers for the real state first.
            diff: Accepted as the CLI does; the differing inputs are named in either case.

        Raises:
            EmbeddedStackError: The preview failed.
        """
        scope = self._scope(replace, target, target_dependents, exclude, dry_run=True)
        return self._operate("Previewing update", scope, refresh=refresh, program=True)

    def up(
        self,
        *,
        replace: Collection[str] | None = None,
        target: Collection[str] | None = None,
        target_dependents: bool = False,
        exclude: Collection[str] | None = None,
        refresh: bool = False,
        expect_no_changes: bool = False,
    ) -> EmbeddedResult:
        """Run the program and make the stack what it says; the arguments are those of `preview`.

        Raises:
            EmbeddedStackError: The update failed, or changed what was expected to stay.
        """
        scope = self._scope(replace, target, target_dependents, exclude, dry_run=False)
        result = self._operate("Updating", scope, refresh=refresh, program=True)
        return without_changes(result) if expect_no_changes else result

    def refresh(
        self, *, target: Collection[str] | None = None, expect_no_changes: bool = False
    ) -> EmbeddedResult:
        """Ask the providers how the resources really are, and keep that as the state.

        Raises:
            EmbeddedStackError: A resource could not be read, or has drifted against expectation.
        """
        scope = self._scope(None, target, dry_run=False)
        result = self._operate("Refreshing", scope, refresh=True, program=False, delete=False)
        return without_changes(result) if expect_no_changes else result

    def destroy(
        self,
        *,
        target: Collection[str] | None = None,
        target_dependents: bool = False,
        refresh: bool = False,
    ) -> EmbeddedResult:
        """Delete the resources of the stack; the program does not run.

        Raises:
            EmbeddedStackError: Something could not be deleted.
        """
        scope = self._scope(None, target, target_dependents, dry_run=False)
        return self._operate("Destroying", scope, refresh=refresh, program=False)

    def cancel(self) -> None:
        """End the running operation, as Ctrl-C does; a second call does not wait for running steps.

        May be called from any thread; without a running operation nothing happens.
        """
        self._interrupts += 1
        run = self._run
        if run is not None:
            (run.cancel if self._interrupts == 1 else run.terminate)()

    def outputs(self) -> dict[str, OutputValue]:
        """Return the stack's outputs as in the state."""
        for document in self.state["resources"]:
            if document["type"] == ROOT_STACK_TYPE:
                return output_values(Resource.from_json(document).outputs)
        return {}

    @property
    def state(self) -> dict[str, Any]:
        """The deployment in the state file: `resources` with `urn`, `id`, `inputs`, `outputs`."""
        return {"resources": [], **(self.export_stack().deployment or {})}

    def export_stack(self) -> Deployment:
        """Return the whole state, in the shape of `pulumi stack export --show-secrets`."""
        document = read_state(self.state_file)
        return Deployment(version=document["version"], deployment=document["deployment"])

    def import_stack(self, state: Deployment) -> None:
        """Replace the whole state."""
        write_state(self.state_file, {"version": state.version, "deployment": state.deployment})

    def taint(self, urn: str) -> None:
        """Mark a resource: the next `up` replaces it."""
        taint(self.state_file, urn)

    def _scope(
        self,
        replace: Collection[str] | None,
        target: Collection[str] | None,
        target_dependents: bool = False,
        exclude: Collection[str] | None = None,
        *,
        dry_run: bool,
    ) -> Scope:
        named, wanted, spared = (Selection(names or ()) for names in (replace, target, exclude))
        return Scope(self.name, self.project, dry_run, named, wanted, spared, target_dependents)

    def _operate(
        self,
        title: str,
        scope: Scope,
        *,
        refresh: bool,
        program: bool,
        delete: bool = True,
    ) -> EmbeddedResult:
        heading = f"{_NOTICE}\n\n{title} ({self.name}):"
        run = StackOperation(heading, self._setup, scope, dict(self._config))
        self._interrupts = 0
        self._run = run
        try:
            interruptibly(
                lambda: run.update(refresh=refresh, program=program, delete=delete),
                on_interrupt=self.cancel,
                on_abort=run.terminate,
            )
        finally:
            self._run = None
        result = run.result()
        if run.failed:
            raise EmbeddedStackError(result)
        return result
