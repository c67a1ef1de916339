"""The life of a task, against the real Triton."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from limner.settings import Settings
from tests.gateway.conftest import Gateway, OpenGateway

pytestmark = pytest.mark.timeout(300)

QUICK = {"background": "lanczos", "restorer": "none"}
SLOW = {"background": "realesrgan", "restorer": "none"}
NO_LIMIT: dict[str, Any] = {"rate_limit": "off", "canary_interval": 3600.0}

MakePhoto = Callable[..., bytes]


def noise(side: int) -> bytes:
    """A PNG that no encoder makes small."""
    pixels = np.random.default_rng(7).integers(0, 256, (side, side, 3), dtype=np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()


@pytest.fixture
async def gateway(open_gateway: OpenGateway, triton_url: str) -> AsyncIterator[Gateway]:
    async with open_gateway(Settings(**NO_LIMIT), triton_url) as opened:
        yield opened


async def submit(client: httpx.AsyncClient, photo: bytes, name: str = "a.png", **fields: str) -> str:
    answer = await client.post("/v1/photos", files={"file": (name, photo)}, data=fields or QUICK)
    assert answer.status_code == 202, answer.text
    accepted = answer.json()
    assert set(accepted) == {"task_id", "status", "message"}
    assert accepted["status"] == "pending"
    assert answer.headers["location"] == f"/v1/photos/{accepted['task_id']}"
    task_id: str = accepted["task_id"]
    assert len(task_id) == 32
    return task_id


async def until(client: httpx.AsyncClient, task_id: str, *statuses: str) -> dict[str, Any]:
    """The state, once it has one of ``statuses``."""
    while (state := (await client.get(f"/v1/photos/{task_id}")).json())["status"] not in statuses:
        assert state["status"] in {"pending", "processing"}, state
        await asyncio.sleep(0.02)
    result: dict[str, Any] = state
    return result


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async def wait() -> None:
        while not await condition():
            await asyncio.sleep(0.02)

    await asyncio.wait_for(wait(), 30)


async def test_a_photo_is_handed_in_asked_about_and_fetched_once(gateway: Gateway, make_photo: MakePhoto) -> None:
    client = gateway.client
    task_id = await submit(client, make_photo("PNG", (48, 32)), "王芳.png", **QUICK, enhancement_level="3")
    state = await until(client, task_id, "completed")
    assert state["progress"] == 1
    assert state["queue_position"] is None
    assert state["processing_time"] > 0
    assert state["enhanced_image_url"] == f"/v1/photos/{task_id}/image"
    assert set(state["quality_metrics"]) >= {
        *("sharpness_score", "face_quality_score", "enhancement_ratio", "identity_preservation"),
    }
    assert state["faces"] == []
    assert state["report"]["output"]["width"] == 192
    assert state["error_message"] is None
    assert state["expires_at"] > state["created_at"]

    answer = await client.get(state["enhanced_image_url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    assert (
        answer.headers["content-disposition"]
        == "inline; filename=enhanced.png; filename*=UTF-8''%E7%8E%8B%E8%8A%B3_enhanced.png"
    )
    assert json.loads(answer.headers["limner-report"])["output"]["bytes"] == len(answer.content)
    with Image.open(io.BytesIO(answer.content)) as result:
        result.load()
        assert result.size == (192, 128)

    again = await client.get(state["enhanced_image_url"])
    assert (again.status_code, again.json()["type"]) == (410, "urn:limner:problem:gone")
    state = await until(client, task_id, "cleaned")
    assert state["enhanced_image_url"] is None
    assert state["report"] is None
    assert (await client.delete(f"/v1/photos/{task_id}")).json()["status"] == "cleaned"
    assert gateway.services.store.held == 0


async def test_the_store_holds_ciphertext_only(gateway: Gateway) -> None:
    photo = noise(64)
    task_id = await submit(gateway.client, photo)
    await until(gateway.client, task_id, "completed")
    held = gateway.services.store._blobs  # type: ignore[attr-defined]
    kept = b"".join(bytes(blob) for parts in held.values() for blob in parts.values())
    records = repr(gateway.services.store._records)  # type: ignore[attr-defined]
    result = (await gateway.client.get(f"/v1/photos/{task_id}/image")).content
    assert len(kept) > len(result)
    assert not any(result[start : start + 16] in kept for start in range(0, len(result) - 16, 16))
    assert b"sharpness" not in kept
    assert task_id.encode() not in kept
    assert task_id not in records


async def test_events_tell_queue_progress_and_end(
    open_gateway: OpenGateway, triton_url: str, make_photo: MakePhoto
) -> None:
    async with open_gateway(Settings(max_tasks=1, **NO_LIMIT), triton_url) as gateway:
        client = gateway.client
        first = await submit(client, make_photo("PNG", (200, 200)), **SLOW)
        second = await submit(client, make_photo(), **QUICK)
        seen: list[tuple[str, Any]] = []
        async with client.stream("GET", f"/v1/photos/{second}/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    seen.append((name, json.loads(line.removeprefix("data: "))))
        names = [name for name, _ in seen]
        assert names[0] == "queue"
        assert seen[0][1] == {"queue_position": 1}
        assert names[-1] == "done"
        assert names.count("done") == 1
        assert "progress" in names
        assert seen[-1][1]["status"] == "completed"
        assert seen[-1][1]["task_id"] == second
        assert (await client.get(f"/v1/photos/{first}")).json()["status"] in {"processing", "completed"}


@pytest.mark.parametrize("call", ["", "/events", "/image"])
@pytest.mark.parametrize("task_id", ["0" * 32, "nothing", "../../etc", "%00", "0" * 64])
async def test_unknown_tasks(gateway: Gateway, task_id: str, call: str) -> None:
    answer = await gateway.client.get(f"/v1/photos/{task_id}{call}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:limner:problem:not-found")


@pytest.mark.parametrize(
    ("photo", "fields", "status"),
    [(b"no photo", {}, 415), (b"", {}, 400), (b"\x89PNG\r\n\x1a\n", {}, 422), (None, {"fidelity": "2"}, 400)],
    ids=["text", "empty", "broken", "option"],
)
async def test_what_cannot_be_enhanced_is_refused_at_once(
    gateway: Gateway, make_photo: MakePhoto, photo: bytes | None, fields: dict[str, str], status: int
) -> None:
    file = make_photo() if photo is None else photo
    answer = await gateway.client.post("/v1/photos", files={"file": ("a.png", file)}, data=fields)
    assert answer.status_code == status, answer.text
    reason = answer.json()["type"].rpartition(":")[2]
    assert f'uploads_refused_total{{reason="{reason}"}} 1.0' in (await gateway.client.get("/metrics")).text
    assert gateway.services.queue.admitted == 0


async def test_a_photo_that_decoders_refuse_ends_as_failed(gateway: Gateway, make_photo: MakePhoto) -> None:
    photo = make_photo("PNG", (300, 300))
    task_id = await submit(gateway.client, photo[: len(photo) // 2])
    state = await until(gateway.client, task_id, "failed")
    assert state["error_type"] == "damaged-image"
    assert len(state["error_message"]) > 20
    answer = await gateway.client.get(f"/v1/photos/{task_id}/image")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:limner:problem:not-completed")
    assert gateway.services.queue.admitted == 0


async def test_queue_positions_cancelling_and_a_full_queue(
    open_gateway: OpenGateway, triton_url: str, make_photo: MakePhoto
) -> None:
    async with open_gateway(Settings(max_tasks=1, max_queue=2, **NO_LIMIT), triton_url) as gateway:
        client, quick = gateway.client, make_photo()
        slow = await submit(client, make_photo("PNG", (768, 768)), **SLOW)
        early = await client.get(f"/v1/photos/{slow}/image")
        assert (early.status_code, early.json()["type"]) == (409, "urn:limner:problem:not-completed")
        assert int(early.headers["retry-after"]) > 0
        second, third = await submit(client, quick), await submit(client, quick)
        refused = await client.post("/v1/photos", files={"file": quick}, data=QUICK)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:limner:problem:temporary-reduced-capacity"
        assert int(refused.headers["retry-after"]) > 0
        states = [(await client.get(f"/v1/photos/{task_id}")).json() for task_id in (slow, second, third)]
        assert [state["queue_position"] for state in states] == [None, 1, 2]
        assert [state["status"] for state in states] == ["processing", "pending", "pending"]

        assert (await client.delete(f"/v1/photos/{second}")).status_code == 200

        async def moved_up() -> bool:
            return bool((await client.get(f"/v1/photos/{third}")).json()["queue_position"] == 1)

        await eventually(moved_up)
        assert (await client.get(f"/v1/photos/{second}")).json()["status"] == "cleaned"
        assert (await client.get(f"/v1/photos/{second}/image")).status_code == 410

        # What runs is cancelled in Triton, too: else the third would wait for minutes.
        assert (await client.delete(f"/v1/photos/{slow}")).status_code == 200
        await asyncio.wait_for(until(client, third, "completed"), 20)
        assert (await client.get(f"/v1/photos/{slow}")).json()["status"] == "cleaned"
        metrics = (await client.get("/metrics")).text
        assert 'enhancement_requests_total{reason="cancelled",status="499"} 2.0' in metrics


async def test_results_expire(open_gateway: OpenGateway, triton_url: str, make_photo: MakePhoto) -> None:
    async with open_gateway(Settings(result_ttl=1.0, **NO_LIMIT), triton_url) as gateway:
        task_id = await submit(gateway.client, make_photo())
        await until(gateway.client, task_id, "completed", "cleaned")

        async def wiped() -> bool:
            return gateway.services.store.held == 0

        await eventually(wiped)
        assert (await until(gateway.client, task_id, "cleaned"))["enhanced_image_url"] is None
        assert (await gateway.client.get(f"/v1/photos/{task_id}/image")).status_code == 410


async def test_a_broken_download_can_be_fetched_again(gateway: Gateway) -> None:
    task_id = await submit(gateway.client, noise(1400))
    await until(gateway.client, task_id, "completed")
    url = httpx.URL(gateway.client.base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    writer.write(f"GET /v1/photos/{task_id}/image HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (await reader.read(20)).startswith(b"HTTP/1.1 200")
    busy = await gateway.client.get(f"/v1/photos/{task_id}/image")
    assert busy.status_code == 410
    writer.transport.abort()

    async def fetched() -> bool:
        answer = await gateway.client.get(f"/v1/photos/{task_id}/image")
        if answer.status_code == 200:
            with Image.open(io.BytesIO(answer.content)) as result:
                result.load()
                assert result.size == (2800, 2800)
        return answer.status_code == 200

    await eventually(fetched)
    assert (await gateway.client.get(f"/v1/photos/{task_id}/image")).status_code == 410


async def test_results_that_nobody_fetches_do_not_fill_the_memory(
    open_gateway: OpenGateway, triton_url: str, make_photo: MakePhoto
) -> None:
    async with open_gateway(Settings(max_held_bytes=10_000, **NO_LIMIT), triton_url) as gateway:
        task_id = await submit(gateway.client, noise(100))
        await until(gateway.client, task_id, "completed")
        refused = await gateway.client.post("/v1/photos", files={"file": make_photo()}, data=QUICK)
        assert refused.status_code == 503
        assert "fetch" in refused.json()["detail"].lower()
        assert (await gateway.client.get(f"/v1/photos/{task_id}/image")).status_code == 200
        await submit(gateway.client, make_photo())


async def test_the_time_that_is_left_is_learned(gateway: Gateway) -> None:
    client = gateway.client
    task_id = await submit(client, noise(400))
    assert (await client.get(f"/v1/photos/{task_id}")).json()["estimated_seconds"] is None
    await until(client, task_id, "completed")
    task_id = await submit(client, noise(400))
    assert (await client.get(f"/v1/photos/{task_id}")).json()["estimated_seconds"] > 0
    await until(client, task_id, "completed")


async def test_tasks_of_other_keys_are_not_there(
    open_gateway: OpenGateway, triton_url: str, make_photo: MakePhoto
) -> None:
    alice, bob, boss = ({"Authorization": f"Bearer key-of-{name}-0123456789"} for name in ("alice", "bob", "boss"))
    keys = ",".join(entry(f"key-of-{name}-0123456789", name, role) for name, role in ROLES)
    async with open_gateway(Settings(api_keys=keys, **NO_LIMIT), triton_url) as gateway:
        client = gateway.client
        assert (await client.post("/v1/photos", files={"file": make_photo()})).status_code == 401
        answer = await client.post("/v1/photos", files={"file": make_photo()}, data=QUICK, headers=alice)
        place = answer.headers["location"]
        for method, path in (("GET", ""), ("GET", "/image"), ("GET", "/events"), ("DELETE", "")):
            assert (await client.request(method, place + path, headers=bob)).status_code == 404
        while (await client.get(place, headers=alice)).json()["status"] != "completed":
            await asyncio.sleep(0.02)
        assert (await client.get(place, headers=boss)).json()["status"] == "completed"
        assert (await client.get(f"{place}/image", headers=boss)).status_code == 404
        assert (await client.get(f"{place}/image", headers=alice)).status_code == 200
        assert (await client.delete(place, headers=boss)).status_code == 200


ROLES = (("alice", "enhance"), ("bob", "enhance"), ("boss", "admin"))


def entry(key: str, name: str, role: str) -> str:
    """An entry of LIMNER_API_KEYS."""
    from gateway.access.keys import hash_of

    return f"{name}:{hash_of(key)}:{role}"


async def test_uploads_are_limited_and_say_so(
    open_gateway: OpenGateway, triton_url: str, make_photo: MakePhoto
) -> None:
    async with open_gateway(Settings(canary_interval=3600.0), triton_url) as gateway:
        for left in range(9, -1, -1):
            answer = await gateway.client.post("/v1/photos", files={"file": make_photo()}, data=QUICK)
            assert answer.status_code == 202
            assert answer.headers["ratelimit-policy"] == '"default";q=10;w=60'
            assert answer.headers["ratelimit"].startswith(f'"default";r={left};t=')
        answer = await gateway.client.post("/v1/enhance", files={"file": make_photo()}, data=QUICK)
        assert (answer.status_code, answer.json()["type"]) == (429, "urn:limner:problem:quota-exceeded")
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert answer.headers["ratelimit"].startswith('"default";r=0;t=')
        assert (await gateway.client.get("/healthz")).status_code == 200
