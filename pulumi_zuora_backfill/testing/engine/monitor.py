"""What a program and a provider speak to: the resource monitor and the engine's log, as gRPC services."""

# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    resource_pb2,
    resource_pb2_grpc,
)

from . import values
from .deployment.deployment import Deployment, StoppedError
from .events import Narrator
from .goal import NotSupportedError, goal_of, refuse_package
from .state import Resource

_FEATURES = {
    "secrets": "RESOURCE_MONITOR_FEATURE_SECRETS",
    "resourceReferences": "RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES",
    "outputValues": "RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES",
    "aliasSpecs": "RESOURCE_MONITOR_FEATURE_ALIAS_SPECS",
    "deletedWith": "RESOURCE_MONITOR_FEATURE_DELETED_WITH",
    "replacementTrigger": "RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER",
    "invokeDependsOn": "RESOURCE_MONITOR_FEATURE_INVOKE_DEPENDS_ON",
}
"""What the SDK may use, by the names that older and newer ones ask for."""

_MANY_THREADS = 256
"""Each registration holds a thread until its resource exists; too few of them would end in a deadlock."""

_INVOKE_RESPONSE: Any = (
    getattr(resource_pb2, "ResourceInvokeResponse", None) or provider_pb2.InvokeResponse
)
"""Older SDKs have the same message in another place."""

_READ_STACK_RESOURCE_OUTPUTS = "pulumi:pulumi:readStackResourceOutputs"


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Hands what a program registers to the deployment."""

    def __init__(
        self,
        deployment: Deployment,
        *,
        stack_names: set[str],
        config: dict[str, str],
        secret_keys: list[str],
        organization: str,
        parallel: int,
        on_shutdown: Callable[[], None],
    ) -> None:
        """Serve one run; `on_shutdown` is called when the program has registered everything."""
        self._deployment = deployment
        self._stack_names = stack_names
        self._config = config
        self._secret_keys = secret_keys
        self._organization = organization
        self._parallel = parallel
        self._on_shutdown = on_shutdown
        self._released = threading.Event()

    def release(self) -> None:
        """Let the program end."""
        self._released.set()

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:
        """Tell the program what this engine can do, in newer SDKs."""
        scope = self._deployment.scope
        known = resource_pb2.ResourceMonitorFeature.keys()
        return resource_pb2.DeploymentInfo(
            project=scope.project,
            stack=scope.stack,
            organization=self._organization,
            config=self._config,
            configSecretKeys=self._secret_keys,
            dryRun=scope.dry_run,
            parallel=self._parallel,
            supportedFeatures=[
                resource_pb2.ResourceMonitorFeature.Value(name)
                for name in _FEATURES.values()
                if name in known
            ],
        )

    def SupportsFeature(self, request: Any, context: Any) -> Any:
        """Tell the program what this engine can do, in older SDKs."""
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def RegisterResource(self, request: Any, context: Any) -> Any:
        """Bring a resource about."""
        try:
            goal = goal_of(request)
        except (NotSupportedError, ValueError) as error:
            self._refuse(context, str(error))
        try:
            resource, skipped = self._deployment.register(goal)
        except StoppedError:
            _end(context)
        fields: dict[str, Any] = {
            "urn": resource.urn,
            "id": resource.id,
            # A component's old outputs may speak of resources that are not registered yet.
            "object": values.to_struct(resource.outputs if resource.custom else {}),
        }
        if skipped and "unknown" in resource_pb2.RegisterResourceResponse.DESCRIPTOR.fields_by_name:
            fields["unknown"] = True
        return resource_pb2.RegisterResourceResponse(**fields)

    def ReadResource(self, request: Any, context: Any) -> Any:
        """Look up a resource that exists elsewhere."""
        try:
            refuse_package(request.type)
        except NotSupportedError as error:
            self._refuse(context, str(error))
        resource = Resource(
            urn="",
            type=request.type,
            custom=True,
            id=request.id,
            external=True,
            inputs=values.from_struct(request.properties),
            parent=request.parent,
            provider=request.provider,
            dependencies=sorted(request.dependencies),
            additional_secret_outputs=list(request.additionalSecretOutputs),
        )
        try:
            self._deployment.read(resource, request.name)
        except StoppedError:
            _end(context)
        # This answer has no field for the id: the program keeps the one it asked for.
        return resource_pb2.ReadResourceResponse(
            urn=resource.urn, properties=values.to_struct(resource.outputs)
        )

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:
        """Set the outputs of a component or of the stack."""
        try:
            self._deployment.register_outputs(request.urn, values.from_struct(request.outputs))
        except StoppedError:
            _end(context)
        return Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        """Answer the one function there is; a fault in the call is the program's to handle."""
        arguments = values.revealed(values.from_struct(request.args))
        if request.tok != _READ_STACK_RESOURCE_OUTPUTS:
            self._refuse(context, str(NotSupportedError(f"the function {request.tok}")))
        name = arguments.get("stackName")
        if name not in self._stack_names:
            context.abort(
                grpc.StatusCode.UNKNOWN,
                f'invocation of {request.tok} returned an error: unknown stack "{name}": '
                "EmbeddedStack knows no stack but its own",
            )
        try:
            outputs = self._deployment.resource_outputs()
        except StoppedError:
            _end(context)
        answer = _INVOKE_RESPONSE()
        # The field's name is a keyword of Python.
        getattr(answer, "return").CopyFrom(values.to_struct({"name": name, "outputs": outputs}))
        return answer

    def Call(self, request: Any, context: Any) -> Any:
        """Refuse: dynamic providers have no methods."""
        self._refuse(context, str(NotSupportedError(f"the method {request.tok}")))

    def RegisterPackage(self, request: Any, context: Any) -> Any:
        """Refuse: there are no other packages."""
        self._refuse(context, str(NotSupportedError(f"the package {request.name}")))

    def RegisterStackTransform(self, request: Any, context: Any) -> Any:
        """Refuse; transformations that run in the SDK itself need no engine."""
        self._refuse(context, str(NotSupportedError("stack transforms")))

    def RegisterStackInvokeTransform(self, request: Any, context: Any) -> Any:
        """Refuse."""
        self._refuse(context, str(NotSupportedError("invoke transforms")))

    def RegisterResourceHook(self, request: Any, context: Any) -> Any:
        """Refuse."""
        self._refuse(context, str(NotSupportedError("resource hooks")))

    def RegisterErrorHook(self, request: Any, context: Any) -> Any:
        """Refuse."""
        self._refuse(context, str(NotSupportedError("error hooks")))

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:
        """Take note that the program is through; it stays until the run is over."""
        self._on_shutdown()
        self._released.wait()
        return Empty()

    def _refuse(self, context: Any, message: str) -> NoReturn:
        self._deployment.fail("", message)
        _end(context)


