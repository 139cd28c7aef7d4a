"""
What a test lets go wrong: the plan of faults, and what each does to a request.

The one place where Zuora is not itself. A new fault is a member of `Fault` and a case in
`fault_injection`.
"""

from .fault_injection import NO_ROUTE, DroppedError, FaultInjection
from .fault_plan import Fault, FaultPlan
from .held_requests import HeldRequests

__all__ = ["NO_ROUTE", "DroppedError", "Fault", "FaultInjection", "FaultPlan", "HeldRequests"]
