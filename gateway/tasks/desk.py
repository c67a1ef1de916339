"""Where tasks are taken in, worked on, looked up, deleted and forgotten."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gateway.access.client import Client
from gateway.audit import Audit
from gateway.clock import now
from gateway.metrics import Metrics
from gateway.problems import unexpected
from gateway.state.record import Kind, Record
from gateway.state.sealing import is_task_id, name_of, new_salt, new_task_id, wipe
from gateway.state.store import Store
from gateway.tasks.running import KEEP_EVERY_SECONDS, Running
from gateway.tasks.shelf import Shelf
from limner.errors import (
    Cancelled,
    InferenceUnavailable,
    LimnerError,
    NotFound,
    ShuttingDown,
    StateUnavailable,
)

log = logging.getLogger("limner.tasks")

BEAT_SECONDS = 1.0
PERSIST_SECONDS = 60.0
"""How long a finished result waits for a store that is away."""

_UNKNOWN = "There is no such task. Its result may have expired; send the photo again."


TaskBody = Callable[[Running], Awaitable[dict[str, Any]]]
"""Does the work of a task; gives the fields of its record that change on completion."""


class Desk:
    """All tasks of this gateway. ``watch`` must run beside it."""

    def __init__(self, store: Store, metrics: Metrics, audit: Audit, *, result_ttl: float) -> None:
        self.store = store
        self.result_ttl = result_ttl
        self.closing = asyncio.Event()
        self._owner = secrets.token_hex(8)
        self._metrics = metrics
        self._audit = audit
        self.shelf = Shelf(store, audit, self.persist)
        self._running: dict[str, Running] = {}
        self._untold: dict[str, Record] = {}
        self._kept_at = 0.0

    @property
    def busy(self) -> int:
        """How many tasks are worked on here."""
        return len(self._running)

    async def begin(self, kind: Kind, client: Client, **fields: Any) -> Running:
        """Enter a new task.

        Raises:
            StateUnavailable: the store is away.
        """
        record = Record(kind, "pending", self._owner, client.owner, new_salt(), created=now(), **fields)
        running = Running(self, new_task_id(), record)
        await self.store.write(running.name, record)
        self._running[running.name] = running
        return running

    def run(self, running: Running, body: TaskBody, afterwards: Callable[[], None]) -> None:
        """Work on it in the background. ``afterwards`` is called at the end, whatever that is."""

        def ended(_: asyncio.Task[None]) -> None:
            # Not in a `finally` of the work: that one never begins where it is cancelled at once.
            self._running.pop(running.name, None)
            afterwards()

        running.work = asyncio.create_task(self._execute(running, body))
        running.work.add_done_callback(ended)

    async def abandon(self, running: Running) -> None:
        """Forget a task that was begun, but is not to be."""
        self._running.pop(running.name, None)
        with suppress(StateUnavailable):
            await self.store.clean(running.name)

    async def read(self, task_id: str, kind: Kind, client: Client) -> Record:
        """The record of a task.

        Raises:
            NotFound: there is none, or it is somebody else's.
            StateUnavailable: the store is away.
        """
        name = name_of(task_id)
        record = await self.store.read(name) if is_task_id(task_id) else None
        if record is None or record.kind != kind or not may_see(client, record):
            raise NotFound(_UNKNOWN)
        if record.running and record.owner != self._owner and not await self.store.is_alive(record.owner):
            return await self._declare_lost(name, record)
        if record.status == "completed" and record.expires <= now():
            await self.shelf.expire(name)
            return replace(record, status="cleaned", salt="")
        return record

    async def delete(self, task_id: str, kind: Kind, client: Client) -> None:
        """Cancel or wipe.

        Raises:
            NotFound, StateUnavailable: as :meth:`read`.
        """
        await self.read(task_id, kind, client)
        name = name_of(task_id)
        await self.shelf.clean(name, "deleted")
        running = self._running.get(name)
        if running is not None and running.work is not None:
            running.work.cancel()

    async def persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write to the store; while it is away, wait for it for a while rather than lose finished work."""
        deadline = time.monotonic() + PERSIST_SECONDS
        while True:
            try:
                return await write()
            except StateUnavailable:
                if time.monotonic() > deadline or self.closing.is_set():
                    raise
            await asyncio.sleep(BEAT_SECONDS)

    async def watch(self) -> None:
        """Tell others that this gateway lives, learn what they deleted, wipe what has expired; until cancelled."""
        # Apart: whoever says nothing for a few seconds counts as dead, and writing many records may take longer.
        await asyncio.gather(self._again_and_again(self._beat), self._again_and_again(self._look_after))

    async def _again_and_again(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except StateUnavailable:
                pass  # the store has said so in the log; the next turn tries again
            except Exception as error:  # a fault of ours must not end the watch
                unexpected(error)
            await asyncio.sleep(BEAT_SECONDS)

    async def close(self) -> None:
        """Cancel what runs and wipe what is held."""
        self.closing.set()
        works = [running.work for running in self._running.values() if running.work is not None]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        self.shelf.close()
        await self.store.close()

    async def _execute(self, running: Running, body: TaskBody) -> None:
        status, changes = "completed", dict[str, Any]()
        try:
            changes = await body(running)
        except (Cancelled, asyncio.CancelledError):
            status = "cleaned"
        except LimnerError as error:
            status, changes = "failed", _failure(error)
        except Exception as error:
            status, changes = "failed", _failure(unexpected(error))
        running.ending = True
        if not running.accepted:
            return
        try:
            await self._conclude(running, status, changes)
        except asyncio.CancelledError:
            pass  # deleted, or the gateway closes: what was kept goes with the store's blobs
        except LimnerError:
            self._tell_later(running)
        finally:
            self._metrics.task_ended(running.record.kind, status)

    async def _conclude(self, running: Running, status: str, changes: dict[str, Any]) -> None:
        if status == "cleaned" and self.closing.is_set():
            # Nobody asked for its end: others may tell the client so.
            status, changes = "failed", _failure(ShuttingDown("The server was stopped. Send the photo again."))
        if status == "cleaned":
            await self._give_up(running)
            return
        moment = now()
        expires = moment + self.result_ttl
        try:
            await self.persist(lambda: self.store.keep_blobs(running.name, expires))
            await running.update(status=status, finished=moment, expires=expires, queue_position=None, **changes)
        except Cancelled:
            await self._give_up(running)
            return
        if status == "completed":
            self.shelf.add(running.name, expires)
        else:
            await self._drop_parts(running)
            self._audit.cleanup(task=running.name, reason="failed")

    async def _give_up(self, running: Running) -> None:
        """End a task that is over in the store, or that somebody cancelled."""
        known = await self.store.read(running.name)
        if known is not None and known.status == "failed":  # declared lost: the client is to learn why
            await self._drop_parts(running)
        else:
            await self.shelf.clean(running.name, "deleted")

    async def _drop_parts(self, running: Running) -> None:
        for part in running.parts:
            blob = await self.store.take_blob(running.name, part)
            if isinstance(blob, bytearray):
                wipe(blob)

    def _tell_later(self, running: Running) -> None:
        """Nobody works on it any more, and the store does not know: it must not seem to run for ever."""
        log.warning("a task has ended, which the store does not know yet")
        record = running.record
        if record.status != "failed":
            error = StateUnavailable("The result could not be kept. Send the photo again.")
            record = replace(record, status="failed", result_bytes=0, finished=now(), **_failure(error))
        self._untold[running.name] = replace(record, expires=now() + self.result_ttl)

    async def _beat(self) -> None:
        await self.store.beat(self._owner)

    async def _look_after(self) -> None:
        for name, record in list(self._untold.items()):
            await self.store.write(name, record)
            del self._untold[name]
        keep = time.monotonic() - self._kept_at > KEEP_EVERY_SECONDS
        for running in list(self._running.values()):
            position = running.position()
            if position != running.record.queue_position:
                running.record = replace(running.record, queue_position=position)
            if running.ending:
                continue
            written = await self.store.write(running.name, running.record)
            if not written and not running.ending and running.work is not None:
                running.work.cancel()
            elif keep:
                await self.store.keep_blobs(running.name, now() + self.result_ttl + 2 * KEEP_EVERY_SECONDS)
        if keep:
            self._kept_at = time.monotonic()
        await self.shelf.wipe_expired()

    async def _declare_lost(self, name: str, record: Record) -> Record:
        error = InferenceUnavailable("The server that worked on it went down. Send it again.")
        lost = replace(record, status="failed", finished=now(), expires=now() + self.result_ttl, **_failure(error))
        await self.store.write(name, lost)
        return await self.store.read(name) or lost


def may_see(client: Client, record: Record) -> bool:
    """Whether the task is the client's own."""
    return record.client == client.owner or "admin" in client.roles


def _failure(error: LimnerError) -> dict[str, Any]:
    return {"error_type": error.type, "error_message": error.message}
