"""A stand-in for the gateway behind a real uvicorn: it answers each call as a test says, and remembers what it got."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from limner.errors import BY_TYPE

ID = "0123456789abcdef0123456789abcdef"
PHOTO, BATCH = f"/v1/photos/{ID}", f"/v1/batches/{ID}"

REPORT = {
    "input": {"width": 2, "height": 3},
    "output": {"width": 4, "height": 6, "format": "png"},
    "faces": [],
    "models": {"face_restorer": {"name": None, "reason": "no weights"}, "background": {"name": "lanczos"}},
    "milliseconds": {"total": 12.0},
    "notes": [],
}


@dataclass(frozen=True)
class Got:
    """A call that came in."""

    method: str
    path: str
    headers: dict[str, str]
    fields: dict[str, str]
    filename: str | None
    file: bytes | None


@dataclass
class StandIn:
    """``answers`` by method and path, taken in order; the last one is given again and again."""

    url: str = ""
    answers: dict[str, list[ASGIApp]] = field(default_factory=lambda: defaultdict(list))
    got: list[Got] = field(default_factory=list)

    def will(self, call: str, *answers: ASGIApp) -> None:
        self.answers[call] = list(answers)

    def calls(self, call: str) -> list[Got]:
        return [got for got in self.got if f"{got.method} {got.path}" == call]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        fields: dict[str, str] = {}
        name = content = None
        if request.method == "POST":
            async with request.form() as form:
                fields = {key: value for key, value in form.items() if isinstance(value, str)}
                if isinstance(file := form.get("file"), UploadFile):
                    name, content = file.filename, await file.read()
        self.got.append(Got(request.method, request.url.path, dict(request.headers), fields, name, content))
        answers = self.answers.get(f"{request.method} {request.url.path}") or [problem("not-found")]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        await answer(scope, receive, send)


def problem(kind: str, detail: str = "Do this.", status: int | None = None, **headers: str) -> Response:
    """An error as the gateway sends it; underscores in the names of ``headers`` are hyphens."""
    status = status or BY_TYPE[kind].status
    body = {"type": f"urn:limner:problem:{kind}", "title": "T", "status": status, "detail": detail}
    return JSONResponse(
        {**body, "instance": "urn:limner:request:ab", "request_id": "ab"},
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        media_type="application/problem+json",
    )


def image(content: bytes = b"picture", name: str = "a_enhanced.png", media_type: str = "image/png") -> Response:
    headers = {"Limner-Report": json.dumps(REPORT), "Content-Disposition": f"inline; filename*=UTF-8''{name}"}
    return Response(content, media_type=media_type, headers=headers)


def state(status: str, **more: Any) -> dict[str, Any]:
    """What the status call gives, of a photo and a batch at once."""
    return {
        "task_id": ID,
        "batch_id": ID,
        "status": status,
        "progress": 0.5,
        "queue_position": None,
        "estimated_seconds": 1.5,
        "created_at": "2026-01-02T03:04:05.678Z",
        "expires_at": None,
        "processing_time": None,
        "error_type": None,
        "error_message": None,
        **more,
    }


def states(status: str, **more: Any) -> JSONResponse:
    return JSONResponse(state(status, **more))


def accepted() -> JSONResponse:
    return JSONResponse({"task_id": ID, "batch_id": ID, "status": "pending", "message": "Ask."}, 202)


def stream(*pieces: bytes, media_type: str = "text/event-stream") -> Response:
    async def sent() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    # A response can be sent once only, so it is made for each call.
    return _Fresh(lambda: StreamingResponse(sent(), media_type=media_type))


def broken(content: bytes, media_type: str, promised: int = 1000) -> ASGIApp:
    """Promises more bytes than come; then the connection is closed."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", media_type.encode()), (b"content-length", str(promised).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": True})

    return answer


class _Fresh(Response):
    def __init__(self, make: Callable[[], Response]) -> None:
        super().__init__()
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._make()(scope, receive, send)


@contextmanager
def listening(app: ASGIApp, place: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[str]:
    """Runs ``app`` on a port of this machine, a free one for 0, in a thread of its own; gives its address."""
    with socket.create_server(place) as port:
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([port],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield "http://{}:{}".format(*port.getsockname())
        finally:
            server.should_exit = True
            thread.join()
