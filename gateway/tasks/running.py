"""A task while it is worked on here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from gateway.clock import now
from gateway.state.record import Record
from gateway.state.sealing import Seal, name_of
from gateway.state.store import Store
from limner.errors import Cancelled, StateUnavailable

KEEP_EVERY_SECONDS = 30.0
"""What is sealed is given a longer life so often, for as long as its task runs."""


class Keeper(Protocol):
    """What a running task needs of the desk."""

    store: Store
    result_ttl: float

    async def persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write to the store, with patience."""


class Running:
    """A task that is worked on here."""

    def __init__(self, desk: Keeper, task_id: str, record: Record) -> None:
        self.task_id = task_id
        self.name = name_of(task_id)
        self.record = record
        self.parts: list[str] = []
        self.work: asyncio.Task[None] | None = None
        self.accepted = True
        """False until a batch's archive has proved to be one: what is refused was never a task."""
        self.ending = False
        """Its last status is on the way to the store."""
        self.position: Callable[[], int | None] = lambda: None
        self._desk = desk

    @property
    def held(self) -> int:
        """Bytes of results in the memory of this process."""
        return self._desk.store.held

    def seal(self) -> Seal:
        return Seal(self.task_id, self.record.salt)

    async def update(self, **changes: Any) -> None:
        """Change the record, here and in the store.

        Raises:
            Cancelled: the task was deleted meanwhile.
        """
        self.record = replace(self.record, **changes)
        await self._desk.persist(self._write)

    async def note(self, **changes: Any) -> None:
        """Change the record, which the store is told at once if it is there, and in a while if not."""
        self.record = replace(self.record, **changes)
        with suppress(Cancelled, StateUnavailable):
            await self._write()

    async def keep(self, part: str, sealed: bytearray) -> None:
        """Hand something sealed to the store."""
        self.parts.append(part)
        expires = now() + self._desk.result_ttl + 2 * KEEP_EVERY_SECONDS
        await self._desk.persist(lambda: self._desk.store.put_blob(self.name, part, sealed, expires))

    async def has(self, part: str) -> bool:
        """Whether the store still has what it was given."""
        there: list[bool] = []

        async def look() -> None:
            there.append(await self._desk.store.has_blob(self.name, part))

        await self._desk.persist(look)
        return there[-1]

    async def _write(self) -> None:
        if not await self._desk.store.write(self.name, self.record):
            raise Cancelled("The task was deleted.")
