"""
One intent, one job: key, guard, attempt record, submission, stop, tenant check.

A change starts in DESIGN.md, part 2, and in `tests/test_contract.py`; a key that changes by
accident starts a second backfill. Public: `Submission.submit` (`submission`) and the `StartRequest`
that it takes, `key_for` (`intent`), `Attempt` and `History`, which state keeps, `stop_job` and
`ensure_ended` (`stopping`), `scope_in_force` and `ensure_same_tenant` (`tenant_check`).
"""
