"""What surrounds every answer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.connection import CROWDED
from gateway.envelope import PIECE_BYTES, SECURITY_HEADERS, Envelope
from gateway.logs import JsonFormatter
from gateway.metrics import Metrics
from gateway.problems import on_limner_error
from gateway.trace import outgoing_headers
from limner.errors import LimnerError, NotCompleted, QueueFull, QuotaExceeded

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def app() -> FastAPI:
    """An application inside an envelope, with metrics."""
    app = FastAPI()
    app.add_middleware(Envelope)
    app.add_exception_handler(LimnerError, on_limner_error)
    app.state.services = SimpleNamespace(metrics=Metrics(lambda: 0, lambda: 0, lambda: 0))

    @app.get("/healthz")
    @app.get("/photos/{task_id}")
    @app.get("/v1/enhance")
    async def answer(request: Request) -> dict[str, str] | None:
        request.scope["state"]["headers"] = {"RateLimit": '"default";r=7;t=30', "X-Request-Id": "forged"}
        return outgoing_headers()

    return app


def client_of(app: ASGIApp, scheme: str = "http") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"{scheme}://limner.invalid")


def metrics_of(app: FastAPI) -> str:
    text: bytes = app.state.services.metrics.render()
    return text.decode()


async def test_headers_that_others_left(app: FastAPI) -> None:
    async with client_of(app) as client:
        answer = await client.get("/photos/1")
    assert answer.headers["ratelimit"] == '"default";r=7;t=30'
    assert len(answer.headers["x-request-id"]) == 32
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


async def test_headers_that_others_left_reach_problems_too(app: FastAPI) -> None:
    @app.get("/refused")
    async def refused(request: Request) -> None:
        request.scope["state"]["headers"] = {"RateLimit": '"default";r=0;t=30'}
        raise QuotaExceeded("Too many uploads.", retry_after=30)

    async with client_of(app) as client:
        answer = await client.get("/refused")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert answer.headers["ratelimit"] == '"default";r=0;t=30'


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (NotCompleted("wait", 1), "1"),
        (NotCompleted("failed"), None),
        (QueueFull("full"), "5"),
        (LimnerError("broken"), None),
    ],
)
async def test_retry_after(app: FastAPI, error: LimnerError, seconds: str | None) -> None:
    @app.get("/refused")
    async def refused() -> None:
        raise error

    async with client_of(app) as client:
        assert (await client.get("/refused")).headers.get("retry-after") == seconds


@pytest.mark.parametrize(("scheme", "promised"), [("https", True), ("http", False)])
async def test_browsers_are_told_to_stay_with_tls(app: FastAPI, scheme: str, promised: bool) -> None:
    async with client_of(app, scheme) as client:
        answer = await client.get("/photos/1", headers={"X-Forwarded-Proto": "https"})
    assert ("strict-transport-security" in answer.headers) is promised


async def test_trace_reaches_handler_and_log(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "limner.access")
    caplog.handler.setFormatter(JsonFormatter())
    async with client_of(app) as client:
        headers = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
        passed_on = (await client.get("/photos/1", headers=headers)).json()["traceparent"]
        await client.get("/photos/1")
    first, second = (json.loads(line) for line in caplog.text.splitlines())
    assert passed_on == f"00-{TRACE_ID}-{first['span.id']}-01"
    assert first["trace.id"] == TRACE_ID != second["trace.id"]
    assert outgoing_headers() is None


async def test_answers_are_measured_by_route(app: FastAPI) -> None:
    async with client_of(app) as client:
        for path in ("/photos/1", "/photos/2", "/nowhere", "/v1/enhance"):
            await client.get(path)
        await client.request("BREW", "/photos/1")
    text = metrics_of(app)
    assert 'http_request_duration_seconds_count{method="GET",route="/photos/{task_id}",status="2xx"} 2.0' in text
    assert 'http_request_duration_seconds_count{method="GET",route="unknown",status="4xx"} 1.0' in text
    assert 'method="other"' in text
    assert "BREW" not in text
    assert 'enhance"' not in text


async def test_time_of_the_client_is_not_counted(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what the upload takes, nor the download: only the second in between."""
    now = 0

    def pass_seconds(seconds: int) -> None:
        nonlocal now
        now += seconds * 1_000_000_000

    monkeypatch.setattr("gateway.envelope.time.perf_counter_ns", lambda: now)

    @app.post("/upload")
    async def upload(request: Request) -> StreamingResponse:
        size = len(await request.body())
        pass_seconds(1)

        async def pieces() -> AsyncIterator[bytes]:
            yield b"%d" % size
            pass_seconds(100)
            yield b" bytes"

        return StreamingResponse(pieces())

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            pass_seconds(10)
            yield b"x"

    async with client_of(app) as client:
        answer = await client.post("/upload", content=slowly())
    assert answer.text == "3 bytes"
    labels = 'method="POST",route="/upload",status="2xx"'
    assert f"http_request_duration_seconds_sum{{{labels}}} 1.0" in metrics_of(app)
    assert now == 131_000_000_000


@pytest.mark.parametrize("size", [0, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 5])
async def test_long_answers_go_out_in_pieces(app: FastAPI, size: int) -> None:
    content = bytes(number % 251 for number in range(size))

    @app.get("/long")
    async def long() -> Response:
        return Response(content)

    sizes: list[int] = []

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.body":
                sizes.append(len(message["body"]))
            await send(message)

        await app(scope, receive, send_counted)

    async with client_of(counting) as client:
        answer = await client.get("/long")
    assert answer.content == content
    assert max(sizes) <= PIECE_BYTES
    assert len(sizes) == max(1, -(-size // PIECE_BYTES))


async def test_one_connection_too_many(app: FastAPI) -> None:
    async def crowded(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {CROWDED: True}}, receive, send)

    async with client_of(crowded) as client:
        answer = await client.get("/photos/1")
        health = await client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:limner:problem:temporary-reduced-capacity"
    assert answer.headers["connection"] == "close"
    assert health.status_code == 200


async def test_request_that_the_server_cancels_gets_an_answer(app: FastAPI) -> None:
    begun = asyncio.Event()

    @app.get("/slow")
    async def slow() -> None:
        begun.set()
        await asyncio.Event().wait()

    sent: list[tuple[str, int | None]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append((message["type"], message.get("status")))

    scope = {"type": "http", "method": "GET", "path": "/slow", "headers": [], "scheme": "http", "query_string": b""}
    request = asyncio.create_task(app(scope, receive, send))
    await begun.wait()
    request.cancel()
    await request
    assert sent == [("http.response.start", 503), ("http.response.body", None)]
