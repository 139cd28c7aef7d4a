"""
Run Zuora's auto backfill from a Pulumi stack: started once, never lost, always clear.

Start with `BackfillJob`; `BackfillCompletion` waits for jobs, and `VerifiedBackfill` runs dry
before it runs live.
Importing this package creates nothing and loads no HTTP library.
"""

from .program.resources import BackfillCompletion, BackfillJob
from .program.verified_backfill import VerifiedBackfill
from .zuora.models import BackfillType, JobStatus

__version__ = "0.1.0"

__all__ = ["BackfillCompletion", "BackfillJob", "BackfillType", "JobStatus", "VerifiedBackfill"]
