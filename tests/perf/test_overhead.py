"""``perf.overhead``, and what it cannot show without a clock: how often a photo is sent, and how much goes with it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence

import httpx
import pytest
import tritonclient.grpc as triton
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from gateway.app import create_app
from gateway.server import build_server
from limner.settings import PROJECT_ROOT, Settings
from perf.forms import multipart
from perf.overhead import difference, goals, markdown, measure, taking_turns
from perf.photos import portrait
from tests.perf.relay import Passed, relay

pytestmark = pytest.mark.timeout(120)

QUICK = {"background": "lanczos", "restorer": "none"}
PATIENCE_SECONDS = 20.0
NO_CANARY_SECONDS = 3600.0

ALLOWANCE_UP = 2_000
"""Bytes that a call of Triton may need beside the photo: HTTP/2, names, parameters."""

ALLOWANCE_DOWN = 10_000
"""And beside the result: the report."""


@contextlib.asynccontextmanager
async def gateway(triton_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that has just become ready and sends no further canary; its client."""
    settings = Settings(port=0, canary_interval=NO_CANARY_SECONDS, rate_limit="off", shutdown_timeout=0)
    server = build_server(create_app(settings, triton_url), settings)
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)
            yield client
    finally:
        server.should_exit = True
        await running


@pytest.fixture
async def relayed(triton_url: str) -> AsyncIterator[tuple[httpx.AsyncClient, Passed]]:
    """A gateway, and what passes between it and Triton from now on."""
    async with relay(triton_url) as passed, gateway(passed.url) as client:
        passed.connections = passed.sent = passed.received = 0
        yield client, passed


@pytest.mark.parametrize("path", ["/v1/enhance", "/v1/photos"])
async def test_photo_passes_once_each_way(relayed: tuple[httpx.AsyncClient, Passed], path: str) -> None:
    """A photo that were sent twice, or a result fetched twice or with the faces, would show in the bytes."""
    client, passed = relayed
    photo, results = portrait(640, 800), 0
    for _ in range(2):
        body, content_type = multipart(photo, QUICK)
        answer = await client.post(path, content=body, headers={"Content-Type": content_type})
        assert answer.is_success, answer.text
        results += len(answer.content if path == "/v1/enhance" else await result_of(client, answer.headers["location"]))
    assert 2 * len(photo) < passed.sent < 2 * (len(photo) + ALLOWANCE_UP)
    assert results < passed.received < results + 2 * ALLOWANCE_DOWN
    assert min(2 * len(photo), results) > 10 * max(ALLOWANCE_UP, ALLOWANCE_DOWN)
    assert passed.connections <= 2


async def result_of(client: httpx.AsyncClient, place: str) -> bytes:
    while (await client.get(place)).json()["status"] != "completed":
        await asyncio.sleep(0.05)
    return (await client.get(f"{place}/image")).content


def steps() -> list[str]:
    """The models that a photo passes, from the entry point on."""
    text = (PROJECT_ROOT / "model_repository" / "enhance_photo" / "config.pbtxt").read_text("utf-8")
    pipeline = text_format.Parse(text, model_config_pb2.ModelConfig())
    return ["face_enhance", "enhance_photo", *(step.model_name for step in pipeline.ensemble_scheduling.step)]


def counted(client: triton.InferenceServerClient, models: Sequence[str]) -> dict[str, int]:
    return {model: int(client.get_inference_statistics(model).model_stats[0].inference_count) for model in models}


def passages(client: triton.InferenceServerClient, before: Mapping[str, int]) -> set[int]:
    """How often each step was passed since ``before``: one number, where all were passed equally often.

    A photo or a canary of the supervisor may be on its way, so equality is waited for.
    """
    deadline, numbers = time.monotonic() + PATIENCE_SECONDS, {-1, -2}
    while len(numbers) > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
        numbers = {count - before[model] for model, count in counted(client, list(before)).items()}
    return numbers


def test_each_step_is_passed_once_for_each_photo(triton_client: triton.InferenceServerClient, triton_url: str) -> None:
    assert {"decode_image", "detect_faces", "upscale_background", "compose_image"} <= set(steps())
    before = counted(triton_client, steps())
    asked, started = counted(triton_client, ["realesrgan_x4"]), time.monotonic()

    async def send() -> None:
        async with gateway(triton_url) as client:
            for _ in range(3):
                body, content_type = multipart(portrait(96, 120), QUICK)
                answer = await client.post("/v1/enhance", content=body, headers={"Content-Type": content_type})
                assert answer.is_success, answer.text

    asyncio.run(send())
    (times,) = passages(triton_client, before)
    canaries = 1 + (time.monotonic() - started) / Settings().canary_interval + 1
    assert 3 + 1 <= times <= 3 + canaries
    assert counted(triton_client, ["realesrgan_x4"]) == asked


async def test_ways_agree_on_the_steps_and_are_told_apart(triton_url: str) -> None:
    async with gateway(triton_url) as client:
        row = await asyncio.to_thread(measure, triton_url, str(client.base_url), portrait(96, 120), "lanczos", rounds=2)
    assert set(row["seconds"]) == set(row["seconds_without_steps"]) == {"grpc", "gateways_client", "http"}
    for way, figures in row["seconds"].items():
        assert figures["median"] > row["seconds_without_steps"][way]["median"] > 0
    assert all(value > 0 for value in row["parts_milliseconds"].values())
    assert row["overhead_seconds"] == pytest.approx(
        row["seconds"]["http"]["median"] - row["seconds"]["grpc"]["median"], abs=1e-3
    )


def test_ways_take_turns_after_a_warm_up() -> None:
    called: list[str] = []

    def way(name: str, steps: float) -> float:
        called.append(name)
        return steps

    measured = taking_turns({"a": lambda: way("a", 1.0), "b": lambda: way("b", 2.0)}, rounds=3)
    assert called == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert [[steps for _, steps in calls] for calls in measured.values()] == [[1.0] * 3, [2.0] * 3]


def row(http: float, grpc: float) -> dict[str, object]:
    seconds = {"grpc": grpc, "gateways_client": grpc, "http": http}
    figures = {way: {"median": value, "min": value, "max": value} for way, value in seconds.items()}
    return {
        "background": "lanczos",
        "seconds": figures,
        "seconds_without_steps": figures,
        "overhead_seconds": difference({way: [value] for way, value in seconds.items()}),
        "overhead_seconds_without_steps": 0.004,
        "parts_milliseconds": {"parse_upload": 0.1},
    }


@pytest.mark.parametrize(("http", "met"), [(1.049, True), (1.051, False)], ids=["within", "beyond"])
def test_goal_is_30_ms_and_2_percent(http: float, met: bool) -> None:
    found = [one.to_json() for one in goals(row(http, 1.0))]
    assert [(one["limit"], one["met"]) for one in found] == [(50.0, met), (50.0, True)]
    told = markdown({"photo": "p", "rounds": 1, "backgrounds": [row(http, 1.0)], "goals": found})
    assert ("**missed**" in told) is not met
    assert "| lanczos | HTTP | 1049.0 |" in told or not met
