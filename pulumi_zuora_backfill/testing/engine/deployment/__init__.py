"""A run at work: takes what a program registers, has it planned, does the steps, deletes the rest.

Only here are resources created, updated, deleted and read; `Deployment` and `Refresher` are the way
in.
"""

from .deployment import Deployment
from .refresh import Refresher
from .run_control import StoppedError

__all__ = ["Deployment", "Refresher", "StoppedError"]
