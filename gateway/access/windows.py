"""Moving windows in this process.

The storage in memory that ``limits`` has walks over all its clients whenever one uploads: with 100,000 of them that
keeps four fifths of a core busy. Here they are in the order of their last hits, so those whose time is over are at
the front.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict

from limits.aio.storage import MovingWindowSupport

from gateway.clock import now

MAX_CLIENTS = 100_000
"""Clients remembered for each length of window, about 30 MB. Beyond it the one that has been quiet longest is
forgotten: somebody with that many addresses has as many quotas anyway."""


class MemoryWindows(MovingWindowSupport):
    """The times of past hits, in seconds since 1970, by key: one table for each length of window."""

    def __init__(self, max_clients: int = MAX_CLIENTS) -> None:
        self._max_clients = max_clients
        self._tables: dict[int, OrderedDict[str, array[float]]] = {}

    def __len__(self) -> int:
        """Keys remembered, over all tables."""
        return sum(map(len, self._tables.values()))

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Hit ``amount`` times, unless that would make more than ``limit`` within ``expiry`` seconds."""
        moment = now()
        table = self._tables.setdefault(expiry, OrderedDict())
        while table and next(iter(table.values()))[-1] < moment - expiry:
            table.popitem(last=False)
        hits = table.get(key, array("d"))
        over = bisect_left(hits, moment - expiry)
        if len(hits) - over + amount > limit:
            return False
        del hits[:over]
        hits.extend([moment] * amount)
        table[key] = hits
        table.move_to_end(key)
        if len(table) > self._max_clients:
            table.popitem(last=False)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """Time of the first hit in the window that ends now, and how many there are; now and 0 where there is none."""
        moment = now()
        table = self._tables.get(expiry)
        hits = (table and table.get(key)) or array("d")
        first = bisect_left(hits, moment - expiry)
        return (hits[first], len(hits) - first) if first < len(hits) else (moment, 0)
