"""What a run is going to do: plain plans, made one at a time, of `Step`s.

Planning asks providers to check and to compare. It changes no resource, no process and no file.
"""

from .check_and_diff import InputChecker, diff_resource
from .deletion_planner import plan_deletes
from .plan_so_far import BailError, PlanError, PlanSoFar
from .replacement_planner import ReplacementPlanner
from .resource_goal import Goal
from .step import Step
from .step_planner import StepPlanner
from .targets import Scope, Selection

__all__ = [
    "BailError",
    "Goal",
    "InputChecker",
    "PlanError",
    "PlanSoFar",
    "ReplacementPlanner",
    "Scope",
    "Selection",
    "Step",
    "StepPlanner",
    "diff_resource",
    "plan_deletes",
]
