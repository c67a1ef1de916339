"""The settings decide which store it is."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from gateway.state.memory import MemoryStore
from gateway.state.opening import open_store
from gateway.state.redis import RedisStore
from limner.errors import SettingsError
from limner.settings import Settings


async def test_without_a_url_it_is_in_this_process() -> None:
    assert isinstance(open_store(Settings(redis_url=None)), MemoryStore)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1/0",
        "redis://:p%40ss@redis:6379/2",
        "rediss://user:word@redis.invalid?ssl_cert_reqs=required",
        "unix:///run/redis.sock",
    ],
)
async def test_with_one_it_is_in_redis_and_nothing_is_connected_yet(url: str) -> None:
    store = open_store(Settings(redis_url=SecretStr(url)))
    assert isinstance(store, RedisStore)
    await store.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://:hush@redis:6379",
        "redis://:hu/sh@redis:6379",
        "redis://redis:hush",
        "redis://redis?hush=1",
        "redis+sentinel://hush:26379",
        "redis://redis?socket_timeout=hush",
    ],
)
async def test_a_wrong_url_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="LIMNER_REDIS_URL") as refused:
        RedisStore(url)
    assert "hu" not in refused.value.message
    assert refused.value.__cause__ is None
