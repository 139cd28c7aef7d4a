"""
Run a Pulumi program in Python without the Pulumi CLI: for tests and for trying out, never for production.

`EmbeddedStack` is the way in. Top down: `stack` → `run` (one operation) → `monitor` (what the program speaks to) →
`deployment` → `planner`, `deletes`, `refresh` (decisions) → `steps` → `hosts` (a plugin host's process for each
provider) → `checkpoint` → `state`.
"""

from .result import EmbeddedResult, EmbeddedStackError
from .stack import EmbeddedStack

__all__ = ["EmbeddedResult", "EmbeddedStack", "EmbeddedStackError"]
