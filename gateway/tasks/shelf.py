"""Finished results: taken to be delivered, given back when a delivery breaks off, wiped when their time is over."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from gateway.audit import Audit, Reason
from gateway.clock import now
from gateway.state.record import RESULT_PART, Record
from gateway.state.store import Store
from limner.errors import Gone, StateUnavailable

LOOK_AGAIN_SECONDS = 30.0
"""Pause between two looks at a result that is on its way when its time is over."""

ON_ITS_WAY = "on-its-way"
"""A mark beside a result's parts, for as long as it is delivered."""

DELIVERY_SECONDS = 3600.0
"""How long the parts of a result are kept in the store while it is on its way."""

Persist = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
"""Writes to the store, with patience."""


class Shelf:
    """The results of this gateway's tasks, and those that it delivers for others."""

    def __init__(self, store: Store, audit: Audit, persist: Persist) -> None:
        self.sending = 0
        """Bytes of results on their way to clients, in the clear and sealed."""
        self._store = store
        self._audit = audit
        self._persist = persist
        self._unfetched: list[tuple[float, str]] = []

    @contextmanager
    def on_its_way(self, size: int) -> Iterator[None]:
        """Count ``size`` bytes among those on their way."""
        self.sending += size
        try:
            yield
        finally:
            self.sending -= size

    @property
    def unfetched(self) -> int:
        """How many finished tasks of this gateway may still be fetched."""
        return len(self._unfetched)

    def add(self, name: str, expires: float) -> None:
        """A result is there, to be wiped at ``expires`` (seconds since 1970)."""
        self._unfetched.append((expires, name))

    async def take(self, name: str, record: Record) -> bytes | bytearray:
        """The part of a result that only one may have; it is on its way until :meth:`delivered` or :meth:`give_back`.

        Raises:
            Gone: somebody else has it.
            StateUnavailable: the store stays away, and it is not ours.
        """
        until = max(record.expires, now() + DELIVERY_SECONDS)
        marked = await self._store.has_blob(name, ON_ITS_WAY)
        await self._store.put_blob(name, ON_ITS_WAY, bytearray(1), until)
        try:
            sealed = await self._take(name, record)
        except (Gone, StateUnavailable):
            if not marked:
                with suppress(StateUnavailable):
                    await self._store.take_blob(name, ON_ITS_WAY)
            raise
        with suppress(StateUnavailable):  # then it has until its time is over
            await self._store.keep_blobs(name, until)
        return sealed

    async def give_back(self, name: str, record: Record, sealed: bytes | bytearray) -> None:
        """Let a result be fetched again whose delivery was broken off."""
        expires = max(record.expires, now() + LOOK_AGAIN_SECONDS)
        part, again = RESULT_PART[record.kind], sealed if isinstance(sealed, bytearray) else bytearray(sealed)
        with suppress(StateUnavailable):
            await self._persist(lambda: self._store.put_blob(name, part, again, expires))
            await self._store.take_blob(name, ON_ITS_WAY)

    async def delivered(self, name: str) -> None:
        """Wipe what has been delivered."""
        with suppress(StateUnavailable):  # the result itself is gone already; its record expires by itself
            await self.clean(name, "delivered")

    async def clean(self, name: str, reason: Reason) -> None:
        """Wipe all that is kept of a task, and note why."""
        before = await self._store.clean(name)
        if before is not None and before.status != "cleaned":
            self._audit.cleanup(task=name, reason=reason)
        self._forget(name)

    async def expire(self, name: str) -> bool:
        """Wipe a result whose time is over; not one that is being fetched just now: whoever delivers it wipes it."""
        if await self._store.has_blob(name, ON_ITS_WAY):
            return False
        await self.clean(name, "expired")
        return True

    async def wipe_expired(self) -> None:
        """Wipe those whose time is over."""
        for expires, name in sorted(self._unfetched):
            if expires > now():
                break
            known = await self._store.read(name)
            if known is None or known.status != "completed":
                self._forget(name)
            elif not await self.expire(name):
                self._forget(name)
                self.add(name, now() + LOOK_AGAIN_SECONDS)

    async def _take(self, name: str, record: Record) -> bytes | bytearray:
        """With patience, for a store that has fallen silent may have let it go already."""
        part, taker = RESULT_PART[record.kind], secrets.token_hex(16)
        taken: list[bytes | bytearray | None] = []

        async def take() -> None:
            taken.append(await self._store.take_blob(name, part, taker))

        try:
            await self._persist(take)
        except StateUnavailable:
            with suppress(StateUnavailable):  # nobody has it
                await self._store.return_blob(name, part, taker, record.expires)
            raise
        if taken[0] is None:
            raise Gone("The result was fetched already, or is being fetched. Send it again.")
        return taken[0]

    def _forget(self, name: str) -> None:
        self._unfetched = [entry for entry in self._unfetched if entry[1] != name]

    def close(self) -> None:
        """Note what goes with this process."""
        if self._store.held:
            for _, name in self._unfetched:
                self._audit.cleanup(task=name, reason="shutdown")
