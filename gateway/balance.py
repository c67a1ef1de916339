"""Which server gets the next photo: the one with the fewest of ours at work, in turn among equals.

Servers that were never used come first, by chance: else gateways that start together would follow each other.

Photos take from tenths of a second to minutes, so servers that got the same number of photos do not have the same
load; what is still at work there tells more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.addresses import Address

AVOID_SECONDS = 10.0
"""A server that has failed a photo gets no other for so long, unless all have, or a canary passes before."""


@dataclass(eq=False)
class _Server:
    at_work: int = 0
    turn: float = field(default_factory=lambda: -random.random())  # noqa: S311 - no secret
    """The larger, the later it was picked last; negative before."""
    avoided_until: float = 0.0
    passed_at: float = field(default=float("-inf"))


class Balance:
    """What is known of each server, seen from this process: other gateways do the same for themselves."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._servers: dict[Address, _Server] = {}
        self._turn = 0

    def keep(self, addresses: Collection[Address]) -> None:
        """Forget servers that are gone, once nothing is at work there."""
        gone = [seen for seen, server in self._servers.items() if seen not in addresses and not server.at_work]
        for address in gone:
            del self._servers[address]

    @property
    def seen(self) -> Collection[Address]:
        """Those that something is known of."""
        return self._servers.keys()

    @property
    def busy(self) -> list[Address]:
        """Those with a photo at work."""
        return [address for address, server in self._servers.items() if server.at_work]

    def pick(self, addresses: Collection[Address]) -> Address:
        """One of ``addresses`` (at least one); an avoided one only where all are."""

        def order(address: Address) -> tuple[bool, int, float]:
            server = self._server(address)
            return self.avoids(address), server.at_work, server.turn

        picked = min(addresses, key=order)
        self._turn += 1
        self._server(picked).turn = self._turn
        return picked

    @contextmanager
    def at_work(self, address: Address) -> Iterator[None]:
        """Count a photo at ``address`` while the block runs."""
        server = self._server(address)
        server.at_work += 1
        try:
            yield
        finally:
            server.at_work -= 1

    def passed(self, address: Address) -> None:
        """An inference went all the way through."""
        server = self._server(address)
        server.passed_at, server.avoided_until = self._clock(), 0.0

    def failed(self, address: Address, *, until_passed: bool = False) -> None:
        """Avoid it for :data:`AVOID_SECONDS`, or until an inference passes there."""
        server = self._server(address)
        until = float("inf") if until_passed else self._clock() + AVOID_SECONDS
        server.avoided_until = max(server.avoided_until, until)

    def avoids(self, address: Address) -> bool:
        return self._server(address).avoided_until > self._clock()

    def age(self, address: Address) -> float:
        """Seconds since an inference passed there; infinite before the first."""
        return self._clock() - self._server(address).passed_at

    def _server(self, address: Address) -> _Server:
        return self._servers.setdefault(address, _Server())
