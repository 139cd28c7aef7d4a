"""What is looked at in the program's process, before a resource is registered: options that cannot be honoured, and a secret that is none."""

from __future__ import annotations

import weakref
from typing import Any

import pulumi
from pulumi.runtime.settings import get_monitor

from .config import NAMES, how_to_set
from .errors import InputError

# A monitor lives exactly as long as its run, and an Automation API program may run many in one process.
_warned: weakref.WeakSet[Any] = weakref.WeakSet()


def ensure_no_import(kind: str, name: str, opts: pulumi.ResourceOptions | None) -> None:
    """
    Make sure that Pulumi is not asked to import; its host of dynamic providers cannot.

    Raises:
        InputError: The option ``import_`` is set.
    """
    if opts is not None and opts.import_:
        raise InputError(
            f"{kind} {name!r}: the option import_ is refused, as Pulumi cannot import dynamic resources.",
            f"To take over a job that is there, declare a BackfillJob with existing_job_id={opts.import_!r} instead.",
        )


def ensure_delete_before_replace(kind: str, name: str, opts: pulumi.ResourceOptions) -> None:
    """
    Make sure that a job is let go of before its successor starts.

    Raises:
        InputError: ``delete_before_replace=False`` was asked for.
    """
    if opts.delete_before_replace is False:
        raise InputError(
            f"{kind} {name!r}: delete_before_replace=False is refused.",
            "The job that is replaced has to come to its end before the next one starts; take the option away.",
        )


def warn_of_plain_secret() -> None:
    """Say once per run that the client secret stands in the stack's configuration for everybody to read."""
    _, key = NAMES["client_secret"]
    monitor = get_monitor()
    if monitor in _warned or pulumi.runtime.is_config_secret(key) or pulumi.runtime.get_config(key) is None:
        return
    _warned.add(monitor)
    pulumi.log.warn(
        f"{key} stands in plain text in the stack's configuration: take it away and {how_to_set('client_secret')}. "
        "Where others may have read it, give the OAuth client a new secret."
    )
