"""`EmbeddedStack`: runs a Pulumi program in Python without the Pulumi CLI."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pulumi.automation import ConfigValue, Deployment, OutputValue

from . import values
from .interrupt import interruptibly
from .planning.plan_so_far import Scope
from .planning.targets import Selection
from .process import child_env
from .program import read_project
from .result import EmbeddedResult, EmbeddedStackError, Summary, output_values
from .stack_operation import Run, Setting
from .state import Resource, read_state, write_state
from .urns import ROOT_STACK_TYPE
from .values import Properties

_NOTICE = "EmbeddedStack: for tests and for trying out, not for production"


class EmbeddedStack:
    """A stack that is deployed without the Pulumi CLI: for tests and for trying out, never for production.

    The program runs in the SDK's own runtime and dynamic providers in the SDK's own plugin host, each in a process
    of its own.  Between them stands a small engine that makes the same calls in the same order as the real one.
    The state is a JSON file in which **secrets stand in plain text**; nothing locks it.

    The surface is that of `pulumi.automation.Stack`.  What only the real engine does is refused by name: other
    providers than dynamic ones, remote components, transforms, hooks, import, policies, plans.

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
        python: str = sys.executable,
        on_output: Callable[[str], None] | None = None,
    ) -> None:
        """Describe a stack; nothing runs yet.

        Args:
            stack_name: The name of the stack.
            work_dir: The folder with `Pulumi.yaml`; its `main` is obeyed.  Without the file, the program's folder.
            project_name: Beats the name in `Pulumi.yaml`.
            config: The stack's configuration; a key without namespace gets the project's.
            env: Added to the environment of the program and of the plugin host.
            state_file: Where the state is kept; default: a temporary folder that lives as long as this object.
            organization: What `pulumi.get_organization()` answers.
            parallel: How many steps may be done at once; default: four for each core.
            python: The interpreter that runs the program and the plugin host.
            on_output: Gets each line for the user as it comes, from any thread; it must not block.
        """
        self.name = stack_name
        self.work_dir = Path(work_dir).resolve()
        project = read_project(self.work_dir)
        self.project = project_name or project.get("name") or self.work_dir.name
        self.state_file = self._temporary_state_file() if state_file is None else Path(state_file)
        self._config: Properties = {}
        for key, value in (config or {}).items():
            self.set_config(key, value)
        self._env = dict(env or {})
        self._organization = organization
        self._parallel = parallel or 4 * (os.cpu_count() or 1)
        self._python = python
        self._on_output = on_output
        self._program_directory = (self.work_dir / str(project.get("main") or ".")).resolve()
        self._run: Run | None = None
        self._interrupts = 0

    def set_config(self, key: str, value: str | ConfigValue, secret: bool = False) -> None:
        """Set one value of the configuration; a key without namespace gets the project's."""
        full_key = key if ":" in key else f"{self.project}:{key}"
        given = value if isinstance(value, ConfigValue) else ConfigValue(value, secret)
        self._config[full_key] = values.as_secret(given.value) if given.secret else given.value

    def remove_config(self, key: str) -> None:
        """Remove one value of the configuration."""
        self._config.pop(key if ":" in key else f"{self.project}:{key}", None)

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
            replace: URNs of resources to replace; as everywhere, `**::name` and the like stand for what they match.
            target: URNs of the only resources to touch.
            target_dependents: Touch what depends on the targets too.
            exclude: URNs of resources not to touch; one that does not exist stays unknown to its dependents.
            refresh: Ask the providers for the real state first.
            diff: Accepted for the sake of the real engine; the differing inputs are named in either case.

        Raises:
            EmbeddedStackError: The preview failed.
        """
        scope = self._scope(replace, target, target_dependents, exclude, dry_run=True)
        return self._operate("Previewing update", "preview", scope, refresh=refresh, program=True)

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
            EmbeddedStackError: The update failed, or changed something that was expected to stay; what was finished is in the state.
        """
        scope = self._scope(replace, target, target_dependents, exclude, dry_run=False)
        result = self._operate("Updating", "update", scope, refresh=refresh, program=True)
        return _unchanged(result) if expect_no_changes else result

    def refresh(
        self, *, target: Collection[str] | None = None, expect_no_changes: bool = False
    ) -> EmbeddedResult:
        """Ask the providers how the resources really are, and keep that as the state.

        Raises:
            EmbeddedStackError: A resource could not be read, or has drifted although that was not expected.
        """
        scope = self._scope(None, target, dry_run=False)
        result = self._operate(
            "Refreshing", "refresh", scope, refresh=True, program=False, delete=False
        )
        return _unchanged(result) if expect_no_changes else result

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
        return self._operate("Destroying", "destroy", scope, refresh=refresh, program=False)

    def cancel(self) -> None:
        """End the running operation, as Ctrl-C does: the first call lets running steps finish, the second does not.

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
        """The deployment in the state file: `resources`, each with `urn`, `id`, `inputs`, `outputs` and its flags."""
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
        document = read_state(self.state_file)
        found = [
            each
            for each in document["deployment"]["resources"]
            if each["urn"] == urn and not each.get("delete")
        ]
        if not found:
            raise KeyError(f"No such resource {urn!r} exists in the current state")
        for each in found:
            each["taint"] = True
        write_state(self.state_file, document)

    def _scope(
        self,
        replace: Collection[str] | None,
        target: Collection[str] | None,
        dependents: bool = False,
        exclude: Collection[str] | None = None,
        *,
        dry_run: bool,
    ) -> Scope:
        return Scope(
            stack=self.name,
            project=self.project,
            dry_run=dry_run,
            replace=Selection(replace or ()),
            targets=Selection(target or ()),
            target_dependents=dependents,
            excludes=Selection(exclude or ()),
        )

    def _operate(
        self,
        title: str,
        kind: str,
        scope: Scope,
        *,
        refresh: bool,
        program: bool,
        delete: bool = True,
    ) -> EmbeddedResult:
        setting = Setting(
            organization=self._organization,
            python=self._python,
            program_directory=self._program_directory,
            root_directory=self.work_dir,
            env=child_env(self._env),
            parallel=self._parallel,
            state_file=self.state_file,
            on_output=self._on_output,
        )
        run = Run(f"{_NOTICE}\n\n{title} ({self.name}):", setting, scope, dict(self._config))
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
        result = EmbeddedResult(
            stdout=run.narrator.text,
            summary=Summary(
                kind, "failed" if run.failed else "succeeded", dict(run.narrator.changes)
            ),
            outputs=output_values(
                {
                    key: value
                    for key, value in (run.outputs or {}).items()
                    if not values.contains_unknown(value)
                }
            ),
        )
        if run.failed:
            raise EmbeddedStackError(result)
        return result

    def _temporary_state_file(self) -> Path:
        folder = tempfile.mkdtemp(prefix="embedded-stack-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder, "state.json")


def _unchanged(result: EmbeddedResult) -> EmbeddedResult:
    if set(result.change_summary) <= {"same"}:
        return result
    raise EmbeddedStackError(
        replace(
            result, stdout=result.stdout + "error: no changes were expected but changes occurred\n"
        )
    )
