"""A relay that counts what passes between a client and a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass
class Passed:
    """So far: connections, bytes to the server and bytes from it."""

    url: str = ""
    connections: int = 0
    sent: int = 0
    received: int = 0


@contextlib.asynccontextmanager
async def relay(target: str) -> AsyncIterator[Passed]:
    """A port of 127.0.0.1 that leads to ``target`` (``host:port``); its address is ``url``."""
    passed = Passed()
    host, _, port = target.rpartition(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed.connections += 1
        there, onward = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pump(reader, onward, "sent"), _pump(there, writer, "received"))

    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, counter: str) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(sink):
            while piece := await source.read(65_536):
                setattr(passed, counter, getattr(passed, counter) + len(piece))
                sink.write(piece)
                await sink.drain()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        passed.url = "{}:{}".format(*server.sockets[0].getsockname())
        yield passed
