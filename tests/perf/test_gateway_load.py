"""The clients of ``perf.gateway_load``, against a small application that stands for a gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from gateway.server import build_server
from limner.settings import Settings
from perf.keep_alive import Broken, Connection
from perf.latency import percentile, summary
from perf.load_clients import OPTIONS, SIZE, form, run


def test_percentiles_are_nearest_ranks() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert [percentile(ordered, share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1.0, 50.0, 95.0, 99.0, 100.0]
    assert percentile([3.0], 0.5) == 3.0
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_summary_is_in_milliseconds() -> None:
    assert summary([0.003, 0.001, 0.002]) == {"calls": 3, "p50_ms": 2.0, "p95_ms": 3.0, "p99_ms": 3.0, "max_ms": 3.0}
    assert summary([]) == {"calls": 0}


class Counted:
    """What the stand-in saw."""

    def __init__(self) -> None:
        self.connections: set[tuple[str, int]] = set()
        self.deleted: list[str] = []
        self.submitted: list[bytes] = []
        self.fetched: list[str] = []


def stand_in(counted: Counted) -> FastAPI:
    """A gateway whose tasks are completed when they are first asked about, whose models are away."""
    app = FastAPI()

    @app.middleware("http")
    async def note(request: Request, call_next):  # type: ignore[no-untyped-def]
        assert request.client is not None
        counted.connections.add((request.client.host, request.client.port))
        return await call_next(request)

    @app.get("/healthz")
    @app.get("/metrics")
    async def fine() -> str:
        return "fine"

    @app.get("/v1/models")
    async def models() -> Response:
        return JSONResponse({"status": 503}, 503)

    @app.post("/v1/photos", status_code=202)
    async def submit(request: Request) -> dict[str, str]:
        counted.submitted.append(await request.body())
        return {"task_id": str(len(counted.submitted))}

    @app.get("/v1/photos/{task_id}")
    async def status(task_id: str) -> dict[str, str]:
        return {"status": "completed"}

    @app.get("/v1/photos/{task_id}/events")
    async def events(task_id: str) -> Response:
        async def told() -> AsyncIterator[str]:
            for name in ("progress", "done"):
                yield f"event: {name}\ndata: {{}}\n\n"

        return StreamingResponse(told(), media_type="text/event-stream")

    @app.get("/v1/photos/{task_id}/image")
    async def image(task_id: str) -> Response:
        counted.fetched.append(task_id)
        return Response(bytes(200_000), media_type="image/jpeg")

    @app.delete("/v1/photos/{task_id}")
    async def delete(task_id: str) -> dict[str, str]:
        counted.deleted.append(task_id)
        return {}

    return app


@contextlib.asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    server = build_server(app, Settings(port=0, shutdown_timeout=0))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perf.load_clients.WARM_UP_SECONDS", 0.2)
    monkeypatch.setattr("perf.load_clients.POLL_SECONDS", 0.05)


async def test_clients_ask_everything_and_clean_up() -> None:
    counted = Counted()
    async with serving(stand_in(counted)) as url:
        result = await run(url, clients=12, listeners=3, tasks=2, think=0.01, seconds=1.5)
    calls = result["by_call"]
    assert isinstance(calls, dict)
    assert {"status", "events", "healthz", "metrics", "submit", "image"} <= set(calls)
    assert result["all"]["calls"] == sum(figures["calls"] for figures in calls.values())  # type: ignore[index]
    # What failed is told, and is no quick answer.
    assert "models" not in calls
    assert set(result["failed"]) == {"models 503"}  # type: ignore[call-overload]
    # A fetch may be on its way, one for each of the two tasks, when counting begins and when the time is over.
    assert isinstance(result["tasks_completed"], int)
    assert abs(calls["image"]["calls"] - result["tasks_completed"]) <= 2
    assert len(counted.fetched) >= 2
    # The last task of each of the two was wiped; connections were kept.
    assert len(counted.deleted) == 2
    assert len(counted.connections) <= 12 + 2 + 2
    assert OPTIONS["background"].encode() in counted.submitted[0]


async def test_idle_run_keeps_nothing_at_work() -> None:
    counted = Counted()
    async with serving(stand_in(counted)) as url:
        result = await run(url, clients=2, listeners=1, tasks=0, think=0.01, seconds=0.3)
    assert result["tasks_completed"] == 0
    assert counted.fetched == []
    assert "submit" not in result["by_call"]  # type: ignore[operator]


async def test_broken_connection_is_told_and_opened_again() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if connections > 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        connection = Connection(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(Broken):
            await connection.ask("GET", "/")
        answer = await connection.ask("GET", "/")
        assert (answer.status, answer.body) == (200, b"ok")
        connection.close()


def test_form_holds_a_jpeg_of_the_size() -> None:
    body, content_type = form(OPTIONS, SIZE)
    boundary = content_type.partition("boundary=")[2].encode()
    assert body.endswith(b"--" + boundary + b"--\r\n")
    jpeg = body[body.index(b"\xff\xd8\xff") :]
    frame = jpeg.index(b"\xff\xc0")
    height, width = (int.from_bytes(jpeg[frame + at : frame + at + 2], "big") for at in (5, 7))
    assert (width, height) == SIZE
