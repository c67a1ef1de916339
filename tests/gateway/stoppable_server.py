"""A gateway's server with one slow call, as a process of its own: ``python -m tests.gateway.stoppable_server``.

What happens is told on standard output, a word a line. The first argument is LIMNER_SHUTDOWN_TIMEOUT.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from fastapi import FastAPI

from gateway.envelope import Envelope
from gateway.server import build_server
from limner.settings import Settings


def say(word: str) -> None:
    print(word, flush=True)  # noqa: T201 - the test reads it


async def main(shutdown_timeout: float) -> None:
    released = asyncio.Event()
    idle = asyncio.Event()
    idle.set()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        say("wiped")

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(Envelope)

    @app.get("/slow")
    async def slow() -> str:
        idle.clear()
        say("begun")
        try:
            await released.wait()
        finally:
            idle.set()
        return "finished"

    @app.get("/release")
    async def release() -> None:
        released.set()

    async def drain() -> None:
        say("draining")
        await idle.wait()
        say("drained")

    server = build_server(app, Settings(port=0, shutdown_timeout=shutdown_timeout), drain)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    say(str(server.servers[0].sockets[0].getsockname()[1]))
    await serving


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
