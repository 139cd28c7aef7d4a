"""The processes that the engine starts: the user's program, and a plugin host for each provider.

They may be started and ended by an operation only; a provider is called through `ProviderRegistry`.
"""

from .child_process import ChildProcess
from .plugin_host import PluginHost
from .program_process import SHOWN_ERROR_EXIT_CODE, read_project, start_program
from .provider_calls import ProviderCalls
from .provider_failures import PartialFailureError, ProviderError
from .provider_registry import ProviderRegistry

__all__ = [
    "SHOWN_ERROR_EXIT_CODE",
    "ChildProcess",
    "PartialFailureError",
    "PluginHost",
    "ProviderCalls",
    "ProviderError",
    "ProviderRegistry",
    "read_project",
    "start_program",
]
