"""A small application behind the gateway's server, on a socket of 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import Response

from gateway.envelope import Envelope
from gateway.server import Drain, Server, build_server
from limner.settings import Settings

BODY = bytes(32_000_000)
"""More than the kernel takes for a client that does not read."""


def small_app() -> FastAPI:
    """``/healthz`` and ``/quick`` answer at once, ``/slow`` after a second, ``/large`` with :data:`BODY`."""
    app = FastAPI()
    app.add_middleware(Envelope)

    @app.get("/healthz")
    @app.get("/quick")
    async def quick() -> str:
        return "quick"

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(1.0)
        return "slow"

    @app.get("/large")
    async def large() -> Response:
        return Response(BODY)

    return app


@contextlib.asynccontextmanager
async def serving(settings: Settings | None = None, drain: Drain | None = None) -> AsyncIterator[tuple[Server, int]]:
    """The server of a small application, and its port."""
    settings = (settings or Settings()).model_copy(update={"port": 0, "shutdown_timeout": 0.0})
    server = build_server(small_app(), settings, drain)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server closes the connection, or breaks it off."""
    content = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := await reader.read(65_536):
            content += piece
    return bytes(content)
