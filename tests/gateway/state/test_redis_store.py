"""The store in Redis: several gateways share it, everything in it ends, and nobody can read what is in it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.state.record import Record
from gateway.state.redis import RedisStore
from gateway.state.sealing import Seal, name_of, new_task_id
from gateway.state.store import RUNNING_TTL_SECONDS, TOMBSTONE_SECONDS
from tests.gateway.redis_server import RedisServer, StartRedis
from tests.gateway.state.conftest import OpenRedis
from tests.gateway.state.records import later, make_record

pytest_plugins = ["tests.gateway.redis_server"]


@pytest.fixture
async def inside(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A look into Redis past the store."""
    async with Redis.from_url(redis_server.url) as client:
        yield client


@pytest.fixture
async def store(redis_server: RedisServer, open_redis: OpenRedis) -> AsyncIterator[RedisStore]:
    async with open_redis(redis_server.url) as store:
        yield store


@pytest.fixture
async def replica(redis_server: RedisServer, open_redis: OpenRedis) -> AsyncIterator[RedisStore]:
    async with open_redis(redis_server.url) as store:
        yield store


async def lives(inside: Redis) -> dict[str, float]:
    """Seconds that each key lives yet."""
    keys = [key async for key in inside.scan_iter()]
    return {key.decode(): await inside.pttl(key) / 1000 for key in keys}


async def contents(inside: Redis) -> bytes:
    """All keys and values, whatever their type."""
    everything: list[Any] = []  # bytes, for the client decodes nothing
    async for key in inside.scan_iter():
        everything.append(key)
        kind = await inside.type(key)
        if kind == b"hash":
            for field, value in (await inside.hgetall(key)).items():
                everything += [field, value]
        elif kind == b"set":
            everything += await inside.smembers(key)
        else:
            everything.append(await inside.get(key))
    return b"".join(everything)


async def test_what_one_gateway_writes_another_reads(store: RedisStore, replica: RedisStore, name: str) -> None:
    record = make_record()
    await store.write(name, record)
    await store.put_blob(name, "image", bytearray(b"sealed"), later())
    await store.beat("me")
    assert await replica.read(name) == record
    assert await replica.is_alive("me")
    assert await replica.take_blob(name, "image") == bytearray(b"sealed")
    assert await store.get_blob(name, "image") is None
    await replica.clean(name)
    assert await store.write(name, record) is False


async def test_of_two_gateways_that_take_one_blob_one_gets_it(
    store: RedisStore, replica: RedisStore, name: str
) -> None:
    sealed = os.urandom(2_500_000)
    for _ in range(60):
        await store.put_blob(name, "image", bytearray(sealed), later())
        one, other = await asyncio.gather(store.take_blob(name, "image"), replica.take_blob(name, "image"))
        assert sorted((one is None, other is None)) == [False, True]
        assert (one or other) == bytearray(sealed)
    assert await store.take_blob(name, "image") is None


async def test_a_reader_gets_all_of_a_blob_or_nothing(store: RedisStore, replica: RedisStore, name: str) -> None:
    sealed = os.urandom(5_000_000)
    for _ in range(10):
        await store.put_blob(name, "image", bytearray(sealed), later())
        read, taken = await asyncio.gather(replica.get_blob(name, "image"), store.take_blob(name, "image"))
        assert taken == bytearray(sealed)
        assert read in (None, sealed)


async def test_a_blob_is_not_there_before_all_of_it_is(store: RedisStore, replica: RedisStore, name: str) -> None:
    putting = asyncio.create_task(store.put_blob(name, "image", bytearray(20_000_000), later()))
    seen = set()
    while not putting.done():
        blob = await replica.get_blob(name, "image")
        seen.add(None if blob is None else len(blob))
    await putting
    assert seen <= {None, 20_000_000}
    assert await replica.get_blob(name, "image") is not None


async def test_everything_ends(store: RedisStore, inside: Redis, name: str) -> None:
    names = [name[:-1] + digit for digit in "012"]
    expires = later()
    for each, record in zip(names, (make_record(), make_record("completed"), make_record()), strict=True):
        await store.put_blob(each, "image", bytearray(3_000_000), expires)
        await store.put_blob(each, "detail", bytearray(10), expires)
        await store.write(each, record)
    await store.clean(names[2])
    await store.beat("other")
    found = await lives(inside)
    assert found.pop(f"limner:task:{names[0]}") == pytest.approx(RUNNING_TTL_SECONDS, abs=60)
    assert found.pop(f"limner:task:{names[1]}") == pytest.approx(300 + TOMBSTONE_SECONDS, abs=60)
    assert found.pop(f"limner:task:{names[2]}") == pytest.approx(TOMBSTONE_SECONDS, abs=60)
    assert all(0 < found.pop(f"limner:gateway:{owner}") <= 4 for owner in ("me", "other"))
    blobs = {f"limner:blob:{each}:{part}" for each in names[:2] for part in ("image", "detail")}
    assert set(found) == blobs | {f"limner:blobs:{each}" for each in names[:2]}
    assert all(left == pytest.approx(300, abs=60) for left in found.values())


