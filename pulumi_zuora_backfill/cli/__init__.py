"""
The operator commands, `zuora-backfill`: look at jobs, watch them, stop one, check the settings.

`commands` is the surface, in click; the others do the work of a command, or help all of them.
Only `__main__.py` imports this room.
"""
