"""Whatever ends a command early: what is said about it, and the exit code."""

from __future__ import annotations

import traceback

from pulumi_zuora_backfill.errors import (
    AuthenticationError,
    ConfigurationError,
    InputError,
    NotFoundError,
    ZuoraBackfillError,
)

from .exit_codes import ExitCode

OTHER_ENTITY = (
    "A job is only seen from its own entity: check the id, ZUORA_ENTITY_IDS and ZUORA_ORG_IDS."
)


class EndedEarlyError(Exception):
    """A command ends without an error of its own: interrupted, or declined by the user."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        """Keep what is said, and the exit code."""
        super().__init__(message)
        self.exit_code = exit_code


def code_of(error: ZuoraBackfillError) -> ExitCode:
    """Return the exit code of an error."""
    if isinstance(error, ConfigurationError | InputError):
        return ExitCode.USAGE
    if isinstance(error, AuthenticationError):
        return ExitCode.AUTHENTICATION
    return ExitCode.ERROR


def explain(error: Exception) -> tuple[str, ExitCode]:
    """Say what happened and what to do, without a traceback, and with which code to exit."""
    if isinstance(error, EndedEarlyError):
        return str(error), error.exit_code
    if isinstance(error, ZuoraBackfillError):
        if isinstance(error, NotFoundError):
            error.add_hint(OTHER_ENTITY)
        return f"Error: {error}", code_of(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{where.filename.rpartition('/')[2]}, line {where.lineno}"
    return (
        f"Error: this is a fault of zuora-backfill, please report it: {type(error).__name__} in "
        f"{place}.",
        ExitCode.INTERNAL,
    )
