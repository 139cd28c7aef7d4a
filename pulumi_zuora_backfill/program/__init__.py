"""
What runs in the user's program: the resources, and all that their providers have to be told.

State refers to the type tokens, which never change; the rest may. Public: `BackfillJob`,
`BackfillCompletion` (`resources`), `VerifiedBackfill` (`verified_backfill`).
"""
