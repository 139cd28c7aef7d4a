"""What create, read, update, delete and preview of a backfill job mean, in plain data."""
