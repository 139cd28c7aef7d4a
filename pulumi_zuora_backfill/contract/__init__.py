"""One intent, one job: key, guard, attempt record, submission, stop."""
