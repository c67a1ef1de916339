"""Connections to Redis that break while a result is taken: it is neither lost nor given twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from gateway.state.redis import CHUNK_BYTES, RedisStore
from gateway.state.sealing import name_of, new_task_id
from limner.errors import StateUnavailable
from tests.gateway.redis_server import RedisServer

pytest_plugins = ["tests.gateway.redis_server"]
pytestmark = pytest.mark.timeout(60)

SEALED = bytes(range(256)) * (3 * CHUNK_BYTES // 256)


class Wire:
    """Passes bytes on to Redis. Of a command that holds ``cut``, the request or the reply gets lost."""

    def __init__(self, redis_url: str) -> None:
        self._redis = urlsplit(redis_url)
        self.cut = b""
        self.once = True
        self.lose_reply = False
        self.times = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._redis.hostname, self._redis.port)
        replies = asyncio.create_task(self._bring_back(there, writer))
        try:
            while data := await reader.read(1 << 16):
                if self.cut and self.cut in data:
                    self.times += 1
                    self.cut = b"" if self.once else self.cut
                    if not self.lose_reply:
                        break
                    replies.cancel()
                    back.write(data)
                    await there.read(1 << 16)  # Redis has done it
                    break
                back.write(data)
        finally:
            replies.cancel()
            writer.transport.abort()
            back.transport.abort()

    async def _bring_back(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await there.read(1 << 16):
            writer.write(data)


@asynccontextmanager
async def over(wire: Wire) -> AsyncIterator[RedisStore]:
    """A store that reaches its Redis over ``wire``."""
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    store = RedisStore(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    try:
        yield store
    finally:
        await store.close()
        server.close()


async def test_a_claim_whose_answer_is_lost_is_still_ours(redis_server: RedisServer) -> None:
    name, wire = name_of(new_task_id()), Wire(redis_server.url)
    async with over(wire) as store:
        await store.put_blob(name, "result", bytearray(SEALED), time.time() + 60)
        assert await store.take_blob(name, "another") is None  # from now on Redis knows the script
        wire.lose_reply, wire.cut = True, b"limner:passing"
        assert await store.take_blob(name, "result") == SEALED
        assert wire.times == 1
        assert await store.take_blob(name, "result") is None


async def test_a_result_that_cannot_be_read_to_its_end_is_put_back(redis_server: RedisServer) -> None:
    name, wire = name_of(new_task_id()), Wire(redis_server.url)
    async with over(wire) as store:
        await store.put_blob(name, "result", bytearray(SEALED), time.time() + 60)
        wire.once, wire.cut = False, b"HGET"
        with pytest.raises(StateUnavailable):
            await store.take_blob(name, "result")
        assert wire.times > 0
        wire.cut = b""
        assert await store.take_blob(name, "result") == SEALED
