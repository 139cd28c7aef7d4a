"""The providers of a run: as in the real engine, one plugin host for each provider resource."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from pulumi_zuora_backfill.testing.engine.property_values import Properties
from pulumi_zuora_backfill.testing.engine.state import Resource
from pulumi_zuora_backfill.testing.engine.urns_and_aliases import (
    DYNAMIC_PACKAGE,
    package_of,
    reference_to,
)

from .plugin_host import PluginHost
from .provider_calls import ProviderCalls
from .provider_failures import ProviderError


class ProviderRegistry:
    """Finds a provider by its reference; its plugin host starts when it is first needed."""

    def __init__(
        self, *, start: Callable[[], PluginHost], base: Callable[[], Sequence[Resource]]
    ) -> None:
        """Begin; `base` lists the state's resources, for providers that no program registers."""
        self._start = start
        self._base = base
        self._lock = threading.Lock()
        self._configs: dict[str, Properties] = {}
        self._new_names: dict[str, str] = {}
        self._providers: dict[str, ProviderCalls] = {}
        self._started: list[PluginHost] = []
        self._spare: PluginHost | None = None

    def warm_up(self) -> None:
        """Start a process for the first provider while the program still imports."""
        with self._lock:
            if not self._started:
                self._spare = self._new()

    def register(self, provider: Resource, config: Properties) -> None:
        """Let a provider be served with this configuration from now on."""
        if package_of(provider.type) != DYNAMIC_PACKAGE:
            return
        with self._lock:
            reference = reference_to(provider.urn, provider.id)
            if self._configs.get(reference) != config:
                self._providers.pop(reference, None)  # a host takes no second configuration
            self._configs[reference] = config
            for old_urn in provider.aliases:
                self._new_names[reference_to(old_urn, provider.id)] = reference

    def is_registered(self, reference: str) -> bool:
        """Tell whether a provider is served already."""
        return self._new_names.get(reference, reference) in self._configs

    def find(self, reference: str) -> ProviderCalls:
        """Return a provider, from the state if the program has not registered it.

        Raises:
            ProviderError: There is no such provider.
        """
        with self._lock:
            reference = self._new_names.get(reference, reference)
            provider = self._providers.get(reference)
            if provider is None:
                config = self._config_of(reference)
                host, self._spare = self._spare or self._new(), None
                host.configure(config)
                provider = self._providers[reference] = ProviderCalls(host)
            return provider

    def cancel(self) -> None:
        """Tell all hosts that the run is to end."""
        for host in list(self._started):
            host.cancel()

    def kill(self) -> None:
        """End all processes at once."""
        for host in list(self._started):
            host.kill()

    def close(self) -> None:
        """End all processes and forget them."""
        with self._lock:
            for host in self._started:
                host.close()
            self._started, self._providers, self._spare = [], {}, None

    def _new(self) -> PluginHost:
        host = self._start()
        self._started.append(host)
        return host

    def _config_of(self, reference: str) -> Properties:
        if reference in self._configs:
            return self._configs[reference]
        for resource in self._base():
            if reference_to(resource.urn, resource.id) == reference:
                return self._configs.setdefault(reference, resource.inputs)
        raise ProviderError(f"could not find provider {reference}")
