"""
Run Zuora's auto backfill from a Pulumi stack: started once, never lost, always clear.

Start with `BackfillJob`; `BackfillCompletion` waits for jobs, `VerifiedBackfill` runs dry before it runs live.
Importing this package creates nothing and loads no HTTP library.
"""

from .components import VerifiedBackfill
from .models import BackfillType, JobStatus
from .resources import BackfillCompletion, BackfillJob

__version__ = "0.1.0"

__all__ = ["BackfillCompletion", "BackfillJob", "BackfillType", "JobStatus", "VerifiedBackfill"]
