"""Places beside those of the queue: of batches, and of uploads and event streams of one client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limner.errors import QueueFull


class Capacity:
    """How many batches may be inside at once: each holds an archive, a process and results in memory.

    It refuses instead of queueing: an archive is too large to lie and wait.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.active = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one place.

        Raises:
            QueueFull: all are taken.
        """
        if self.active >= self.limit:
            raise QueueFull(f"{self.limit} batches are at work already. Try again in a minute.")
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1


class PerClient:
    """How many of something one client may have at once: else a single one could take all places for itself.

    ``what`` stands in the sentence of the refusal: "You have 15 uploads at once already."
    """

    def __init__(self, limit: int, what: str) -> None:
        self.limit = limit
        self._what = what
        self._at_it: Counter[str] = Counter()

    @contextmanager
    def one_of(self, client: str) -> Iterator[None]:
        """Be one of those of ``client``.

        Raises:
            QueueFull: it has too many of them.
        """
        if self._at_it[client] >= self.limit:
            raise QueueFull(f"You have {self.limit} {self._what} at once already. Wait until one of them ends.")
        self._at_it[client] += 1
        try:
            yield
        finally:
            self._at_it[client] -= 1
            if not self._at_it[client]:
                del self._at_it[client]
