"""
What create, read, update, delete and preview of a backfill job mean, in plain data.

Knows nothing of Pulumi's dynamic host. Anything may change but the names that state holds.
Public: `create_job`, `read_job`, `update_job`, `delete_job`, each in the file of its verb;
`check_inputs` (`inputs`), `changes_between` (`differences`), `ensure_startable` and `plan_start`
(`plan`). Imported from the files: a program must not load what only the provider needs.
"""
