"""
A local Zuora on a real socket: what tests and examples talk to instead of a tenant.

Run it alone with `python -m pulumi_zuora_backfill.testing.sandbox`: it prints the environment that points a program at it.
Top down: `sandbox` (the tenant as a test holds it) → `api` (reads requests) → `effects` (planned faults) → `zuora` (as it is meant to work) → `tenant`, `jobs`.
"""

import importlib.util
import sys

if importlib.util.find_spec("werkzeug") is None:
    message = "The sandbox needs Werkzeug: install `pulumi-zuora-backfill[testing]`."
    # Python calls a module `-m` while it looks for it: the command ends in this one line, an import in its error.
    raise (SystemExit if sys.argv[:1] == ["-m"] else ImportError)(message)

from .behaviours import Behaviours
from .faults import Fault
from .jobs import SandboxJob
from .sandbox import Sandbox
from .traffic import Operation, RecordedRequest

__all__ = ["Behaviours", "Fault", "Operation", "RecordedRequest", "Sandbox", "SandboxJob"]
