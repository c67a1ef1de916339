"""The addresses of the Triton servers: their names are resolved anew every few seconds."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from limner.endpoints import HostPort

log = logging.getLogger("limner.triton")

REFRESH_SECONDS = 3.0
"""Pause between two resolutions of the same names."""

KEEP_SECONDS = 60.0
"""How long the last known addresses are used while a name cannot be resolved; later they may be somebody else's."""


@dataclass(frozen=True)
class Address:
    """One server: numeric ``host:port``, and the endpoint as the settings write it."""

    target: str
    authority: str = field(compare=False)

    def __str__(self) -> str:
        return self.target


Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""All numeric addresses of a name. Raises OSError, or UnicodeError for what cannot be a name."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """As the operating system resolves it: IPv4 and IPv6."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class Addresses:
    """What the endpoints' names stand for at present. Nobody waits for a resolution while older addresses are known."""

    def __init__(
        self,
        endpoints: Sequence[HostPort],
        resolve: Resolve = resolve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoints, self._resolve, self._clock = endpoints, resolve, clock
        self._named = [endpoint for endpoint in endpoints if not _is_numeric(endpoint.host)]
        self._found: dict[HostPort, tuple[Address, ...]] = {
            end: (Address(str(end), str(end)),) for end in endpoints if end not in self._named
        }
        self._resolved_at: dict[HostPort, float] = {}
        self._failing: set[HostPort] = set()
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[object] | None = None

    async def get(self, seconds: float) -> tuple[Address, ...]:
        """Each address once; none where no name can be resolved within ``seconds``."""
        if self._named and self._asking is None and self._clock() - self._asked_at >= REFRESH_SECONDS:
            self._asked_at = self._clock()
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None and not self.known:
            await asyncio.wait({self._asking}, timeout=seconds)
        return self.known

    @property
    def known(self) -> tuple[Address, ...]:
        """Each address once, as they were found last."""
        found = (address for endpoint in self._endpoints for address in self._found.get(endpoint, ()))
        return tuple(dict.fromkeys(found))

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> None:
        try:
            await asyncio.gather(*map(self._ask_for, self._named))
        finally:
            self._asking = None

    async def _ask_for(self, endpoint: HostPort) -> None:
        try:
            hosts = await self._resolve(endpoint.host, endpoint.port)
        except (OSError, UnicodeError) as error:
            if endpoint not in self._failing:
                log.warning("%s cannot be resolved: %s", endpoint, error)
            self._failing.add(endpoint)
            if self._clock() - self._resolved_at.get(endpoint, float("-inf")) > KEEP_SECONDS:
                self._found[endpoint] = ()
            return
        if endpoint in self._failing:
            log.warning("%s is resolved again", endpoint)
        self._failing.discard(endpoint)
        self._resolved_at[endpoint] = self._clock()
        self._found[endpoint] = tuple(Address(str(HostPort(host, endpoint.port)), str(endpoint)) for host in hosts)


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
