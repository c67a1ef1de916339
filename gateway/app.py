"""The application: routes, middleware and the services that live as long as it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gateway import batches, enhance, health, models, openapi, page, pages, photos
from gateway.access.exposure import check_exposure
from gateway.access.guard import Guard
from gateway.access.keys import KeyRing
from gateway.access.rate_limit import RateLimiter
from gateway.audit import Audit
from gateway.capacity import Capacity, PerClient
from gateway.envelope import Envelope
from gateway.freed_memory import map_large_blocks, trim_heaps
from gateway.gauges import add_gauges
from gateway.metrics import Metrics
from gateway.problems import on_http_exception, on_limner_error, on_validation_error
from gateway.readiness import Readiness, watch
from gateway.services import Services
from gateway.state.opening import open_store
from gateway.tasks.desk import Desk
from gateway.tasks.queue import Queue
from gateway.tasks.work import Work
from gateway.triton import TritonClient
from limner import __version__
from limner.errors import LimnerError, SettingsError
from limner.settings import Settings
from limner.undumpable import forbid_dumps, scrub_freed_memory

STREAMS_PER_CLIENT = 256
"""Event streams; of the 800 connections that the server takes."""


def create_app(settings: Settings, triton_url: str) -> FastAPI:
    """The gateway in front of the Triton servers whose gRPC endpoints ``triton_url`` names (``host:port``, commas).

    Raises:
        SettingsError: a key is malformed, or anybody could reach the gateway without one.
    """
    keys = KeyRing.from_settings(settings)
    check_exposure(settings, keys)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        forbid_dumps()
        scrub_freed_memory()
        map_large_blocks()
        async with contextlib.AsyncExitStack() as closing:
            try:
                services = await closing.enter_async_context(_services(settings, triton_url))
            except SettingsError as error:
                app.state.failure = error  # the server only says that the start failed
                raise
            add_gauges(services)
            app.state.services = services
            app.state.page = page.load_page(settings)
            watchers = [
                asyncio.create_task(watch(services.readiness, services.triton, services.metrics.canary)),
                asyncio.create_task(services.desk.watch()),
                asyncio.create_task(trim_heaps(lambda: not services.queue.admitted)),
            ]
            try:
                yield
            finally:
                for watcher in watchers:
                    watcher.cancel()
                await asyncio.gather(*watchers, return_exceptions=True)

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
    # The last one added is the outermost.
    app.add_middleware(Guard, keys=keys, trusted_proxies=settings.trusted_proxies)
    app.add_middleware(Envelope)
    app.add_exception_handler(LimnerError, on_limner_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    for part in (enhance, photos, batches, models, health, page, pages):
        app.include_router(part.router)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = openapi.document(app, settings)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
    return app


@contextlib.asynccontextmanager
async def _services(settings: Settings, triton_url: str) -> AsyncIterator[Services]:
    """Everything that the calls share, closed again in reverse."""
    async with contextlib.AsyncExitStack() as closing:
        audit = Audit.from_settings(settings)
        closing.callback(audit.close)
        store = open_store(settings)
        await store.check()
        limiter = RateLimiter.from_settings(settings)
        closing.push_async_callback(limiter.close)
        queue = Queue(settings.max_tasks, settings.max_queue)
        metrics = Metrics(active=lambda: queue.active, queued=lambda: queue.queued, held=lambda: store.held)
        triton = TritonClient(triton_url, on_retry=metrics.triton_retried)
        closing.push_async_callback(triton.close)
        readiness = Readiness(settings.canary_interval)
        work = Work(triton, queue, metrics, readiness, settings.task_timeout)
        desk = Desk(store, metrics, audit, result_ttl=settings.result_ttl)
        closing.push_async_callback(desk.close)
        yield Services(
            settings=settings,
            triton=triton,
            store=store,
            queue=queue,
            batches=Capacity(settings.max_batches),
            uploads=PerClient(max(1, (settings.max_tasks + settings.max_queue) // 2), "uploads"),
            streams=PerClient(STREAMS_PER_CLIENT, "event streams"),
            work=work,
            desk=desk,
            limiter=limiter,
            metrics=metrics,
            readiness=readiness,
            audit=audit,
        )
