"""
Run Zuora's auto backfill from a Pulumi stack: started once, never lost, always clear.

Start with `BackfillJob`. Importing this package creates nothing and loads no HTTP library.
"""

from .models import BackfillType, JobStatus
from .resources import BackfillJob

__version__ = "0.1.0"

__all__ = ["BackfillJob", "BackfillType", "JobStatus"]
