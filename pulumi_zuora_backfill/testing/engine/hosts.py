"""The plugin hosts of a run: as in the real engine, one process for each provider resource."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence

from . import values
from .failures import ProviderError
from .processes.plugin_host import PluginHost
from .state import Resource
from .urns import package_of, reference_to
from .values import Properties

DYNAMIC_PACKAGE = "pulumi-python"
_DISABLED = "pulumi:disable-default-providers"


class Hosts:
    """Finds the host that serves a provider; one starts when it is first needed."""

    def __init__(
        self, *, start: Callable[[], PluginHost], base: Callable[[], Sequence[Resource]]
    ) -> None:
        """Begin; `base` lists the resources of the state, where the providers are that no program registers."""
        self._start = start
        self._base = base
        self._lock = threading.Lock()
        self._configs: dict[str, Properties] = {}
        self._new_names: dict[str, str] = {}
        self._hosts: dict[str, PluginHost] = {}
        self._started: list[PluginHost] = []
        self._spare: PluginHost | None = None

    def warm_up(self) -> None:
        """Start a process for the first provider, whichever it will be, while the program still imports."""
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
                self._hosts.pop(reference, None)  # a host takes no second configuration
            self._configs[reference] = config
            for old_urn in provider.aliases:
                self._new_names[reference_to(old_urn, provider.id)] = reference

    def is_registered(self, reference: str) -> bool:
        """Tell whether a provider is served already."""
        return self._new_names.get(reference, reference) in self._configs

    def serving(self, reference: str) -> PluginHost:
        """Return the host of a provider, from the state if the program has not registered it.

        Raises:
            ProviderError: There is no such provider.
        """
        with self._lock:
            reference = self._new_names.get(reference, reference)
            host = self._hosts.get(reference)
            if host is None:
                config = self._config_of(reference)
                host, self._spare = self._spare or self._new(), None
                host.configure(config)
                self._hosts[reference] = host
            return host

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
            self._started, self._hosts, self._spare = [], {}, None

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


def is_default_denied(config: Properties, package: str) -> bool:
    """Tell whether the stack's configuration forbids the default provider of a package.

    Raises:
        ValueError: The list of forbidden ones is none.
    """
    text = values.revealed(config.get(_DISABLED, ""))
    if not text:
        return False
    try:
        listed = json.loads(text)
    except ValueError as error:
        raise ValueError(f"Failed to parse {text}: {error}") from None
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise ValueError(f"{_DISABLED} must be a list of names")
    return any(name.strip() in ("*", package) for name in listed)
