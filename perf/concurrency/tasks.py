"""Tasks handed in together and followed to their results, over connections that cost next to nothing."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import time
from dataclasses import dataclass
from typing import Any

from PIL import Image

from perf.keep_alive import Broken, Connection

Form = tuple[bytes, str]
"""Body and type of an upload."""


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        status: its last one, or why there is none.
        seconds: from the first byte of its upload to its completion. The event that tells of it comes up to half a
            second later, so the gateway's own clock is taken: the answer to the upload, and ``processing_time`` on.
        processing_time: seconds from its turn to its end; None where it did not complete.
        size: width and height of the result that was fetched; None where there is none.
    """

    status: str
    seconds: float
    processing_time: float | None = None
    size: tuple[int, int] | None = None

    @property
    def is_lost(self) -> bool:
        return self.status != "completed" or self.size is None


async def carry_out(url: str, form: Form) -> Outcome:
    """Hand in a photo, listen to its events, fetch its result. It must not have to wait for its turn."""
    started = time.perf_counter()
    with contextlib.closing(Connection(url)) as connection:
        try:
            answer = await connection.ask("POST", "/v1/photos", *form)
            accepted = time.perf_counter() - started
            if answer.status != 202:
                return Outcome(f"refused with {answer.status}", accepted)
            place = f"/v1/photos/{json.loads(answer.body)['task_id']}"
            state = await _last_state(connection, place)
            if state.get("status") != "completed":
                return Outcome(str(state.get("status", "forgotten")), time.perf_counter() - started)
            image = await connection.ask("GET", f"{place}/image")
        except Broken as error:
            return Outcome(f"broken: {error}", time.perf_counter() - started)
    size = Image.open(io.BytesIO(image.body)).size if image.status == 200 else None
    return Outcome("completed", accepted + state["processing_time"], state["processing_time"], size)


async def _last_state(connection: Connection, place: str) -> dict[str, Any]:
    """What the event ``done`` carries; empty where the stream ends without one."""
    told = b""
    async for answer in connection.stream(f"{place}/events"):
        told += answer.body
    state: dict[str, Any] = json.loads(told.partition(b"event: done\ndata: ")[2].partition(b"\n")[0] or "{}")
    return state


async def together(url: str, form: Form, tasks: int) -> list[Outcome]:
    """``tasks`` equal photos at the same moment."""
    return list(await asyncio.gather(*(carry_out(url, form) for _ in range(tasks))))


async def kept_at_work(url: str, form: Form, tasks: int, each: int) -> list[list[Outcome]]:
    """``tasks`` clients, each of which hands in its next photo when it has the result of the last, ``each`` in all."""

    async def client() -> list[Outcome]:
        return [await carry_out(url, form) for _ in range(each)]

    return list(await asyncio.gather(*(client() for _ in range(tasks))))
