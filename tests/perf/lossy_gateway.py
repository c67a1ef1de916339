"""A stand-in for the gateway that loses photos in every way there is."""

from __future__ import annotations

import io
import itertools
from collections.abc import AsyncIterator

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, StreamingResponse
from PIL import Image
from starlette.requests import Request


class Lossy:
    """A gateway that refuses every 6th photo, deals with the others as ``FAULTS`` say in turn, and has no models."""

    FAULTS = (
        "fetched",
        "failed",
        "lost: 404 instead of its state",
        "lost: cleaned",
        "lost: no end",
        "lost: 410 instead of the image",
        "lost: another image",
    )

    def __init__(self) -> None:
        self.ends: dict[str, str] = {}
        self.refused = self.asked_for_models = 0
        self._photos: dict[str, bytes] = {}
        self._numbers = itertools.count(1)

    def app(self) -> FastAPI:
        app = FastAPI()
        app.post("/v1/photos")(self.submit)
        app.get("/v1/photos/{task_id}")(self.state)
        app.get("/v1/photos/{task_id}/events")(self.events)
        app.get("/v1/photos/{task_id}/image")(self.image)
        app.delete("/v1/photos/{task_id}")(self.delete)

        @app.get("/")
        @app.get("/healthz")
        async def fine() -> str:
            return "fine"

        @app.get("/v1/models")
        async def models() -> Response:
            self.asked_for_models += 1
            return JSONResponse({"type": "urn:limner:problem:inference-unavailable"}, 503)

        return app

    async def submit(self, request: Request) -> Response:
        number = next(self._numbers)
        if number % 6 == 0:
            self.refused += 1
            problem = {"type": "urn:limner:problem:temporary-reduced-capacity"}
            return JSONResponse(problem, 503, {"Retry-After": "1"})
        async with request.form() as form:
            self._photos[f"{number}"] = await form["file"].read()  # type: ignore[union-attr]
        return JSONResponse({"task_id": f"{number}"}, 202)

    async def state(self, task_id: str) -> Response:
        end = self.ends.setdefault(task_id, self.FAULTS[len(self.ends) % len(self.FAULTS)])
        if end == "lost: 404 instead of its state":
            return JSONResponse({}, 404)
        states = {"failed": "failed", "deleted": "cleaned", "lost: cleaned": "cleaned", "lost: no end": "processing"}
        return JSONResponse({"status": states.get(end, "completed")})

    async def events(self, task_id: str) -> Response:
        async def told() -> AsyncIterator[str]:
            yield "event: done\ndata: {}\n\n"

        return StreamingResponse(told(), media_type="text/event-stream")

    async def image(self, task_id: str) -> Response:
        if self.ends[task_id] == "lost: 410 instead of the image":
            return JSONResponse({}, 410)
        photo = Image.open(io.BytesIO(self._photos[task_id]))
        scale = 2 if self.ends[task_id] == "fetched" else 1
        result = io.BytesIO()
        photo.resize((scale * photo.width, scale * photo.height)).save(result, "JPEG")
        return Response(result.getvalue(), media_type="image/jpeg")

    async def delete(self, task_id: str) -> Response:
        self.ends[task_id] = "deleted"
        return JSONResponse({"status": "cleaned"})
