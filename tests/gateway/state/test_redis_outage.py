"""Redis away, hanging, full or locked: a clear error each time, and recovery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

import pytest
from redis.asyncio import Redis

from gateway.state.redis import COMMAND_SECONDS, CONNECT_SECONDS, RedisStore
from gateway.state.store import Store
from limner.errors import SettingsError, StateUnavailable
from tests.gateway.redis_server import RedisServer, StartRedis
from tests.gateway.state.conftest import OpenRedis
from tests.gateway.state.records import later, make_record

pytest_plugins = ["tests.gateway.redis_server"]

MEGABYTE = 1_000_000

CALLS: dict[str, Callable[[Store, str], Coroutine[object, object, object]]] = {
    "read": lambda store, name: store.read(name),
    "write": lambda store, name: store.write(name, make_record()),
    "clean": lambda store, name: store.clean(name),
    "put_blob": lambda store, name: store.put_blob(name, "image", bytearray(2 * MEGABYTE), later()),
    "keep_blobs": lambda store, name: store.keep_blobs(name, later()),
    "get_blob": lambda store, name: store.get_blob(name, "image"),
    "take_blob": lambda store, name: store.take_blob(name, "image"),
    "beat": lambda store, name: store.beat("me"),
    "is_alive": lambda store, name: store.is_alive("me"),
}


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "Redis failed" in record.getMessage()]


@pytest.mark.parametrize("call", CALLS)
async def test_every_call_says_that_redis_is_away_and_works_once_it_is_back(
    redis_server: RedisServer, open_redis: OpenRedis, name: str, call: str
) -> None:
    async with open_redis(redis_server.url) as store:
        await CALLS[call](store, name)
        redis_server.stop()
        for _ in range(3):
            with pytest.raises(StateUnavailable, match="Try again in a few seconds"):
                await CALLS[call](store, name)
        redis_server.start()
        await CALLS[call](store, name)


async def test_running_tasks_survive_a_restart_of_redis(
    redis_server: RedisServer, open_redis: OpenRedis, name: str
) -> None:
    async with open_redis(redis_server.url) as store, open_redis(redis_server.url) as replica:
        await store.write(name, make_record(processed_files=1))
        redis_server.stop()
        redis_server.start()
        assert await replica.read(name) is None
        again = make_record(processed_files=2)
        assert await store.write(name, again)
        assert await replica.read(name) == again
        assert await replica.is_alive("me"), "the record is not there before its owner's sign of life"
        await store.put_blob(name, "image", bytearray(b"sealed"), later())
        assert await store.write(name, make_record("completed"))
        assert await replica.take_blob(name, "image") == bytearray(b"sealed")


async def test_nobody_is_dead_because_redis_was_away(redis_server: RedisServer, open_redis: OpenRedis) -> None:
    async with open_redis(redis_server.url, heartbeat=0.5) as store:
        await store.beat("me")
        redis_server.stop()
        with pytest.raises(StateUnavailable):
            await store.is_alive("me")
        redis_server.start()
        assert await store.is_alive("me"), "it had no chance to say so yet"
        while await store.is_alive("me"):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("call", ["read", "put_blob", "clean"])
async def test_a_redis_that_hangs_is_waited_for_a_little(
    redis_server: RedisServer, open_redis: OpenRedis, name: str, call: str
) -> None:
    async with open_redis(redis_server.url) as store:
        await store.write(name, make_record())
        redis_server.pause()
        try:
            with pytest.raises(StateUnavailable):
                # put_blob tidies up with a second command; the rest is for a busy machine.
                await asyncio.wait_for(CALLS[call](store, name), 2 * (CONNECT_SECONDS + COMMAND_SECONDS) + 10)
        finally:
            redis_server.resume()
        await CALLS[call](store, name)


async def test_many_that_wait_for_a_redis_that_hangs_all_hear_of_it(
    redis_server: RedisServer, open_redis: OpenRedis, name: str
) -> None:
    async with open_redis(redis_server.url) as store:
        await store.write(name, make_record())
        redis_server.pause()
        try:
            reads = asyncio.gather(*(store.read(name) for _ in range(100)), return_exceptions=True)
            results = await asyncio.wait_for(reads, 30)
        finally:
            redis_server.resume()
        assert {type(result) for result in results} == {StateUnavailable}
        assert all(await asyncio.gather(*(store.read(name) for _ in range(100))))


async def test_away_at_the_start_it_is_found_later(redis_server: RedisServer, open_redis: OpenRedis, name: str) -> None:
    redis_server.stop()
    async with open_redis(redis_server.url) as store:
        await store.check()
        with pytest.raises(StateUnavailable):
            await store.read(name)
        redis_server.start()
        assert await store.write(name, make_record())


async def test_a_full_redis_takes_nothing_new_but_lets_tasks_end(
    start_redis: StartRedis, open_redis: OpenRedis, name: str
) -> None:
    server = start_redis("--maxmemory", "12mb")
    known, new = name, name[::-1]
    async with open_redis(server.url) as store, Redis.from_url(server.url) as inside:
        await store.beat("me")
        await store.write(known, make_record())
        await store.put_blob(known, "small", bytearray(3 * MEGABYTE), later())
        with pytest.raises(StateUnavailable, match="no room"):
            await store.put_blob(known, "image", bytearray(30 * MEGABYTE), later())
        assert await inside.keys("limner:passing:*") == [], "what was taken of it makes room again"
        await store.put_blob(known, "image", bytearray(3 * MEGABYTE), later())
        await inside.config_set("maxmemory", "1mb")

        with pytest.raises(StateUnavailable, match="no room"):
            await store.write(new, make_record())
        await store.beat("me")
        assert await store.is_alive("me")
        assert await store.write(known, make_record(processed_files=3))
        assert len(await store.get_blob(known, "image") or b"") == 3 * MEGABYTE
        assert await store.write(known, make_record("completed"))
        assert len(await store.take_blob(known, "image") or b"") == 3 * MEGABYTE
        before = await store.clean(known)
        assert before is not None
        assert before.status == "completed"

        await inside.config_set("maxmemory", "12mb")
        assert await store.write(new, make_record())


async def test_a_replica_that_takes_no_writes_is_unavailable(
    start_redis: StartRedis, open_redis: OpenRedis, name: str
) -> None:
    follower = start_redis("--replicaof", "127.0.0.1", str(start_redis().port))
    async with open_redis(follower.url) as store:
        with pytest.raises(StateUnavailable):
            await store.write(name, make_record())


async def test_a_wrong_password_is_told_at_start_and_nowhere_quoted(
    start_redis: StartRedis, open_redis: OpenRedis, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis("--requirepass", "right")
    for url in (server.url, server.url.replace("//", "//:hush@"), server.url.replace("//", "//nobody:hush@")):
        async with open_redis(url) as store:
            with pytest.raises(SettingsError, match="LIMNER_REDIS_URL refuses its user or password") as at_start:
                await store.check()
            with pytest.raises(StateUnavailable) as refused:
                await store.write(name, make_record())
            assert "hush" not in at_start.value.message + refused.value.message
    assert len(failures(caplog)) == 3
    assert "hush" not in caplog.text
    async with open_redis(server.url.replace("//", "//:right@")) as store:
        assert await store.write(name, make_record())


async def test_a_server_that_quotes_the_password_is_not_quoted(
    start_redis: StartRedis, open_redis: OpenRedis, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis("--rename-command", "AUTH", "")
    async with open_redis(server.url.replace("//", "//:hush@")) as store:
        with pytest.raises(SettingsError, match="unknown command") as at_start:
            await store.check()
        with pytest.raises(StateUnavailable):
            await store.read(name)
    assert "hush" not in at_start.value.message
    assert len(failures(caplog)) == 1
    assert "hush" not in caplog.text


async def test_the_log_tells_of_an_outage_once_and_of_its_end(
    redis_server: RedisServer, open_redis: OpenRedis, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with open_redis(redis_server.url) as store:
        await store.read(name)
        redis_server.stop()
        for _ in range(50):
            with pytest.raises(StateUnavailable):
                await store.read(name)
        assert len(failures(caplog)) == 1
        redis_server.start()
        for _ in range(5):
            await store.read(name)
        assert caplog.text.count("Redis answers again") == 1


async def test_closing_is_quiet_whatever_redis_does(redis_server: RedisServer, name: str) -> None:
    store = RedisStore(redis_server.url)
    await store.read(name)
    redis_server.stop()
    await store.close()
    await RedisStore(redis_server.url).close()
