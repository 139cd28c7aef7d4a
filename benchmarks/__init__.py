"""How long `up` and `destroy` take with a BackfillJob.

Beside a resource that does nothing, and beside a provider as tutorials write it.
"""
