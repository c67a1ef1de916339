"""Archives, from the upload to the ZIP that comes back, against the real Triton."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from PIL import Image
from rars import RarBuilder

from limner.settings import Settings
from tests.gateway.conftest import Gateway, OpenGateway

pytestmark = pytest.mark.timeout(300)

QUICK = {"background": "lanczos", "restorer": "none"}
SLOW = {"background": "realesrgan", "restorer": "none"}
NO_LIMIT: dict[str, Any] = {"rate_limit": "off", "canary_interval": 3600.0}

MakePhoto = Callable[..., bytes]


@pytest.fixture
async def gateway(open_gateway: OpenGateway, triton_url: str) -> AsyncIterator[Gateway]:
    async with open_gateway(Settings(**NO_LIMIT), triton_url) as opened:
        yield opened


def zipped(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, content in files.items():
            writer.writestr(name, content)
    return archive.getvalue()


async def submit(client: httpx.AsyncClient, archive: bytes, **fields: str) -> str:
    answer = await client.post("/v1/batches", files={"file": ("photos", archive)}, data=fields or QUICK)
    assert answer.status_code == 202, answer.text
    accepted = answer.json()
    assert set(accepted) == {"batch_id", "status", "message"}
    batch_id: str = accepted["batch_id"]
    assert answer.headers["location"] == f"/v1/batches/{batch_id}"
    return batch_id


async def until(client: httpx.AsyncClient, batch_id: str, *statuses: str) -> dict[str, Any]:
    while (state := (await client.get(f"/v1/batches/{batch_id}")).json())["status"] not in statuses:
        assert state["status"] in {"pending", "processing"}, state
        await asyncio.sleep(0.02)
    result: dict[str, Any] = state
    return result


async def fetch(client: httpx.AsyncClient, batch_id: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The photos by name, and the report."""
    answer = await client.get(f"/v1/batches/{batch_id}/archive")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as reader:
        assert reader.testzip() is None
        files = {name: reader.read(name) for name in reader.namelist()}
    report: dict[str, Any] = json.loads(files.pop("report.json"))
    return files, report


async def test_photos_come_back_under_their_names_and_the_rest_is_told_of(
    gateway: Gateway, make_photo: MakePhoto
) -> None:
    client, photo = gateway.client, make_photo("JPEG", (40, 30))
    archive = zipped(
        {
            "员工/王芳.jpg": photo,
            "员工/李雷.png": make_photo("PNG", (20, 20)),
            "broken.jpg": photo[:100],
            "notes.txt": b"not a photo",
            "nested.zip": zipped({"a.jpg": photo}),
        }
    )
    batch_id = await submit(client, archive, **QUICK, enhancement_level="3")
    state = await until(client, batch_id, "completed")
    counts = {name: state[name] for name in ("total_files", "processed_files", "failed_files", "skipped_files")}
    assert counts == {"total_files": 5, "processed_files": 2, "failed_files": 1, "skipped_files": 2}
    assert state["progress"] == 1
    assert state["processing_time"] > 0
    assert state["download_url"] == f"/v1/batches/{batch_id}/archive"
    files, report = await fetch(client, batch_id)
    assert set(files) == {"员工/王芳.jpg", "员工/李雷.png"}
    with Image.open(io.BytesIO(files["员工/王芳.jpg"])) as result:
        assert (result.format, result.size) == ("JPEG", (160, 120))
    assert {name: report[name] for name in counts} == counts
    entries = {entry["name"]: entry for entry in report["photos"]}
    good = entries["员工/王芳.jpg"]
    assert good["status"] == "completed"
    assert good["result"] == "员工/王芳.jpg"
    assert good["options"]["enhancement_level"] == 3
    assert good["faces"] == []
    assert good["milliseconds"]["total"] > 0
    assert set(good["quality_metrics"]) >= {"sharpness_score"}
    assert entries["broken.jpg"]["status"] == "failed"
    assert entries["broken.jpg"]["error"]["type"] == "damaged-image"
    assert entries["notes.txt"]["status"] == entries["nested.zip"]["status"] == "skipped"
    assert len(entries["notes.txt"]["reason"]) > 5
    assert (await client.get(f"/v1/batches/{batch_id}/archive")).status_code == 410
    assert (await until(client, batch_id, "cleaned"))["download_url"] is None
    assert gateway.services.store.held == 0
    metrics = (await client.get("/metrics")).text
    assert 'batch_photos_total{outcome="completed"} 2.0' in metrics
    assert 'tasks_total{kind="batch",status="completed"} 1.0' in metrics


async def test_a_rar(gateway: Gateway, make_photo: MakePhoto) -> None:
    builder = RarBuilder()
    builder.add_bytes(make_photo("PNG", (24, 24)), "王芳.png")
    builder.add_bytes(make_photo("PNG", (16, 16)), "b.png")
    batch_id = await submit(gateway.client, builder.to_bytes())
    await until(gateway.client, batch_id, "completed")
    files, _ = await fetch(gateway.client, batch_id)
    assert set(files) == {"王芳.png", "b.png"}


