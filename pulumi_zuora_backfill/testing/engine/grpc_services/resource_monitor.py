"""The resource monitor: the gRPC service with which a program registers its resources."""

# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from pulumi_zuora_backfill.testing.engine import property_values as values
from pulumi_zuora_backfill.testing.engine.deployment import Deployment, StoppedError
from pulumi_zuora_backfill.testing.engine.state import Resource

from .registration_request import NotSupportedError, goal_of, refuse_package

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

_INVOKE_RESPONSE: Any = (
    getattr(resource_pb2, "ResourceInvokeResponse", None) or provider_pb2.InvokeResponse
)
"""Older SDKs have the same message in another place."""

_READ_STACK_RESOURCE_OUTPUTS = "pulumi:pulumi:readStackResourceOutputs"


class ResourceMonitor(resource_pb2_grpc.ResourceMonitorServicer):
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
        self._deployment.control.fail("", message)
        _end(context)


def _end(context: Any) -> NoReturn:
    context.abort(grpc.StatusCode.UNAVAILABLE, "the run is ending")
    raise AssertionError("abort returns never")
