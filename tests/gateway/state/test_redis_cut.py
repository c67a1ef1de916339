"""Connections that break, and a Redis that hangs, while a result is taken: it is neither lost nor given twice."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from gateway.audit import Audit
from gateway.state import redis as redis_module
from gateway.state.redis import CHUNK_BYTES, RedisStore
from gateway.state.sealing import name_of, new_task_id
from gateway.tasks.desk import PERSIST_SECONDS
from gateway.tasks.shelf import ON_ITS_WAY, Persist, Shelf
from limner.errors import Gone, StateUnavailable
from tests.gateway.redis_server import RedisServer
from tests.gateway.state.records import make_record

pytest_plugins = ["tests.gateway.redis_server"]
pytestmark = pytest.mark.timeout(60)

SEALED = bytes(range(256)) * (3 * CHUNK_BYTES // 256)


class Wire:
    """Passes bytes on to Redis. Of a command that holds ``cut``, the request or the reply gets lost, or it is
    passed on after ``hang`` was called."""

    def __init__(self, redis_url: str) -> None:
        self._redis = urlsplit(redis_url)
        self.cut = b""
        self.once = True
        self.lose_reply = False
        self.hang: Callable[[], None] | None = None
        self.times = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._redis.hostname, self._redis.port)
        replies = asyncio.create_task(self._bring_back(there, writer))
        try:
            while data := await reader.read(1 << 16):
                if self.cut and self.cut in data:
                    self.times += 1
                    self.cut = b"" if self.once else self.cut
                    if self.hang is not None:
                        self.hang()
                        back.write(data)
                        continue
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
        assert await store.take_blob(name, "result") == bytearray(SEALED)
        assert wire.times == 1
        assert await store.take_blob(name, "result") is None


def shelf_on(store: RedisStore, persist: Persist) -> Shelf:
    return Shelf(store, Audit(logging.getLogger("limner.audit")), persist)


async def without_patience(write: Callable[[], Awaitable[None]]) -> None:
    await write()


@pytest.mark.parametrize("command", ["claim", "HGET"])
async def test_a_result_that_redis_gives_out_when_it_wakes_is_still_ours(
    redis_server: RedisServer, command: str
) -> None:
    name, wire = name_of(new_task_id()), Wire(redis_server.url)
    record, failures = make_record("completed"), 0

    async def persist(write: Callable[[], Awaitable[None]]) -> None:
        nonlocal failures
        while True:
            try:
                return await write()
            except StateUnavailable:
                failures += 1
                redis_server.resume()

    async with over(wire) as store:
        shelf = shelf_on(store, persist)
        await store.put_blob(name, "result", bytearray(SEALED), record.expires)
        assert await store.take_blob(name, "another") is None  # from now on Redis knows the script
        wire.hang, wire.cut = redis_server.pause, store._claim.sha.encode() if command == "claim" else b"HGET"
        assert await shelf.take(name, record) == SEALED
        assert wire.times == 1
        assert failures >= 1
        with pytest.raises(Gone):
            await shelf.take(name, record)


def test_what_is_taken_waits_longer_than_whoever_asks_again() -> None:
    assert redis_module._TAKEN_SECONDS > PERSIST_SECONDS + 10 * redis_module.COMMAND_SECONDS


async def test_what_is_taken_lives_anew_each_time_it_is_asked_for(redis_server: RedisServer) -> None:
    name, wire, taken = name_of(new_task_id()), Wire(redis_server.url), "limner:passing:me"
    async with over(wire) as store, Redis.from_url(redis_server.url) as inside:
        await store.put_blob(name, "result", bytearray(SEALED), time.time() + 60)
        wire.once, wire.cut = False, b"HGET"
        for _ in range(2):
            with pytest.raises(StateUnavailable):
                await store.take_blob(name, "result", "me")
            assert await inside.pttl(taken) > 60_000
            await inside.pexpire(taken, 30_000)
        wire.cut = b""
        assert await store.take_blob(name, "result", "me") == bytearray(SEALED)


async def test_a_result_that_cannot_be_read_to_its_end_is_put_back_for_as_long_as_it_had(
    redis_server: RedisServer,
) -> None:
    name, wire, record = name_of(new_task_id()), Wire(redis_server.url), make_record("completed")
    async with over(wire) as store, Redis.from_url(redis_server.url) as inside:
        shelf = shelf_on(store, without_patience)
        await store.put_blob(name, "result", bytearray(SEALED), record.expires)
        wire.once, wire.cut = False, b"HGET"
        with pytest.raises(StateUnavailable):
            await shelf.take(name, record)
        assert wire.times > 0
        wire.cut = b""
        assert not await store.has_blob(name, ON_ITS_WAY)
        assert await inside.pttl(f"limner:blob:{name}:result") > 200_000
        assert await inside.smembers(f"limner:blobs:{name}") == {f"limner:blob:{name}:result".encode()}
        assert await shelf.take(name, record) == SEALED


async def test_putting_back_does_no_harm_twice(redis_server: RedisServer) -> None:
    name, wire, record = name_of(new_task_id()), Wire(redis_server.url), make_record("completed")
    async with over(wire) as store:
        await store.put_blob(name, "result", bytearray(SEALED), record.expires)
        await store.return_blob(name, "result", "never-taken", record.expires)
        wire.once, wire.cut = False, b"HGET"
        with pytest.raises(StateUnavailable):
            await store.take_blob(name, "result", "me")
        wire.once, wire.times = True, 0
        wire.lose_reply, wire.cut = True, store._return.sha.encode()
        await store.return_blob(name, "result", "me", record.expires)
        assert wire.times == 1
        assert await store.take_blob(name, "result") == bytearray(SEALED)


async def test_what_was_deleted_meanwhile_is_not_put_back(redis_server: RedisServer) -> None:
    name, wire, record = name_of(new_task_id()), Wire(redis_server.url), make_record("completed")
    async with over(wire) as store, Redis.from_url(redis_server.url) as inside:
        await store.write(name, record)
        await store.put_blob(name, "result", bytearray(SEALED), record.expires)
        wire.once, wire.cut = False, b"HGET"
        with pytest.raises(StateUnavailable):
            await store.take_blob(name, "result", "me")
        await store.clean(name)
        await store.return_blob(name, "result", "me", record.expires)
        assert await inside.keys("*") == [f"limner:task:{name}".encode()]
