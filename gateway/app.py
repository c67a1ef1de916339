"""The application: routes, middleware and the services that live as long as it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gateway import enhance, health, models, openapi, pages
from gateway.capacity import Capacity
from gateway.envelope import Envelope
from gateway.metrics import Metrics
from gateway.problems import on_http_exception, on_limner_error, on_validation_error
from gateway.readiness import Readiness, watch
from gateway.services import Services
from gateway.triton import TritonClient
from limner import __version__
from limner.errors import LimnerError
from limner.settings import Settings

log = logging.getLogger("limner.gateway")


def create_app(settings: Settings, triton_url: str) -> FastAPI:
    """The gateway in front of the Triton server whose gRPC endpoint is ``triton_url`` (``host:port``)."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if not _is_loopback(settings.host):
            log.warning("LIMNER_HOST is %s: whoever reaches this address can use it without a key.", settings.host)
        capacity = Capacity(settings.max_tasks)
        readiness = Readiness(settings.canary_interval)
        triton = TritonClient(triton_url)
        app.state.services = Services(settings, triton, capacity, Metrics(capacity), readiness)
        watcher = asyncio.create_task(watch(readiness, triton))
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            await triton.close()

    app = FastAPI(
        title="Limner",
        version=__version__,
        description="Restores low-quality face photos. Errors are RFC 9457 problem+json.",
        lifespan=lifespan,
        openapi_url=None,  # /openapi.json is one of the pages
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(Envelope)
    app.add_exception_handler(LimnerError, on_limner_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    for part in (enhance, models, health, pages):
        app.include_router(part.router)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = openapi.document(app, settings.max_upload_bytes)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
    return app


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
