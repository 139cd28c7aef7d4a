"""The jobs that the program declares, and which live job this run may start for each of them."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime.settings import get_monitor

from pulumi_zuora_backfill.properties import camel

if TYPE_CHECKING:
    from .state_reader import JobsInState

_ASKED_FOR = ("type", "triggers", "entity_id", "org_ids")
_DECISIVE = (*_ASKED_FOR, "dry_run", "existing_job_id")
# A monitor lives as long as its run; an Automation API program may run many in one process.
_declared: weakref.WeakKeyDictionary[Any, list[DeclaredJob]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class LiveStart:
    """
    A live job that the program may start.

    Attributes:
        told: Name, type, entity and organisations.
        secret: Whether entity or organisations are a secret.
    """

    told: tuple[str, Any, Any, Any]
    secret: bool


@dataclass(kw_only=True, eq=False)
class DeclaredJob:
    """
    A job as the program declares it, in whichever way its values come.

    Attributes:
        name: Its name.
        arguments: Its arguments, by their Python names.
        urns: Returns its URN and those that it had before.
    """

    name: str
    arguments: Mapping[str, Any]
    urns: Callable[[], Awaitable[Iterable[str]]]
    _start: asyncio.Future[LiveStart | None] | None = field(default=None, init=False)

    async def live_start(self, state: JobsInState) -> LiveStart | None:
        """Return the live job that this run may start for it, if all of it is known already."""
        if self._start is None:  # every job that is declared later asks for the same
            self._start = asyncio.ensure_future(self._look(state))
        return await self._start

    async def _look(self, state: JobsInState) -> LiveStart | None:
        # Triggers may come from a wait of hours, and nobody else is to wait for them.
        names = [n for n in _DECISIVE if n != "triggers" or _is_plain(self.arguments.get(n))]
        values = {name: pulumi.Output.from_input(self.arguments.get(name)) for name in names}
        if not all([await value.is_known() for value in values.values()]):
            return None
        given = {name: await value.future() for name, value in values.items()}
        if given["dry_run"] is not False or given["existing_job_id"] is not None:
            return None
        held = state.first_of(await self.urns())
        asked = {name: _as_in_state(name, given[name]) for name in _ASKED_FOR if name in given}
        if "jobId" in held and asked == {name: held.get(camel(name)) for name in asked}:
            return None
        return LiveStart(
            told=(self.name, given["type"], given["entity_id"], given["org_ids"]),
            secret=any([await values[name].is_secret() for name in ("entity_id", "org_ids")]),
        )


def note_declaration(job: DeclaredJob) -> list[DeclaredJob]:
    """
    Note a job, and return those that the program has declared before it.

    An explicit provider has a process of its own, so no provider sees all of them.
    """
    jobs = _declared.setdefault(get_monitor(), [])
    jobs.append(job)
    return jobs[:-1]


def _is_plain(value: object) -> bool:
    """Tell whether a value is there already, all of it."""
    if isinstance(value, Mapping | list | tuple):
        return all(map(_is_plain, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, str | int | float | None)


def _as_in_state(name: str, value: Any) -> Any:
    """Return an argument as it comes back from state; organisations stand there sorted."""
    if name == "org_ids" and isinstance(value, list | tuple):
        return sorted(set(value)) or None
    return json.loads(json.dumps(value))
