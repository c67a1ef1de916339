"""How many batches may be inside at once: each holds an archive, a process and results in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from limner.errors import QueueFull


class Capacity:
    """A count with a limit. It refuses instead of queueing: an archive is too large to lie and wait."""

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
