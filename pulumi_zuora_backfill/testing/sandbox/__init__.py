"""
A local Zuora on a real socket: what tests and examples talk to instead of a tenant.

Top down: `sandbox` and `controls_for_tests` (what a test holds), `server`, `faults`,
`simulated_zuora`. `python -m pulumi_zuora_backfill.testing.sandbox` prints the environment that
points a program at it.
"""

import importlib.util
import sys

if importlib.util.find_spec("werkzeug") is None:
    message = "The sandbox needs Werkzeug: install `pulumi-zuora-backfill[testing]`."
    # Python calls a module `-m` while it looks for it: so the command ends in this one line.
    raise (SystemExit if sys.argv[:1] == ["-m"] else ImportError)(message)

from .faults import Fault
from .guesses_about_zuora import Behaviours
from .recorded_requests import Operation, RecordedRequest
from .sandbox import Sandbox
from .sandbox_clock import SandboxClock
from .simulated_zuora import SandboxJob

__all__ = [
    "Behaviours",
    "Fault",
    "Operation",
    "RecordedRequest",
    "Sandbox",
    "SandboxClock",
    "SandboxJob",
]
