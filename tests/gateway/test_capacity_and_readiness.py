from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest

from gateway.capacity import Capacity
from gateway.readiness import Readiness
from limner.errors import EmptyImage, InferenceTimeout, InferenceUnavailable, QueueFull
from limner.settings import Settings
from tests.gateway.conftest import OpenGateway

pytestmark = pytest.mark.timeout(60)

OpenClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


def test_capacity_refuses_and_recovers() -> None:
    capacity = Capacity(1)
    with capacity.slot():
        with pytest.raises(QueueFull, match="1 batches"), capacity.slot():
            pass
        assert capacity.active == 1
    with pytest.raises(EmptyImage), capacity.slot():
        raise EmptyImage("empty")
    assert capacity.active == 0


async def test_more_uploads_than_places_get_a_503_with_retry_after(open_gateway: OpenGateway) -> None:
    release = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"--b\r\n"
        await release.wait()

    async with open_gateway(Settings(max_tasks=1, max_queue=0)) as gateway:
        client = gateway.client
        headers = {"content-type": "multipart/form-data; boundary=b"}
        first = asyncio.create_task(client.post("/v1/enhance", content=slow(), headers=headers))
        while not gateway.services.queue.admitted:
            await asyncio.sleep(0.01)
        second = await client.post("/v1/enhance", files={"file": b"x"})
        release.set()
        assert (await first).status_code == 400
        metrics = (await client.get("/metrics")).text
    assert second.status_code == 503
    assert second.json()["type"] == "urn:limner:problem:temporary-reduced-capacity"
    assert int(second.headers["retry-after"]) > 0
    assert 'enhancement_requests_total{reason="temporary-reduced-capacity",status="503"} 1.0' in metrics
    assert 'enhancement_requests_total{reason="invalid-form",status="400"} 1.0' in metrics


async def test_too_large_upload_is_told_even_to_clients_that_send_first_and_read_later(serve: OpenClient) -> None:
    async with serve(Settings(max_upload_bytes=1000)) as client:
        for _ in range(2):
            answer = await client.post("/v1/enhance", files={"file": bytes(8_000_000)})
            assert answer.status_code == 413


async def test_client_that_leaves_frees_its_place(open_gateway: OpenGateway) -> None:
    async with open_gateway(Settings(max_tasks=1)) as gateway:
        client = gateway.client
        port = httpx.URL(client.base_url).port
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /v1/enhance HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        )
        await writer.drain()
        while not gateway.services.queue.admitted:
            await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()
        while gateway.services.queue.admitted:
            await asyncio.sleep(0.01)
        text = (await client.get("/metrics")).text
    assert 'enhancement_requests_total{reason="cancelled",status="499"} 1.0' in text


def test_readiness_goes_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("gateway.readiness.time.monotonic", lambda: now)
    readiness = Readiness(10.0)
    with pytest.raises(InferenceUnavailable, match="No inference has passed yet"):
        readiness.check()
    readiness.passed()
    now += 29.0
    readiness.check()
    readiness.failed(InferenceTimeout("It took too long."))
    now += 2.0
    with pytest.raises(InferenceUnavailable, match="It took too long"):
        readiness.check()


@pytest.mark.parametrize("path", ["/v1/enhance", "/v1/photos", "/v1/batches"])
async def test_uploads_count_once_they_may_be_read(open_gateway: OpenGateway, path: str) -> None:
    """A client that has too many at once, and then too many a minute, whose bodies never come."""
    settings = Settings(max_tasks=1, max_queue=1, rate_limit="2/minute", canary_interval=3600.0)
    async with open_gateway(settings) as gateway:
        url, services = gateway.client.base_url, gateway.services

        @asynccontextmanager
        async def begun() -> AsyncIterator[asyncio.StreamReader]:
            reader, writer = await asyncio.open_connection(url.host, url.port)
            kind = "Content-Length: 999\r\nContent-Type: multipart/form-data; boundary=b"
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n{kind}\r\n\r\n".encode())
            try:
                yield reader
            finally:
                writer.transport.abort()

        async def refused(status: int) -> str:
            async with begun() as reader:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert head.startswith(f"http/1.1 {status} ")
            return head

        for _ in range(2):
            async with begun():
                while not services.queue.admitted:
                    await asyncio.sleep(0.01)
                assert "ratelimit:" not in await refused(503)
            while services.queue.admitted:
                await asyncio.sleep(0.01)
        for _ in range(3):
            assert '"default";r=0;' in await refused(429)
        assert services.queue.admitted == services.batches.active == 0
