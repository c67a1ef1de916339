"""Both stores, and names of tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from gateway.state.memory import MemoryStore
from gateway.state.redis import RedisStore
from gateway.state.sealing import name_of, new_task_id
from gateway.state.store import Store

OpenRedis = Callable[..., AbstractAsyncContextManager[RedisStore]]


@pytest.fixture
def name() -> str:
    return name_of(new_task_id())


@pytest.fixture
def open_redis() -> OpenRedis:
    """Opens a store in Redis, as one of several gateways does."""

    @asynccontextmanager
    async def opened(url: str, **options: float) -> AsyncIterator[RedisStore]:
        store = RedisStore(url, **options)
        try:
            yield store
        finally:
            await store.close()

    return opened


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, open_redis: OpenRedis) -> AsyncIterator[Store]:
    """Each store in turn."""
    if request.param == "memory":
        yield MemoryStore()
        return
    async with open_redis(request.getfixturevalue("redis_server").url) as store:
        yield store
