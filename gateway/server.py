"""How uvicorn is to run the application."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from limner.settings import Settings

SHUTDOWN_SECONDS = 30
BACKLOG = 256


def build_server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """A server for ``app`` on the host and port of ``settings``; await its ``serve()``.

    uvicorn's own access log names addresses and paths, so it is off: :mod:`gateway.envelope` logs instead.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)
