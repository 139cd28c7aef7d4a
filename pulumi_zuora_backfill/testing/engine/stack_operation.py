"""One operation on a stack, from its first process to its last line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from . import references, values
from .checkpoint import Checkpoint
from .deployment.deployment import Deployment, stack_urn
from .events import Narrator
from .hosts import Hosts
from .monitor import Engine, Monitor, Server
from .planning.plan_so_far import Scope
from .process import ChildProcess
from .processes.plugin_host import PluginHost
from .program import SHOWN_ERROR_EXIT_CODE, missing_at, start_program
from .refresh import Refresher
from .values import Properties

_PROGRAM_GRACE_S = 10.0
_STOPPED_PROGRAM_GRACE_S = 1.0
_STOPPED = "stopped"
_SIGNALLED = "signalled"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all operations on a stack share."""

    organization: str
    python: str
    program_directory: Path
    root_directory: Path
    env: Mapping[str, str]
    parallel: int
    state_file: Path
    on_output: Callable[[str], None] | None


class Run:
    """An operation under way; `cancel` and `terminate` may be called from any thread."""

    def __init__(self, title: str, setting: Setting, scope: Scope, config: Properties) -> None:
        """Read the state and get ready; nothing is started yet."""
        self.checkpoint = Checkpoint(setting.state_file, dry_run=scope.dry_run)
        self.narrator = Narrator(
            title, stack_urn(scope), preview=scope.dry_run, on_output=setting.on_output
        )
        self.canceled = False
        self.failed = False
        self.outputs: Properties | None = None
        self._old_outputs: Properties = {}
        self._setting = setting
        self._scope = scope
        self._config = config
        self._hosts: Hosts | None = None
        self._program: ChildProcess | None = None
        self._events: SimpleQueue[str | int] = SimpleQueue()
        self._canceling = threading.Event()
        self._deployment: Deployment | None = None
        self._engine = Engine()

    def update(self, *, refresh: bool, program: bool, delete: bool = True) -> None:
        """Refresh if wanted, run the program if wanted, delete what is then left over, and tell the end."""
        self._engine.narrator = self.narrator
        server = Server(self._engine)
        hosts = self._hosts = self._new_hosts(server.address)
        try:
            self._refuse_wrong_folder(program=program)
            self._refuse_broken_state()
            self._refuse_unknown_names(program=program, refresh=refresh)
            self._warn_of_interrupted(refreshing=refresh)
            if refresh and not self.failed:
                self._refresh(hosts, counting=not (program or delete))
            if not self.failed and not self._canceling.is_set() and (program or delete):
                self._deploy(hosts, server.address, program=program)
        finally:
            hosts.close()
            server.close()
        if self._canceling.is_set():
            self.canceled = self.failed = True
        self._tell_end()

    def cancel(self) -> None:
        """Let running steps end, and begin nothing new."""
        if not self._canceling.is_set():
            self.narrator.say(
                "@ canceling: what is under way is awaited; cancel again to give it up"
            )
        self._canceling.set()
        if self._deployment is not None:
            self._deployment.stop()
        if self._hosts is not None:
            self._hosts.cancel()

    def terminate(self) -> None:
        """End at once: what a running step has done is not saved."""
        self.checkpoint.close()
        self.cancel()
        for process in (self._hosts, self._program):
            if process is not None:
                process.kill()

    def _refresh(self, hosts: Hosts, *, counting: bool) -> None:
        refresher = Refresher(
            host=hosts.serving,
            checkpoint=self.checkpoint,
            narrator=self.narrator,
            stopped=self._canceling.is_set,
            parallel=self._setting.parallel,
            counting=counting,
        )
        if not refresher.run(self._scope.includes):
            self.failed = True
            self._tell_failure()

    def _deploy(self, hosts: Hosts, engine_address: str, *, program: bool) -> None:
        deployment = self._deployment = Deployment(
            scope=self._scope,
            checkpoint=self.checkpoint,
            narrator=self.narrator,
            hosts=hosts,
            config=self._config,
            parallel=self._setting.parallel,
            on_stop=lambda: self._events.put(_STOPPED),
        )
        if self._canceling.is_set():
            return
        if program:
            hosts.warm_up()
            self._run_program(deployment, engine_address)
        else:
            deployment.delete_rest()
        self.failed = deployment.failed or deployment.ledger.failed
        self._old_outputs, self.outputs = deployment.finish_outputs()

    def _run_program(self, deployment: Deployment, engine_address: str) -> None:
        scope, setting = self._scope, self._setting
        secret_keys = [key for key, value in self._config.items() if values.is_secret(value)]
        plain = {key: str(values.revealed(value)) for key, value in self._config.items()}
        monitor = Monitor(
            deployment,
            stack_names={scope.stack, f"{setting.organization}/{scope.project}/{scope.stack}"},
            config=plain,
            secret_keys=secret_keys,
            organization=setting.organization,
            parallel=setting.parallel,
            on_shutdown=lambda: self._events.put(_SIGNALLED),
        )
        server = Server(monitor)
        watcher: threading.Thread | None = None
        try:
            self._program = start_program(
                python=setting.python,
                directory=setting.program_directory,
                root_directory=setting.root_directory,
                env=setting.env,
                project=scope.project,
                stack=scope.stack,
                organization=setting.organization,
                config=plain,
                secret_keys=secret_keys,
                monitor_address=server.address,
                engine_address=engine_address,
                parallel=setting.parallel,
                dry_run=scope.dry_run,
                on_line=lambda line: self.narrator.log("info", "", line),
            )
            watcher = threading.Thread(target=self._watch, args=(self._program,), daemon=True)
            watcher.start()
            self._follow(deployment)
        finally:
            monitor.release()
            if watcher is not None and self._program is not None:
                self._program.close(
                    _STOPPED_PROGRAM_GRACE_S if deployment.stopping.is_set() else _PROGRAM_GRACE_S
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
            if event != SHOWN_ERROR_EXIT_CODE and not deployment.stopping.is_set():
                message = (
                    f"an unhandled error occurred: program exited with non-zero exit code: {event}"
                )
                self.narrator.log("error", "", message)
            deployment.failed = True
            deployment.stopping.set()
        deployment.wait_until_idle()
        deployment.delete_rest()

    def _new_hosts(self, engine_address: str) -> Hosts:
        def start() -> PluginHost:
            return PluginHost(
                python=self._setting.python,
                engine_address=engine_address,
                directory=self._setting.program_directory,
                env=self._setting.env,
                project=self._scope.project,
                on_line=lambda line: self.narrator.log("info", "", line),
            )

        return Hosts(start=start, base=lambda: self.checkpoint.base)

    def _warn_of_interrupted(self, *, refreshing: bool) -> None:
        if not self.checkpoint.interrupted or self._scope.dry_run or refreshing:
            return
        listed = "".join(
            f"  * {operation['resource']['urn']}, interrupted while {operation['type']}\n"
            for operation in self.checkpoint.interrupted
        )
        self.narrator.log(
            "warning",
            "",
            "Attempting to deploy or update resources with "
            f"{len(self.checkpoint.interrupted)} pending operations from previous deployment.\n{listed}"
            "These resources are in an unknown state because an earlier run was interrupted while waiting for changes "
            "to these resources to complete.",
        )

    def _refuse_wrong_folder(self, *, program: bool) -> None:
        missing = missing_at(self._setting.program_directory, program=program)
        if missing:
            self.narrator.log(
                "error", "", f"{missing}; check the stack's work_dir, and main in its Pulumi.yaml"
            )
            self.failed = True

    def _refuse_broken_state(self) -> None:
        if trouble := references.dangling(self.checkpoint.base):
            self.narrator.log(
                "error", "", f"snapshot integrity failure; refusing to use it: {trouble}"
            )
            self.failed = True

    def _refuse_unknown_names(self, *, program: bool, refresh: bool) -> None:
        """End a run that names what the state does not have; only a target may still come from the program."""
        scope = self._scope
        known = {resource.urn for resource in self.checkpoint.base}
        named = set(scope.replace.literals)
        if refresh and known:
            named |= scope.targets.literals | scope.excludes.literals
        elif not program:
            named |= scope.targets.literals
        for urn in sorted(named - known):
            self.narrator.log("error", "", f"Target '{urn}' could not be found in the stack.")
            self.failed = True

    def _tell_failure(self) -> None:
        self.narrator.log("error", "", "preview failed" if self._scope.dry_run else "update failed")

    def _tell_end(self) -> None:
        deployment = self._deployment
        if self.canceled:
            self.narrator.log(
                "error", "", "preview canceled" if self._scope.dry_run else "update canceled"
            )
        elif self.failed and deployment is not None and deployment.step_failed:
            self._tell_failure()
        first = deployment is not None and deployment.stack_urn not in deployment.ledger.olds
        self.narrator.finish(self._old_outputs, self.outputs, first=first)
