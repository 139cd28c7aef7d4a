"""
Zuora as it is meant to work, for one tenant: operations, keys, limits, jobs. It knows no faults.

What nobody knows about Zuora is a switch in `guesses_about_zuora`, never a constant in here.
"""

from .call import Call
from .idempotency_keys import IdempotencyKeys, KeyRefusedError
from .operations import SimulatedZuora, Work
from .rate_limits import RateLimits
from .responses import Answer, gateway, spring, unauthorized
from .sandbox_job import ENDED, SandboxJob
from .tenant import NewJob, Scope, Tenant

__all__ = [
    "ENDED",
    "Answer",
    "Call",
    "IdempotencyKeys",
    "KeyRefusedError",
    "NewJob",
    "RateLimits",
    "SandboxJob",
    "Scope",
    "SimulatedZuora",
    "Tenant",
    "Work",
    "gateway",
    "spring",
    "unauthorized",
]
