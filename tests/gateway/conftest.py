"""The application under test, in process or behind a real uvicorn."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image

from gateway.app import create_app
from gateway.server import build_server
from gateway.services import Services
from limner.settings import Settings

NO_TRITON = "127.0.0.1:1"
"""An endpoint that refuses connections."""

OpenClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def app() -> FastAPI:
    """The application, not started and without a Triton server; its client is ``call_app(app)``."""
    return create_app(Settings(max_upload_bytes=100_000), NO_TRITON)


@pytest.fixture
def call_app() -> OpenClient:
    """Starts an application and gives a client that calls it without a socket."""

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://limner.invalid", timeout=300)
        async with app.router.lifespan_context(app), client:
            yield client

    return opened


@pytest.fixture
async def client(app: FastAPI, call_app: OpenClient) -> AsyncIterator[httpx.AsyncClient]:
    async with call_app(app) as client:
        yield client


@pytest.fixture
def serve() -> OpenClient:
    """Runs the application behind uvicorn on a free port of 127.0.0.1 and gives its client."""

    @asynccontextmanager
    async def opened(settings: Settings, triton_url: str = NO_TRITON) -> AsyncIterator[httpx.AsyncClient]:
        server = build_server(create_app(settings, triton_url), settings.model_copy(update={"port": 0}))
        running = asyncio.create_task(server.serve())
        try:
            while not server.started:
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
                yield client
        finally:
            server.should_exit = True
            await running

    return opened


@dataclass(frozen=True)
class Gateway:
    """A gateway behind a real uvicorn, in this process: its client, and what is inside."""

    client: httpx.AsyncClient
    services: Services
    server: uvicorn.Server


OpenGateway = Callable[..., AbstractAsyncContextManager[Gateway]]


@pytest.fixture
def open_gateway() -> OpenGateway:
    """As ``serve``, for tests that look inside."""

    @asynccontextmanager
    async def opened(settings: Settings, triton_url: str = NO_TRITON) -> AsyncIterator[Gateway]:
        app = create_app(settings, triton_url)
        server = build_server(app, settings.model_copy(update={"port": 0}))
        running = asyncio.create_task(server.serve())
        try:
            while not server.started:
                assert not running.done(), "the server did not start"
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
                yield Gateway(client, app.state.services, server)
        finally:
            server.should_exit = True
            await running

    return opened


@pytest.fixture
def make_photo() -> Callable[..., bytes]:
    """Encodes a picture with a horizontal ramp; ``size`` is width, height."""

    def encoded(image_format: str = "PNG", size: tuple[int, int] = (48, 32)) -> bytes:
        buffer = io.BytesIO()
        Image.linear_gradient("L").rotate(90).resize(size).convert("RGB").save(buffer, image_format)
        return buffer.getvalue()

    return encoded
