"""What a stack has: its resources, who depends on whom, and the file that keeps them.

Resources may be changed by the steps of a run only; everybody may ask. Nothing here calls a
provider.
"""

from .dependencies import (
    all_prerequisites_of,
    dangling_reference,
    delete_order,
    dependents_of,
)
from .resource_record import Resource
from .state_file import (
    BrokenStateError,
    Checkpoint,
    read_state,
    taint,
    temporary_state_file,
    write_state,
)

__all__ = [
    "BrokenStateError",
    "Checkpoint",
    "Resource",
    "all_prerequisites_of",
    "dangling_reference",
    "delete_order",
    "dependents_of",
    "read_state",
    "taint",
    "temporary_state_file",
    "write_state",
]
