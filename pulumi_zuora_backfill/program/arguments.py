"""
What is checked in the program's process, before a resource is registered.

Options that Pulumi ignores, values that it cannot carry, and a secret in plain text.
"""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi
from pulumi.runtime.settings import get_monitor

from pulumi_zuora_backfill.errors import InputError
from pulumi_zuora_backfill.settings.loading import NAMES, how_to_set

_NO_LIST = str | bytes | bytearray | memoryview | range
_LARGEST_BITS = 1023  # what a double can hold
# A monitor lives as long as its run; an Automation API program may run many in one process.
_warned: weakref.WeakSet[Any] = weakref.WeakSet()


def ensure_declared(kind: str, name: str, opts: pulumi.ResourceOptions | None) -> None:
    """
    Make sure that a resource is declared here: not imported, and not one that is only read.

    Pulumi's host of dynamic providers cannot import. What is only read is nobody's start, and state
    would hold it as one.

    Raises:
        InputError: The option ``import_``, ``id`` or ``urn`` is set.
    """
    for option in ("id", "urn"):
        if opts is not None and getattr(opts, option):
            raise InputError(
                f"{kind} {name!r}: the option {option} is refused, as it declares no {kind}.",
                "To look a job up, use BackfillJob.get. To take one over, declare a BackfillJob "
                "with existing_job_id.",
            )
    if opts is not None and opts.import_:
        raise InputError(
            f"{kind} {name!r}: the option import_ is refused, as Pulumi cannot import dynamic "
            "resources.",
            f'To take over a job, declare a BackfillJob with\n  existing_job_id="{opts.import_}"',
        )


def ensure_delete_before_replace(kind: str, name: str, opts: pulumi.ResourceOptions) -> None:
    """
    Make sure that a job is deleted before the one that replaces it starts.

    Raises:
        InputError: ``delete_before_replace=False`` was asked for.
    """
    if opts.delete_before_replace is False:
        raise InputError(
            f"{kind} {name!r}: delete_before_replace=False is refused.",
            "Remove the option: a job has to end before the one that replaces it starts.",
        )


def ensure_no_retain_on_delete(kind: str, name: str, opts: pulumi.ResourceOptions | None) -> None:
    """
    Make sure that a resource is deleted by its provider, which knows what must be said then.

    Pulumi would forget a start whose outcome is not known without a word, and a job that has to end
    before it is replaced would run on. The engine hands the option of a component down.

    Raises:
        InputError: The option ``retain_on_delete`` is set.
    """
    if opts is not None and opts.retain_on_delete:
        raise InputError(
            f"{kind} {name!r}: the option retain_on_delete is refused, as Pulumi would then forget "
            "a start whose outcome is not known.",
            'Use on_delete="leave": a job that is deleted from the stack goes on then.',
        )


def ensure_no_replace_on_changes(kind: str, name: str, opts: pulumi.ResourceOptions) -> None:
    """
    Make sure that nobody counts on an option that Pulumi ignores for dynamic resources.

    Raises:
        InputError: The option ``replace_on_changes`` is set.
    """
    if opts.replace_on_changes:
        raise InputError(
            f"{kind} {name!r}: the option replace_on_changes is refused, as Pulumi ignores it for "
            "dynamic resources.",
            "Put what should start another job into triggers instead.",
        )


def ensure_no_deleted_with(kind: str, name: str, opts: pulumi.ResourceOptions | None) -> None:
    """
    Make sure that a job is not run again because another resource is replaced.

    The engine hands ``deleted_with`` of a component down to what is in it.

    Raises:
        InputError: The option ``deleted_with`` or ``replace_with`` is set.
    """
    for option in ("deleted_with", "replace_with"):
        if getattr(opts, option, None):
            raise InputError(
                f"{kind} {name!r}: the option {option} is refused, as the job would run again with "
                "every replacement of the other resource.",
                "Use depends_on for the order. Put what should start another job into triggers.",
            )


def ensure_json(kind: str, name: str, arguments: Mapping[str, Any]) -> None:
    """
    Make sure that Pulumi can carry the arguments; it meets a date or bytes with a traceback.

    Raises:
        InputError: One of them is no JSON value, or holds one that is none.
    """
    unfit = [text for argument, value in arguments.items() for text in _unfit(value, argument)]
    if unfit:
        raise InputError(
            f"{kind} {name!r}: {'; '.join(unfit)}, which Pulumi cannot carry as JSON.",
            "Write it as a string, a number, a list or a dictionary.",
        )


def shareable(value: Any) -> Any:
    """
    Let a value be awaited more than once.

    An argument is looked at before it is registered, and a component gives it to several resources.
    """
    if isinstance(value, Mapping):
        return {key: shareable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, _NO_LIST):
        return [shareable(item) for item in value]
    if inspect.isawaitable(value) and not isinstance(value, asyncio.Future):

        async def awaited() -> Any:
            """Wait for it, and let what it brings be awaited more than once too."""
            return shareable(await value)

        return asyncio.ensure_future(awaited())
    return value


def warn_of_plain_secret() -> None:
    """Say once per run that the client secret is in plain text in the stack's configuration."""
    _, key = NAMES["client_secret"]
    monitor = get_monitor()
    if (
        monitor in _warned
        or pulumi.runtime.is_config_secret(key)
        or pulumi.runtime.get_config(key) is None
    ):
        return
    _warned.add(monitor)
    pulumi.log.warn(
        f"{key} is in plain text in the stack's configuration: remove it, and "
        f"{how_to_set('client_secret')}.\nIf others may have read it, give the OAuth client a new "
        "secret."
    )


def _unfit(value: object, where: str) -> Iterator[str]:
    """Name what is no JSON value; what an output or a coroutine will hold is seen later."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield f"{where} has a key of type {type(key).__name__}"
            yield from _unfit(item, f"{where}[{key!r}]")
    elif isinstance(value, Sequence) and not isinstance(value, _NO_LIST):
        for index, item in enumerate(value):
            yield from _unfit(item, f"{where}[{index}]")
    elif isinstance(value, str):
        if any(0xD800 <= ord(char) < 0xE000 for char in value):
            yield f"{where} contains half of a surrogate pair"
    elif isinstance(value, int):
        if value.bit_length() > _LARGEST_BITS:
            yield f"{where} is a number too large for Pulumi"
    elif not (
        value is None or isinstance(value, float | pulumi.Output) or inspect.isawaitable(value)
    ):
        yield f"{where} is of type {type(value).__name__}"
