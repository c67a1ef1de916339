"""Server-sent events of a task: its place in the queue, its progress, its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.state.record import RUNNING
from gateway.tasks.answers import BatchResult, EnhancementResult
from limner.errors import CapacityError, LimnerError

LOOK_SECONDS = 0.5
KEEPALIVE_SECONDS = 15.0
RETRY_MILLISECONDS = 2000

State = EnhancementResult | BatchResult


class EventStream(StreamingResponse):
    """A stream that holds ``place`` for as long as it lasts."""

    def __init__(self, events: AsyncIterator[bytes], place: ExitStack) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await super().__call__(scope, receive, send)


async def event_stream(
    look: Callable[[], Awaitable[State]], closing: asyncio.Event, place: AbstractContextManager[None]
) -> EventStream:
    """Events until the task is over, or the server closes: a client then asks again by itself.

    ``queue`` has ``{"queue_position": n}``, ``progress`` and ``done`` the state as the status call gives it. An event
    is sent when something has changed.

    Raises:
        LimnerError: of the first ``look``, or no ``place`` is free.
    """
    await look()
    held = ExitStack()
    held.enter_context(place)
    return EventStream(_events(look, closing), held)


async def _events(look: Callable[[], Awaitable[State]], closing: asyncio.Event) -> AsyncIterator[bytes]:
    position: int | None = None
    last: tuple[object, ...] = ()
    sent_at = time.monotonic()
    yield format_sse_event(retry=RETRY_MILLISECONDS)
    while not closing.is_set():
        if time.monotonic() - sent_at > KEEPALIVE_SECONDS:
            yield KEEPALIVE_COMMENT
            sent_at = time.monotonic()
        try:
            state = await look()
        except CapacityError:
            await asyncio.sleep(LOOK_SECONDS)  # the store is away, and may be back at once
            continue
        except LimnerError:
            return  # forgotten meanwhile
        if state.queue_position is not None and state.queue_position != position:
            position = state.queue_position
            yield format_sse_event(event="queue", data_str=f'{{"queue_position":{position}}}')
            sent_at = time.monotonic()
        if state.status not in RUNNING:
            yield format_sse_event(event="done", data_str=state.model_dump_json())
            return
        now = (state.status, round(state.progress, 2))
        if now != last:
            last = now
            yield format_sse_event(event="progress", data_str=state.model_dump_json())
            sent_at = time.monotonic()
        try:
            await asyncio.wait_for(closing.wait(), LOOK_SECONDS)
        except asyncio.TimeoutError:
            continue