async def test_blobs_of_a_long_task_are_kept(store: RedisStore, inside: Redis, name: str) -> None:
    await store.put_blob(name, "1", bytearray(10), time.time() + 50)
    await store.put_blob(name, "2", bytearray(10), time.time() + 90)
    assert (await lives(inside))[f"limner:blobs:{name}"] > 60, "the set lives as long as the longest of its blobs"
    await store.keep_blobs(name, later())
    assert {round(left, -2) for left in (await lives(inside)).values()} == {300}


async def test_an_expired_blob_is_gone(store: RedisStore, inside: Redis, name: str) -> None:
    await store.put_blob(name, "image", bytearray(10), time.time() - 5)
    await asyncio.sleep(0.05)
    assert await store.get_blob(name, "image") is None
    assert await lives(inside) == {}


async def test_nothing_of_a_blob_is_left_after_it_was_taken_or_cleaned(
    store: RedisStore, inside: Redis, name: str
) -> None:
    for part in ("1", "2"):
        await store.put_blob(name, part, bytearray(3_000_000), later())
    await store.take_blob(name, "1")
    await store.clean(name)
    assert await lives(inside) == {}


async def test_a_cancelled_put_leaves_nothing_for_long(store: RedisStore, inside: Redis, name: str) -> None:
    putting = asyncio.create_task(store.put_blob(name, "image", bytearray(50_000_000), later()))
    while not await inside.dbsize():
        await asyncio.sleep(0)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await store.get_blob(name, "image") is None
    assert all(0 < left <= 60 for left in (await lives(inside)).values())
    await store.beat("me")


async def test_redis_holds_nothing_that_can_be_read(
    start_redis: StartRedis, open_redis: OpenRedis, tmp_path: Path
) -> None:
    server = start_redis("--dir", str(tmp_path), "--dbfilename", "dump.rdb")
    task_id, photo = new_task_id(), b"\xff\xd8\xff the face of somebody" * 100_000
    name, record = name_of(task_id), make_record()
    with Seal(task_id, record.salt) as seal:
        sealed = seal.seal("image", photo)
        key = bytes(seal._key)
    async with open_redis(server.url) as store, Redis.from_url(server.url) as inside:
        await store.check()
        await store.put_blob(name, "image", sealed, later())
        await store.write(name, record)
        everything = await contents(inside)
        assert len(everything) > len(photo)
        assert name.encode() in everything
        for secret in (b"face of somebody", task_id.encode(), bytes.fromhex(task_id), key, key.hex().encode()):
            assert secret not in everything
        with Seal(task_id, record.salt) as seal:
            assert seal.open("image", await store.take_blob(name, "image") or b"") == photo
        await store.clean(name)
        assert record.salt.encode() not in await contents(inside)
    server.stop()
    assert list(tmp_path.iterdir()) == []


async def test_a_gateway_that_is_silent_is_dead(redis_server: RedisServer, open_redis: OpenRedis, name: str) -> None:
    async with open_redis(redis_server.url, heartbeat=0.1) as store, open_redis(redis_server.url) as replica:
        await store.beat("me")
        assert await replica.is_alive("me")
        while await replica.is_alive("me"):
            await asyncio.sleep(0.02)
        await store.write(name, make_record(owner="me"))
        assert await replica.is_alive("me"), "who writes a running task lives"
        while await replica.is_alive("me"):
            await asyncio.sleep(0.02)
        await replica.write(name, make_record("failed", owner="me"))
        assert not await replica.is_alive("me"), "who declares it dead does not bring it back to life"
        assert await store.write(name, make_record(owner="me")) is False


async def test_scripts_are_loaded_again(store: RedisStore, inside: Redis, name: str) -> None:
    await store.write(name, make_record())
    await inside.script_flush()
    assert await store.write(name, make_record())
    await inside.script_flush()
    assert isinstance(await store.clean(name), Record)


async def test_many_that_ask_share_few_connections(store: RedisStore, inside: Redis, name: str) -> None:
    await store.write(name, make_record())
    assert all(await asyncio.gather(*(store.read(name) for _ in range(300))))
    assert int((await inside.info("clients"))["connected_clients"]) <= 33


async def test_a_connection_that_broke_is_made_anew_at_once(store: RedisStore, inside: Redis, name: str) -> None:
    record = make_record()
    await store.write(name, record)
    for _ in range(5):
        await inside.client_kill_filter(_type="normal", skipme=True)
        assert await store.read(name) == record


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.wait_for of Python 3.10 loses cancellations for good")
async def test_a_cancellation_is_never_lost(store: RedisStore, name: str) -> None:
    await store.write(name, make_record())
    for steps in range(400):
        reading = asyncio.create_task(store.read(name))
        for _ in range(steps % 40):
            await asyncio.sleep(0)
        if reading.cancel():
            with pytest.raises(asyncio.CancelledError):
                await reading
