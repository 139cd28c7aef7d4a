"""One operation on a stack, from its first process to its last line."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from . import property_values as values
from .checks_before_start import (
    folder_errors,
    interrupted_warning,
    state_errors,
    unknown_names,
)
from .console_output import Console
from .deployment import Deployment, Refresher
from .grpc_services import EngineService, GrpcServer, ResourceMonitor
from .operation_result import EmbeddedResult, Summary, output_values
from .planning import Scope
from .processes import (
    SHOWN_ERROR_EXIT_CODE,
    ChildProcess,
    PluginHost,
    ProviderRegistry,
    start_program,
)
from .property_values import Properties
from .stack_setup import StackSetup
from .state import Checkpoint

_PROGRAM_GRACE_S = 10.0
_STOPPED_PROGRAM_GRACE_S = 1.0
_STOPPED = "stopped"
_SIGNALLED = "signalled"


class StackOperation:
    """An operation under way; `cancel` and `terminate` may be called from any thread."""

    def __init__(self, title: str, setup: StackSetup, scope: Scope, config: Properties) -> None:
        """Read the state and get ready; nothing is started yet."""
        self.checkpoint = Checkpoint(setup.state_file, dry_run=scope.dry_run)
        self.console = Console(
            title, scope.stack_urn, preview=scope.dry_run, on_output=setup.on_output
        )
        self.canceled = False
        self.failed = False
        self.outputs: Properties | None = None
        self._old_outputs: Properties = {}
        self._setup = setup
        self._scope = scope
        self._config = config
        self._registry: ProviderRegistry | None = None
        self._program: ChildProcess | None = None
        self._events: SimpleQueue[str | int] = SimpleQueue()
        self._canceling = threading.Event()
        self._deployment: Deployment | None = None
        self._engine_service = EngineService(self.console)

    def update(self, *, refresh: bool, program: bool, delete: bool = True) -> None:
        """Refresh if wanted, run the program if wanted, delete what is left over, tell the end."""
        server = GrpcServer(self._engine_service)
        registry = self._registry = self._new_registry(server.address)
        try:
            self._look_before(program=program, refresh=refresh)
            if refresh and not self.failed:
                self._refresh(registry, counting=not (program or delete))
            if not self.failed and not self._canceling.is_set() and (program or delete):
                self._deploy(registry, server.address, program=program)
        finally:
            registry.close()
            server.close()
        if self._canceling.is_set():
            self.canceled = self.failed = True
        self._tell_end()

    def result(self) -> EmbeddedResult:
        """Tell what it came to."""
        result = "failed" if self.failed else "succeeded"
        summary = Summary(result, dict(self.console.changes))
        known = {
            key: value
            for key, value in (self.outputs or {}).items()
            if not values.contains_unknown(value)
        }
        return EmbeddedResult(self.console.text, summary, output_values(known))

    def cancel(self) -> None:
        """Let running steps end, and begin nothing new."""
        if not self._canceling.is_set():
            self.console.say(
                "@ canceling: what is under way is awaited; cancel again to give it up"
            )
        self._canceling.set()
        if self._deployment is not None:
            self._deployment.control.stop()
        if self._registry is not None:
            self._registry.cancel()

    def terminate(self) -> None:
        """End at once: what a running step has done is not saved."""
        self.checkpoint.close()
        self.cancel()
        for process in (self._registry, self._program):
            if process is not None:
                process.kill()

    def _refresh(self, registry: ProviderRegistry, *, counting: bool) -> None:
        refresher = Refresher(
            find_provider=registry.find,
            checkpoint=self.checkpoint,
            console=self.console,
            stopped=self._canceling.is_set,
            parallel=self._setup.parallel,
            counting=counting,
        )
        if not refresher.run(self._scope.includes):
            self.failed = True
            self._tell_failure()

    def _deploy(self, registry: ProviderRegistry, engine_address: str, *, program: bool) -> None:
        deployment = self._deployment = Deployment(
            scope=self._scope,
            checkpoint=self.checkpoint,
            console=self.console,
            registry=registry,
            config=self._config,
            parallel=self._setup.parallel,
            on_stop=lambda: self._events.put(_STOPPED),
        )
        if self._canceling.is_set():
            return
        if program:
            registry.warm_up()
            self._run_program(deployment, engine_address)
        else:
            deployment.delete_rest()
        self.failed = deployment.control.failed or deployment.so_far.failed
        self._old_outputs, self.outputs = deployment.finish_outputs()

    def _run_program(self, deployment: Deployment, engine_address: str) -> None:
        scope, setup = self._scope, self._setup
        secret_keys = [key for key, value in self._config.items() if values.is_secret(value)]
        plain = {key: str(values.revealed(value)) for key, value in self._config.items()}
        monitor = ResourceMonitor(
            deployment,
            stack_names={scope.stack, f"{setup.organization}/{scope.project}/{scope.stack}"},
            config=plain,
            secret_keys=secret_keys,
            organization=setup.organization,
            parallel=setup.parallel,
            on_shutdown=lambda: self._events.put(_SIGNALLED),
        )
        server = GrpcServer(monitor)
        watcher: threading.Thread | None = None
        try:
            self._program = start_program(
                setup,
                project=scope.project,
                stack=scope.stack,
                config=plain,
                secret_keys=secret_keys,
                monitor_address=server.address,
                engine_address=engine_address,
                dry_run=scope.dry_run,
                on_line=lambda line: self.console.log("info", "", line),
            )
            watcher = threading.Thread(target=self._watch, args=(self._program,), daemon=True)
            watcher.start()
            self._follow(deployment)
        finally:
            monitor.release()
            if watcher is not None and self._program is not None:
                self._program.close(
                    _STOPPED_PROGRAM_GRACE_S if deployment.control.is_stopping else _PROGRAM_GRACE_S
                )
                watcher.join()
            server.close()

    def _watch(self, program: ChildProcess) -> None:
        """Take note when the program ends, also in ways in which it says nothing."""
        code = program.wait()
        self._events.put(0 if code is None else code)

    def _follow(self, deployment: Deployment) -> None:
        """Wait until the program is through, one way or another, then delete the rest."""
        event = self._events.get()
        if isinstance(event, int) and event != 0:
            if event != SHOWN_ERROR_EXIT_CODE and not deployment.control.is_stopping:
                message = (
                    f"an unhandled error occurred: program exited with non-zero exit code: {event}"
                )
                self.console.log("error", "", message)
            deployment.control.fail()
        deployment.control.wait_until_idle()
        deployment.delete_rest()

    def _new_registry(self, engine_address: str) -> ProviderRegistry:
        def start() -> PluginHost:
            return PluginHost(
                self._setup,
                engine_address=engine_address,
                project=self._scope.project,
                on_line=lambda line: self.console.log("info", "", line),
            )

        return ProviderRegistry(start=start, base=lambda: self.checkpoint.base)

    def _look_before(self, *, program: bool, refresh: bool) -> None:
        """Refuse what cannot work, and warn of what an earlier run has left behind."""
        base = self.checkpoint.base
        for error in (
            *folder_errors(self._setup.program_directory, program=program),
            *state_errors(base),
            *unknown_names(self._scope, base, program=program, refresh=refresh),
        ):
            self.console.log("error", "", error)
            self.failed = True
        if self.checkpoint.interrupted and not (self._scope.dry_run or refresh):
            warning = interrupted_warning(self.checkpoint.interrupted)
            self.console.log("warning", "", warning)

    def _tell_failure(self) -> None:
        self.console.log("error", "", "preview failed" if self._scope.dry_run else "update failed")

    def _tell_end(self) -> None:
        deployment = self._deployment
        if self.canceled:
            self.console.log(
                "error", "", "preview canceled" if self._scope.dry_run else "update canceled"
            )
        elif self.failed and deployment is not None and deployment.control.step_failed:
            self._tell_failure()
        first = deployment is not None and self._scope.stack_urn not in deployment.so_far.olds
        self.console.finish(self._old_outputs, self.outputs, first=first)
