"""The two engines that scenario tests run on.

Ours always, Pulumi's own wherever its CLI is found.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import pulumi.automation as automation
import pytest

from pulumi_zuora_backfill.testing.engine import EmbeddedStack, EmbeddedStackError

REAL_ENGINE_MISSING = "no pulumi CLI on PATH or in ~/.pulumi/bin"


class Stack(Protocol):
    """What scenario tests use of a stack, on either engine."""

    @property
    def state(self) -> dict[str, Any]:
        """The deployment: `resources` with their flags."""

    def set_config(self, key: str, value: str, secret: bool = False) -> None:
        """Set one value of the configuration."""

    def preview(self, **options: Any) -> Any:
        """Show what would be done; the result has `stdout` and `change_summary`.

        The options: `replace`, `target` and `exclude` with URNs or patterns, `target_dependents`,
        `refresh`.
        """

    def up(self, **options: Any) -> Any:
        """Do it; the result has `stdout`, `change_summary` and `outputs`.

        The options are those of `preview`.
        """

    def refresh(self, **options: Any) -> Any:
        """Look how things really are."""

    def destroy(self, **options: Any) -> Any:
        """Delete everything."""

    def outputs(self) -> Mapping[str, Any]:
        """Return the stack's outputs."""

    def taint(self, urn: str) -> None:
        """Mark a resource to be replaced."""


class EngineError(Exception):
    """An operation failed, on either engine."""

    def __init__(self, stdout: str) -> None:
        """Keep what the user read."""
        super().__init__(stdout)
        self.stdout = stdout


class Result:
    """The outcome of an operation, on either engine."""

    def __init__(
        self, stdout: str, change_summary: Mapping[str, int], outputs: Mapping[str, Any]
    ) -> None:
        """Keep the parts."""
        self.stdout = stdout
        self.change_summary = dict(change_summary)
        self.outputs = dict(outputs)


class RealStack:
    """A stack of the real engine, with a backend and a home of its own.

    Its surface is that of `EmbeddedStack`.
    """

    def __init__(
        self,
        stack_name: str,
        work_dir: str | os.PathLike[str],
        *,
        config: Mapping[str, str | automation.ConfigValue] | None = None,
        env: Mapping[str, str] | None = None,
        organization: str = "organization",
        on_output: Callable[[str], None] | None = None,
    ) -> None:
        """Create the stack; the CLI must be there.  A file backend knows one organization only."""
        cli = pulumi_cli()
        assert cli is not None, REAL_ENGINE_MISSING
        assert organization == "organization", "a file backend has no other organization"
        home = Path(tempfile.mkdtemp(prefix="real-stack-"))
        weakref.finalize(self, shutil.rmtree, home, ignore_errors=True)
        (home / "backend").mkdir()
        self._on_output = on_output
        local = "127.0.0.1,localhost"
        program_path = os.pathsep.join(
            [str(Path(cli).parent), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        self._stack = automation.create_stack(
            stack_name,
            work_dir=str(work_dir),
            opts=automation.LocalWorkspaceOptions(
                pulumi_home=str(home / "home"),
                env_vars={
                    "PULUMI_BACKEND_URL": f"file://{home / 'backend'}",
                    "PULUMI_CONFIG_PASSPHRASE": "test",
                    "PULUMI_SKIP_UPDATE_CHECK": "true",
                    "PATH": program_path,
                    "NO_PROXY": local,
                    "no_proxy": local,
                    **(env or {}),
                },
            ),
        )
        for key, value in (config or {}).items():
            self.set_config(key, value)

    def set_config(
        self, key: str, value: str | automation.ConfigValue, secret: bool = False
    ) -> None:
        """Set one value of the configuration."""
        given = (
            value
            if isinstance(value, automation.ConfigValue)
            else automation.ConfigValue(value, secret)
        )
        self._stack.set_config(key, given)

    def preview(
        self,
        *,
        replace: Collection[str] | None = None,
        target: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
        **options: Any,
    ) -> Result:
        """Show what would be done."""
        result = self._call(
            self._stack.preview,
            replace=_listed(replace),
            target=_listed(target),
            exclude=_listed(exclude),
            **options,
        )
        return Result(
            result.stdout, {_op_name(op): count for op, count in result.change_summary.items()}, {}
        )

    def up(
        self,
        *,
        replace: Collection[str] | None = None,
        target: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
        **options: Any,
    ) -> Result:
        """Do it."""
        result = self._call(
            self._stack.up,
            replace=_listed(replace),
            target=_listed(target),
            exclude=_listed(exclude),
            **options,
        )
        return Result(result.stdout, result.summary.resource_changes or {}, result.outputs)

    def refresh(self, **options: Any) -> Result:
        """Look how things really are."""
        result = self._call(self._stack.refresh, **options)
        return Result(result.stdout, result.summary.resource_changes or {}, {})

    def destroy(self, **options: Any) -> Result:
        """Delete everything."""
        result = self._call(self._stack.destroy, **options)
        return Result(result.stdout, result.summary.resource_changes or {}, {})

    def outputs(self) -> Mapping[str, Any]:
        """Return the stack's outputs."""
        return self._stack.outputs()

    def export_stack(self) -> automation.Deployment:
        """Return the whole state."""
        return self._stack.export_stack()

    def import_stack(self, state: automation.Deployment) -> None:
        """Replace the whole state."""
        self._stack.import_stack(state)

    @property
    def state(self) -> dict[str, Any]:
        """The deployment: `resources` with their flags."""
        return {"resources": [], **(self.export_stack().deployment or {})}

    def taint(self, urn: str) -> None:
        """Mark a resource to be replaced."""
        state = self.export_stack()
        for resource in (state.deployment or {})["resources"]:
            if resource["urn"] == urn and not resource.get("delete"):
                resource["taint"] = True
        self.import_stack(state)

    def cancel(self) -> None:
        """Release the lock of an operation that was killed."""
        self._stack.cancel()

    def _call(self, operation: Callable[..., Any], **options: Any) -> Any:
        given = {key: value for key, value in options.items() if value is not None}
        try:
            return operation(color="never", on_output=self._on_output or _nowhere, **given)
        except automation.CommandError as error:
            raise EngineError(str(error)) from error


class ComparableEmbeddedStack(EmbeddedStack):
    """An `EmbeddedStack` whose failures are those of either engine."""

    def _operate(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super()._operate(*args, **kwargs)
        except EmbeddedStackError as error:
            raise EngineError(error.stdout) from error


@lru_cache
def pulumi_cli() -> str | None:
    """Find the CLI and the Python language host that must stand beside it."""
    search = os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / ".pulumi" / "bin")])
    cli = shutil.which("pulumi", path=search)
    return cli if cli and shutil.which("pulumi-language-python", path=search) else None


def engines_asked_for(asked: str) -> list[str]:
    """Name the engines that scenario tests run on: the real one only if asked for, and there."""
    real = ["real"] if pulumi_cli() else []
    return {"embedded": ["embedded"], "real": real, "all": ["embedded", *real]}[asked]


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> type[Any]:
    """The class of stack to test with, of either engine; both take the same arguments."""
    return RealStack if request.param == "real" else ComparableEmbeddedStack


def _listed(urns: Collection[str] | None) -> list[str] | None:
    return None if urns is None else list(urns)


def _op_name(op: Any) -> str:
    """Return an operation's name, which is an enum's value in some SDKs."""
    return str(getattr(op, "value", op))


def _nowhere(_line: str) -> None:
    """Swallow a line."""
