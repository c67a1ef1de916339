"""Clients that take their time: heads and bodies byte by byte, uploads that stop, results that are never read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from tests.deploy.nginx_server import NAME
from tests.hostile.door import Door, Line, crowd
from tests.hostile.tally import Tally

PACE = 0.5
"""Seconds between two bytes."""

_HEAD = f"GET /v1/models HTTP/1.1\r\nHost: {NAME}\r\nX-Slow: ".encode()
_UPLOAD = (
    f"POST /v1/photos HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 1000000\r\n"
    "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
).encode()


async def slow_heads(door: Door, count: int) -> Tally:
    """A head that never ends; ends when the server has cut all of them off."""
    return await _all(door, count, _HEAD, drip=True)


async def slow_bodies(door: Door, count: int) -> Tally:
    """An upload that comes byte by byte."""
    return await _all(door, count, _UPLOAD, drip=True)


async def stopped_uploads(door: Door, count: int) -> Tally:
    """Half an upload, then nothing."""
    return await _all(door, count, _UPLOAD + bytes(300_000), drip=False)


async def _all(door: Door, count: int, begin: bytes, *, drip: bool) -> Tally:
    tally = Tally()

    async def one(number: int) -> None:
        try:
            async with door.line(f"127.0.1.{1 + number % 200}" if door.tls else "127.0.0.1") as line:
                tally.connections += 1
                tally.requests += 1
                await _one(line, begin, tally, drip=drip)
        except OSError:
            tally.note(None)

    await crowd([partial(one, number) for number in range(count)], count)
    return tally


async def _one(line: Line, begin: bytes, tally: Tally, *, drip: bool) -> None:
    await line.send(begin)
    dripping = asyncio.create_task(_drip(line)) if drip else None
    try:
        tally.note(await line.answer())
    except TimeoutError:
        tally.hangs += 1
    finally:
        if dripping is not None:
            dripping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await dripping


async def _drip(line: Line) -> None:
    while await line.send(b"a"):
        await asyncio.sleep(PACE)


@contextlib.asynccontextmanager
async def deaf(door: Door, requests: list[bytes], tally: Tally) -> AsyncIterator[None]:
    """Connections that ask and never read, open while the block runs."""
    async with contextlib.AsyncExitStack() as held:
        for request in requests:
            line = await held.enter_async_context(door.line(receive_buffer=4096))
            line.writer.write(request)
            tally.connections += 1
            tally.requests += request.count(b" HTTP/1.1\r\n")
        yield
