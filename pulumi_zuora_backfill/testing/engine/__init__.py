"""
An embedded engine: runs a Pulumi program in Python without the Pulumi CLI, for tests only.

`EmbeddedStack` is the way in. Top down: `stack_operation`, `grpc_services` (what the program
calls), `deployment`, `planning`, `processes`, `state`. If it differs from the CLI, it is wrong.
"""

from .embedded_stack import EmbeddedStack
from .operation_result import EmbeddedResult, EmbeddedStackError

__all__ = ["EmbeddedResult", "EmbeddedStack", "EmbeddedStackError"]
