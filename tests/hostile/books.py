"""What a gateway holds: before, during and after an attack."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psutil

from tests.gateway.replica import SECONDS, Replica

_MEASURED = {
    "handles": "process_open_fds",
    "places": "places_taken",
    "tasks": "active_tasks",
    "queued": "queued_tasks",
    "batches": "active_batches",
    "results": "held_result_bytes",
    "rss": "process_resident_memory_bytes",
}


@dataclass(frozen=True)
class Books:
    """Counts; ``results`` and ``rss`` in bytes. Connections are among the handles; ``children`` unpack archives."""

    handles: int
    places: int
    tasks: int
    queued: int
    batches: int
    results: int
    children: int
    rss: int

    def grown(self, before: Books) -> list[str]:
        """What there is more of than ``before``, memory apart: what was freed goes back seconds later."""
        names = [*_MEASURED, "children"]
        return [name for name in names if name != "rss" and getattr(self, name) > getattr(before, name)]


async def books(gateway: Replica) -> Books:
    """As things stand."""
    return await asyncio.to_thread(_read, gateway)


def _read(gateway: Replica) -> Books:
    lines = gateway.client.get("/metrics").text.splitlines()
    values = dict(line.rpartition(" ")[::2] for line in lines if not line.startswith("#"))
    measured = {name: int(float(values[metric])) for name, metric in _MEASURED.items()}
    return Books(children=len(psutil.Process(gateway.pid).children(recursive=True)), **measured)


async def settled(gateway: Replica, before: Books) -> Books:
    """The books once there is no more of anything than ``before``.

    Raises:
        AssertionError: that does not come about.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SECONDS
    while grown := (now := await books(gateway)).grown(before):
        assert loop.time() < deadline, f"not given back: {grown}; before {before}, now {now}"
        await asyncio.sleep(0.1)
    return now


@dataclass
class Peak:
    """The most memory seen, in bytes."""

    rss: int = 0


@contextlib.asynccontextmanager
async def watching(gateway: Replica) -> AsyncIterator[Peak]:
    """Look at the gateway's memory again and again."""
    peak = Peak()
    process = psutil.Process(gateway.pid)

    async def look() -> None:
        while True:
            peak.rss = max(peak.rss, process.memory_info().rss)
            await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    try:
        yield peak
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
