"""How uvicorn is to run the application, and how it is to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import resource
import socket
import time
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from gateway.connection import MOST_CONNECTIONS, Connection
from gateway.problems import unexpected
from gateway.tls import tls_context
from limner.settings import Settings

BACKLOG: Final = 256
MAX_HEAD_BYTES: Final = 16_384
"""Request line and headers; more is a 400."""

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than proxies keep an idle connection to a server (nginx, AWS: 60 s). Were it shorter, a proxy could send a
request over a connection that is being closed here, and would have to answer 502."""

LAST_SECONDS: Final = 3
"""What answers get to reach their clients at the end, however long the work before took."""

HANDLES: Final = MOST_CONNECTIONS + 4 * BACKLOG + 124
"""Open files that a process may need. In one turn of the loop, a whole backlog is accepted, and it takes a few turns
until those connections are counted, refused and closed. The usual 1024 are too few for a burst; then asyncio stops
accepting for a second."""

Drain = Callable[[], Awaitable[None]]

log = logging.getLogger("limner.gateway")


class Server(uvicorn.Server):
    """A server that first lets its application finish, still listening, and then stops.

    On SIGTERM or SIGINT ``drain`` is awaited, for ``seconds`` at most; then no connection is taken any more, open
    requests get what is left of the time, and the application's lifespan ends. A second signal skips all waiting, but
    not the lifespan's end, which wipes.
    """

    def __init__(self, config: uvicorn.Config, drain: Drain | None, seconds: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._seconds = seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        allow_handles()
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        deadline = time.monotonic() + self._seconds
        if self._drain is not None:
            await self._await_drain(self._drain, deadline)
        left = 0 if self.force_exit else math.ceil(deadline - time.monotonic())
        self.config.timeout_graceful_shutdown = max(LAST_SECONDS, left)
        await super().shutdown(sockets)
        if self.force_exit:  # then uvicorn has left it out
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.lifespan.shutdown(), LAST_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        second = self.should_exit
        super().handle_exit(sig, frame)
        if second:
            self.force_exit = True
            # Not here: a signal may come in the midst of a write.
            asyncio.get_running_loop().call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def _await_drain(self, drain: Drain, deadline: float) -> None:
        draining = asyncio.ensure_future(drain())
        ticks = 0
        while True:
            await asyncio.wait({draining}, timeout=0.1)
            if draining.done() or self.force_exit or time.monotonic() > deadline:
                break
            ticks += 1
            await self.on_tick(ticks)  # keeps the header `Date` right
        draining.cancel()
        (outcome,) = await asyncio.gather(draining, return_exceptions=True)
        if isinstance(outcome, Exception):
            unexpected(outcome)
        elif isinstance(outcome, asyncio.CancelledError) and not self.force_exit:
            log.warning("work was not finished within LIMNER_SHUTDOWN_TIMEOUT; what is left of it is cancelled")


def allow_handles(enough: int = HANDLES) -> None:
    """Raise this process's limit of open files to ``enough``, or to what it may be raised to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def build_server(app: FastAPI, settings: Settings, drain: Drain | None = None) -> Server:
    """A server for ``app`` on the host and port of ``settings``; await its ``serve()``.

    Args:
        app: the application.
        settings: where to listen, TLS, and how long to wait at the end.
        drain: refuses new work and returns when all that was begun is done and handed out.

    uvicorn's own access log names addresses and paths, so it is off: :mod:`gateway.envelope` logs instead.

    Raises:
        SettingsError: certificate or key cannot be used.
    """
    tls = tls_context(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="asyncio",
        http=Connection,
        ssl_context_factory=None if tls is None else lambda *_: tls,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    return Server(config, drain, settings.shutdown_timeout)
