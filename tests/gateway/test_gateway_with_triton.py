"""The calls against a real Triton server with the real model repository."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from PIL import Image

from limner.catalog import ROLES
from limner.settings import Settings

OpenClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

pytestmark = pytest.mark.timeout(180)

QUICK = {"background": "lanczos", "restorer": "none"}


@pytest.fixture
async def gateway(serve: OpenClient, triton_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(Settings(canary_interval=1.0), triton_url) as client:
        yield client


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
async def test_photo_comes_back_twice_as_large(
    gateway: httpx.AsyncClient, make_photo: Callable[..., bytes], image_format: str
) -> None:
    photo = make_photo(image_format, (48, 32))
    answer = await gateway.post("/v1/enhance", files={"file": (f"王芳.{image_format}", photo)}, data=QUICK)
    assert answer.status_code == 200, answer.text
    name = image_format.lower()
    assert answer.headers["content-type"] == f"image/{name}"
    assert answer.headers["cache-control"] == "no-store"
    extension = name.replace("jpeg", "jpg")
    assert answer.headers["content-disposition"] == (
        f"inline; filename=enhanced.{extension}; filename*=UTF-8''%E7%8E%8B%E8%8A%B3_enhanced.{extension}"
    )
    with Image.open(io.BytesIO(answer.content)) as result:
        result.load()
        assert (result.format, result.size) == (image_format, (96, 64))
    assert len(answer.headers["limner-report"]) <= 4096
    report = json.loads(answer.headers["limner-report"])
    assert (report["input"]["width"], report["input"]["height"]) == (48, 32)
    assert (report["output"]["width"], report["output"]["height"]) == (96, 64)
    assert report["output"]["bytes"] == len(answer.content)
    assert report["milliseconds"]["total"] > 0
    assert report["faces"] == []
    metrics = (await gateway.get("/metrics")).text
    assert 'enhancement_requests_total{reason="",status="200"} 1.0' in metrics
    assert "processing_time_seconds_count 1.0" in metrics
    assert 'step_seconds_count{step="total"} 1.0' in metrics


async def test_options_reach_the_models(gateway: httpx.AsyncClient, make_photo: Callable[..., bytes]) -> None:
    data = {**QUICK, "enhancement_level": "3", "output_format": "webp"}
    answer = await gateway.post("/v1/enhance", files={"file": make_photo("PNG", (20, 10))}, data=data)
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as result:
        assert result.size == (80, 40)


async def test_catalog(gateway: httpx.AsyncClient) -> None:
    listed = (await gateway.get("/v1/models")).json()
    assert set(listed["roles"]) == set(ROLES)
    for state in listed["roles"].values():
        assert (state["model"] is None) != (state["reason"] is None)
    for model in listed["models"]:
        assert model["available"] or model["reason"]


async def test_gateway_becomes_ready(gateway: httpx.AsyncClient) -> None:
    for _ in range(100):
        answer = await gateway.get("/readyz")
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.1)
    assert answer.json() == {"status": "ready"}


def huge_png_header() -> bytes:
    """A PNG that claims 60,000 × 60,000 pixels and holds none of them."""
    data = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + data + struct.pack(">I", zlib.crc32(data))


@pytest.mark.parametrize(
    ("spoil", "status", "kind"),
    [
        (lambda photo: b"this is no photo", 415, "unsupported-format"),
        (lambda photo: photo[: len(photo) // 2], 422, "damaged-image"),
        (lambda photo: huge_png_header(), 413, "too-many-pixels"),
    ],
    ids=["text", "truncated", "huge"],
)
async def test_bad_photos(
    gateway: httpx.AsyncClient,
    make_photo: Callable[..., bytes],
    spoil: Callable[[bytes], bytes],
    status: int,
    kind: str,
) -> None:
    answer = await gateway.post("/v1/enhance", files={"file": ("a.png", spoil(make_photo()))})
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:limner:problem:{kind}")
    assert len(problem["detail"]) > 20
    again = await gateway.post("/v1/enhance", files={"file": make_photo()}, data=QUICK)
    assert again.status_code == 200


async def test_deadline(serve: OpenClient, triton_url: str, make_photo: Callable[..., bytes]) -> None:
    async with serve(Settings(task_timeout=0.001), triton_url) as client:
        answer = await client.post("/v1/enhance", files={"file": make_photo()}, data=QUICK)
    assert answer.status_code == 504
    assert answer.json()["type"] == "urn:limner:problem:inference-timeout"


async def until_told(client: httpx.AsyncClient, line: str) -> str:
    """Wait until the metrics hold a line; all of them then."""
    while f"\n{line}\n" not in (text := (await client.get("/metrics")).text):
        await asyncio.sleep(0.005)
    return text


async def test_client_that_leaves_cancels_and_full_places_refuse(
    serve: OpenClient, triton_url: str, make_photo: Callable[..., bytes]
) -> None:
    photo = make_photo("PNG", (768, 768))
    async with serve(Settings(max_tasks=1, max_queue=0), triton_url) as client:
        leaving = asyncio.create_task(client.post("/v1/enhance", files={"file": photo}))
        await until_told(client, "active_tasks 1.0")
        refused = await client.post("/v1/enhance", files={"file": make_photo()}, data=QUICK)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:limner:problem:temporary-reduced-capacity"
        leaving.cancel()
        await asyncio.wait({leaving})
        await asyncio.wait_for(until_told(client, "active_tasks 0.0"), 30)
        cancelled = 'enhancement_requests_total{reason="cancelled",status="499"} 1.0'
        metrics = await asyncio.wait_for(until_told(client, cancelled), 5)
        assert 'enhancement_requests_total{reason="",status="200"} 0.0' in metrics
        answer = await client.post("/v1/enhance", files={"file": make_photo()}, data=QUICK)
        assert answer.status_code == 200