class Engine(engine_pb2_grpc.EngineServicer):
    """Takes what programs and providers have to say."""

    def __init__(self) -> None:
        """Begin without a listener: the host starts before there is one."""
        self.narrator: Narrator | None = None
        self._root = ""

    def Log(self, request: Any, context: Any) -> Any:
        """Tell a message under its resource; debug ones are left out, as in the real engine by default."""
        severity = {
            engine_pb2.INFO: "info",
            engine_pb2.WARNING: "warning",
            engine_pb2.ERROR: "error",
        }
        if self.narrator is not None and request.severity in severity:
            self.narrator.log(
                severity[request.severity],
                request.urn,
                request.message,
                ephemeral=request.ephemeral,
            )
        return Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:
        """Return the root stack's URN."""
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, context: Any) -> Any:
        """Keep the root stack's URN."""
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:
        """Accept any requirement: there is no CLI whose version could be meant."""
        return engine_pb2.RequirePulumiVersionResponse()


def _end(context: Any) -> NoReturn:
    context.abort(grpc.StatusCode.UNAVAILABLE, "the run is ending")
    raise AssertionError("abort returns never")


class Server:
    """A gRPC server on a free port of this machine, with many threads."""

    def __init__(self, servicer: Monitor | Engine) -> None:
        """Start serving."""
        self._pool = ThreadPoolExecutor(max_workers=_MANY_THREADS)
        self._server = grpc.server(self._pool, options=values.CHANNEL_OPTIONS)
        if isinstance(servicer, Monitor):
            resource_pb2_grpc.add_ResourceMonitorServicer_to_server(servicer, self._server)
        else:
            engine_pb2_grpc.add_EngineServicer_to_server(servicer, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        """Stop serving, and do not leave threads behind."""
        self._server.stop(0).wait()
        self._pool.shutdown(wait=True)
