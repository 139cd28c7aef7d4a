"""
What a wait for jobs means, in plain data, and how it polls.

Knows nothing of Pulumi's dynamic host. Public: `check_completion` and `completion_changes`
(`declared`), `await_jobs` and `read_completion` (`waiting`).
"""
