"""How many enhancements may be at work or waiting at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from limner.errors import QueueFull


class Capacity:
    """A count with a limit. It refuses instead of queueing: what waits, waits in Triton."""

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
            raise QueueFull(f"All {self.limit} places are taken. Try again in a few seconds.")
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1
