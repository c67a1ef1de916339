"""A result on its way to the client: sent in pieces, wiped when all is sent, kept when the connection breaks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CHUNK_BYTES = 65_536
GRACE_SECONDS = 60.0
LEAST_BYTES_PER_SECOND = 20_000
"""Slowest download, after the grace: results on their way lie in memory, and keep others out."""


class Delivery(Response):
    """Streams ``pieces``; then awaits ``delivered``, or ``broken_off`` where not all of it went out.

    What the client's kernel has taken counts as delivered: HTTP knows no receipt. ``counted`` holds all the while.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        *,
        delivered: Callable[[], Awaitable[None]],
        broken_off: Callable[[], Awaitable[None]],
        media_type: str,
        headers: dict[str, str],
        counted: AbstractContextManager[None] | None = None,
    ) -> None:
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers({"Cache-Control": "no-store", **headers})
        self._pieces = pieces
        self._delivered = delivered
        self._broken_off = broken_off
        self._counted = counted or contextlib.nullcontext()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        with self._counted:
            await self._send_all(receive, send)

    async def _send_all(self, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        complete = False
        deadline = time.monotonic() + GRACE_SECONDS
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with contextlib.aclosing(self._pieces) as pieces:
                async for piece in pieces:
                    if gone.done() or time.monotonic() > deadline:
                        return
                    deadline += len(piece) / LEAST_BYTES_PER_SECOND
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    await asyncio.sleep(0)  # while the socket takes all, nothing else lets the loop see that it broke
            # Nothing, which is sent once all before it has left our own buffer. Looked at before the end is sent:
            # after that, the server reports every connection as gone.
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            for _ in range(2):  # one turn to hear of the break, one to pass it on
                await asyncio.sleep(0)
            complete = not gone.done()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._delivered() if complete else self._broken_off())


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def in_pieces(content: bytes | bytearray) -> AsyncGenerator[bytes, None]:
    """Pieces of a size that a connection takes at once."""
    with memoryview(content) as view:
        for start in range(0, len(view), CHUNK_BYTES):
            yield bytes(view[start : start + CHUNK_BYTES])
