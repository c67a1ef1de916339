"""A Redis that writes to disk is refused; others that may surprise are told of in the log."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from limner.errors import SettingsError, StateUnavailable
from tests.gateway.redis_server import RedisServer, StartRedis
from tests.gateway.state.conftest import OpenRedis
from tests.gateway.state.records import later, make_record

pytest_plugins = ["tests.gateway.redis_server"]


@pytest.mark.parametrize("options", [("--save", "900", "1"), ("--appendonly", "yes")], ids=["save", "appendonly"])
async def test_a_redis_that_writes_to_disk_is_refused(
    start_redis: StartRedis,
    open_redis: OpenRedis,
    name: str,
    options: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_redis(start_redis(*options).url) as store:
        with pytest.raises(SettingsError, match='redis-server --save "" --appendonly no'):
            await store.check()
        with pytest.raises(StateUnavailable):
            await store.read(name)
    assert "writes what it holds to disk" in caplog.text


async def test_a_redis_that_was_set_up_anew_is_looked_at_again(
    redis_server: RedisServer, open_redis: OpenRedis, name: str
) -> None:
    async with open_redis(redis_server.url) as store, Redis.from_url(redis_server.url) as inside:
        await store.check()
        redis_server.stop()
        with pytest.raises(StateUnavailable):
            await store.read(name)
        redis_server.start()
        await inside.config_set("save", "900 1")
        with pytest.raises(StateUnavailable):
            await store.put_blob(name, "image", bytearray(10), later())
        assert await inside.dbsize() == 0
        await inside.config_set("save", "")
        await store.put_blob(name, "image", bytearray(10), later())


async def test_a_redis_that_does_not_tell_is_used_with_one_warning(
    start_redis: StartRedis, open_redis: OpenRedis, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_redis(start_redis("--rename-command", "CONFIG", "").url) as store:
        for _ in range(3):
            await store.check()
        assert await store.write(name, make_record())
    assert caplog.text.count("keeps nothing on disk") == 1


async def test_one_that_throws_results_away_is_used_with_one_warning(
    start_redis: StartRedis, open_redis: OpenRedis, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_redis(start_redis("--maxmemory-policy", "allkeys-lru").url) as store:
        for _ in range(3):
            await store.check()
    assert caplog.text.count("--maxmemory-policy noeviction") == 1


async def test_one_with_replicas_is_used_with_one_warning(
    start_redis: StartRedis, open_redis: OpenRedis, caplog: pytest.LogCaptureFixture
) -> None:
    primary = start_redis()
    start_redis("--replicaof", "127.0.0.1", str(primary.port))
    async with open_redis(primary.url) as store:
        while not caplog.records:  # until the replica has found its primary
            await store.check()
            await asyncio.sleep(0.02)
        await store.check()
    assert caplog.text.count("Redis has replicas") == len(caplog.records) == 1
