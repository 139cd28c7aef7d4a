"""
The operator commands, `zuora-backfill`: look at jobs, watch them, stop one, check the settings.

`commands` is the surface, in click; each of the others does the work of one group of commands.
Nothing in the package imports this room.
"""
