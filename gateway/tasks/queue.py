"""Who is at work, who waits for a turn, and who is sent away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from limner.errors import QueueFull, ShuttingDown


class Ticket:
    """A place in the queue."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.left = False
        self.called: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def position(self) -> int | None:
        """1 is next; None once the turn has come."""
        return self._queue.position(self)


class Queue:
    """At most ``limit`` enhancements at work; first come, first served; at most ``waiting`` more are let in.

    A batch is let in once, and each of its photos waits for a turn like any other.
    """

    def __init__(self, limit: int, waiting: int) -> None:
        self.limit = limit
        self.waiting = waiting
        self.closed = False
        self.active = 0
        self._admitted = 0
        self._tickets: list[Ticket] = []
        self._work_seconds = 0.0
        self._counted_at = time.monotonic()

    @property
    def queued(self) -> int:
        """How many wait for their turn."""
        return len(self._tickets)

    @property
    def admitted(self) -> int:
        """How many are inside: uploading, waiting or at work."""
        return self._admitted

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Be inside while the block runs. Taken before an upload is read, it bounds the memory that uploads hold.

        Raises:
            QueueFull: all places are taken.
            ShuttingDown: the gateway is about to stop.
        """
        self.refuse_if_closed()
        if self._admitted >= self.limit + self.waiting:
            raise QueueFull(f"All {self.limit + self.waiting} places are taken. Try again in a few seconds.")
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    def refuse_if_closed(self) -> None:
        """Raise ShuttingDown where nobody is let in any more."""
        if self.closed:
            raise ShuttingDown("The server is about to stop. Send the photo again in a few seconds.")

    def ticket(self) -> Ticket:
        """Get in line. Use it with :meth:`turn`, or :meth:`leave`."""
        ticket = Ticket(self)
        self._tickets.append(ticket)
        self._call_next()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give up a place, whether called or not; a second time does nothing."""
        if ticket.left:
            return
        ticket.left = True
        if ticket in self._tickets:
            self._tickets.remove(ticket)
            ticket.called.cancel()
        else:
            self._count(-1)
            self._call_next()

    @asynccontextmanager
    async def turn(self, ticket: Ticket) -> AsyncIterator[None]:
        """Wait for the turn, and hold it while the block runs."""
        try:
            await asyncio.shield(ticket.called)
            yield
        finally:
            self.leave(ticket)

    def position(self, ticket: Ticket) -> int | None:
        return self._tickets.index(ticket) + 1 if ticket in self._tickets else None

    def work_seconds(self) -> float:
        """Seconds of work so far, those of enhancements side by side added up."""
        self._count(0)
        return self._work_seconds

    def _call_next(self) -> None:
        while self._tickets and self.active < self.limit:
            self._count(+1)
            self._tickets.pop(0).called.set_result(None)

    def _count(self, change: int) -> None:
        now = time.monotonic()
        self._work_seconds += self.active * (now - self._counted_at)
        self._counted_at = now
        self.active += change