async def test_one_format_for_all_keeps_names_apart(gateway: Gateway, make_photo: MakePhoto) -> None:
    archive = zipped({"a.png": make_photo("PNG"), "a.jpg": make_photo("JPEG"), "A.webp": make_photo("WEBP")})
    batch_id = await submit(gateway.client, archive, **QUICK, output_format="webp")
    await until(gateway.client, batch_id, "completed")
    files, report = await fetch(gateway.client, batch_id)
    assert len({name.casefold() for name in files}) == 3
    assert {entry["result"] for entry in report["photos"]} == set(files)
    assert all(name.endswith(".webp") for name in files)


async def test_events_count(gateway: Gateway, make_photo: MakePhoto) -> None:
    archive = zipped({f"{number}.png": make_photo("PNG", (200, 200)) for number in range(6)})
    batch_id = await submit(gateway.client, archive, background="lanczos", restorer="none", enhancement_level="4")
    seen: list[tuple[str, int]] = []
    async with gateway.client.stream("GET", f"/v1/batches/{batch_id}/events") as answer:
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                seen.append((name, json.loads(line.removeprefix("data: "))["processed_files"]))
    assert seen[-1] == ("done", 6)
    assert [count for _, count in seen] == sorted(count for _, count in seen)


@pytest.mark.parametrize(
    ("archive", "status", "kind"),
    [
        (b"no archive", 415, "unsupported-format"),
        (b"", 400, "empty-image"),
        (zipped({"a.png": b"x" * 100})[:60], 422, "damaged-archive"),
    ],
    ids=["text", "empty", "truncated"],
)
async def test_bad_archives_are_refused_at_once(gateway: Gateway, archive: bytes, status: int, kind: str) -> None:
    answer = await gateway.client.post("/v1/batches", files={"file": ("a.zip", archive)}, data=QUICK)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:limner:problem:{kind}")
    assert gateway.services.queue.admitted == 0
    assert gateway.services.batches.active == 0


async def test_options_are_checked_at_once(gateway: Gateway, make_photo: MakePhoto) -> None:
    answer = await gateway.client.post(
        "/v1/batches", files={"file": zipped({"a.png": make_photo()})}, data={"quality": "101"}
    )
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:limner:problem:invalid-option")


async def test_too_large_an_archive(open_gateway: OpenGateway, make_photo: MakePhoto) -> None:
    async with open_gateway(Settings(max_archive_bytes=1000, **NO_LIMIT)) as gateway:
        answer = await gateway.client.post("/v1/batches", files={"file": bytes(5000)})
    assert answer.status_code == 413
    assert "archive" in answer.json()["detail"]


async def test_deleting_a_batch_cancels_all_of_it(gateway: Gateway, make_photo: MakePhoto) -> None:
    client = gateway.client
    archive = zipped({f"{number}.png": make_photo("PNG", (600, 600)) for number in range(4)})
    batch_id = await submit(client, archive, **SLOW)
    while not gateway.services.queue.active:
        await asyncio.sleep(0.02)
    assert (await client.delete(f"/v1/batches/{batch_id}")).status_code == 200

    async def idle() -> None:
        while gateway.services.queue.admitted or gateway.services.queue.active or gateway.services.batches.active:
            await asyncio.sleep(0.02)

    await asyncio.wait_for(idle(), 20)
    assert gateway.services.store.held == 0
    assert (await client.get(f"/v1/batches/{batch_id}")).json()["status"] == "cleaned"
    assert (await client.get(f"/v1/batches/{batch_id}/archive")).status_code == 410


async def test_batches_at_once_are_bounded(open_gateway: OpenGateway, triton_url: str, make_photo: MakePhoto) -> None:
    async with open_gateway(Settings(max_batches=1, **NO_LIMIT), triton_url) as gateway:
        archive = zipped({"a.png": make_photo("PNG", (400, 400))})
        batch_id = await submit(gateway.client, archive, **SLOW)
        refused = await gateway.client.post("/v1/batches", files={"file": archive}, data=QUICK)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:limner:problem:temporary-reduced-capacity"
        # Single photos pass by.
        answer = await gateway.client.post("/v1/enhance", files={"file": make_photo()}, data=QUICK)
        assert answer.status_code == 200
        await gateway.client.delete(f"/v1/batches/{batch_id}")


async def test_a_broken_download_can_be_fetched_again(gateway: Gateway, make_photo: MakePhoto) -> None:
    archive = zipped({f"{number}.png": make_photo("PNG", (900, 900)) for number in range(3)})
    batch_id = await submit(gateway.client, archive, **QUICK, output_format="jpeg", quality="100")
    await until(gateway.client, batch_id, "completed")
    url = httpx.URL(gateway.client.base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    writer.write(f"GET /v1/batches/{batch_id}/archive HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (await reader.read(20)).startswith(b"HTTP/1.1 200")
    writer.transport.abort()
    for _ in range(300):
        answer = await gateway.client.get(f"/v1/batches/{batch_id}/archive")
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.05)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as reader_of_zip:
        assert reader_of_zip.testzip() is None
        assert len(reader_of_zip.namelist()) == 4
