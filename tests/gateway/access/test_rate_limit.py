"""The limit on uploads: what is counted, what is told, and a Redis that is shared, slow or dead."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis.asyncio
from starlette.requests import Request

from gateway.access.client import Client
from gateway.access.rate_limit import RateLimiter
from limner.errors import LimnerError, QuotaExceeded, StateUnavailable
from limner.settings import Settings
from tests.gateway.redis_server import RedisServer, StartRedis

pytest_plugins = ["tests.gateway.redis_server"]

ROLES = frozenset({"enhance"})
ALICE = Client("key:alice", "alice", ROLES)
SOMEBODY = Client("address:203.0.113.7", "", ROLES)


@asynccontextmanager
async def limiting(rate_limit: str, redis_url: str | None = None) -> AsyncIterator[RateLimiter]:
    limiter = RateLimiter.from_settings(Settings(rate_limit=rate_limit, redis_url=redis_url))
    try:
        yield limiter
    finally:
        await limiter.close()


async def spend(limiter: RateLimiter, client: Client = ALICE) -> tuple[LimnerError | None, dict[str, str]]:
    """The error, if any, and the headers of the answer."""
    request = Request({"type": "http", "state": {}})
    try:
        await limiter.spend(request, client)
    except LimnerError as error:
        return error, getattr(request.state, "headers", {})
    return None, getattr(request.state, "headers", {})


@pytest.fixture(params=["memory", "redis"])
def where(request: pytest.FixtureRequest) -> str | None:
    """URL of the store; None is the memory of this process."""
    return None if request.param == "memory" else request.getfixturevalue("redis_server").url


async def test_what_is_left_is_told_and_what_is_over_refused(where: str | None) -> None:
    async with limiting("3/minute", where) as limiter:
        for left in (2, 1, 0):
            error, headers = await spend(limiter)
            assert error is None
            assert headers["RateLimit-Policy"] == '"default";q=3;w=60'
            assert re.fullmatch(rf'"default";r={left};t=(60|5\d)', headers["RateLimit"])
        error, headers = await spend(limiter)
        assert isinstance(error, QuotaExceeded)
        assert "3 uploads per minute" in error.message
        assert 0 < error.retry_after <= 60
        assert headers == {
            "RateLimit-Policy": '"default";q=3;w=60',
            "RateLimit": f'"default";r=0;t={error.retry_after}',
        }


async def test_quota_comes_back(where: str | None) -> None:
    async with limiting("2/second", where) as limiter:
        while not isinstance((await spend(limiter))[0], QuotaExceeded):
            await asyncio.sleep(0)
        await asyncio.sleep(1.1)
        assert (await spend(limiter))[0] is None


async def test_every_client_has_a_quota_of_its_own(where: str | None) -> None:
    async with limiting("1/minute", where) as limiter:
        for client in (ALICE, SOMEBODY):
            assert (await spend(limiter, client))[0] is None
            assert isinstance((await spend(limiter, client))[0], QuotaExceeded)


async def test_key_has_a_limit_of_its_own(where: str | None) -> None:
    async with limiting("1/minute", where) as limiter:
        generous = Client("key:bob", "bob", ROLES, "2 per 2 hours")
        answers = [await spend(limiter, generous) for _ in range(3)]
        assert [type(error) for error, _ in answers] == [type(None), type(None), QuotaExceeded]
        assert answers[0][1]["RateLimit-Policy"] == '"default";q=2;w=7200'
        assert "2 uploads per 2 hours" in str(answers[2][0])


async def test_several_limits_are_listed_and_refusals_count_nowhere(where: str | None) -> None:
    async with limiting("1/second;3/day;100/2hours", where) as limiter:
        _, headers = await spend(limiter)
        assert headers["RateLimit-Policy"] == '"default";q=1;w=1, "day";q=3;w=86400, "2-hours";q=100;w=7200'
        refused = 0
        for _ in range(20):
            error, headers = await spend(limiter)
            refused += isinstance(error, QuotaExceeded)
        assert refused
        taken = 21 - refused
        assert re.fullmatch(
            rf'"default";r=0;t=1, "day";r={3 - taken};t=8\d{{4}}, "2-hours";r={100 - taken};t=7\d{{3}}',
            headers["RateLimit"],
        )


async def test_retry_after_is_that_of_the_longest_limit(where: str | None) -> None:
    async with limiting("1/minute;1/hour", where) as limiter:
        await spend(limiter)
        error, _ = await spend(limiter)
        assert isinstance(error, QuotaExceeded)
        assert "per hour" in error.message
        assert error.retry_after > 3000


async def test_uploads_at_the_same_time_do_not_exceed_it(where: str | None) -> None:
    async with limiting("5/minute", where) as limiter:
        answers = await asyncio.gather(*(spend(limiter) for _ in range(40)))
    taken = [headers for error, headers in answers if error is None]
    assert len(taken) == 5
    assert all(isinstance(error, QuotaExceeded) for error, _ in answers if error)


@pytest.mark.parametrize("own", [None, "off"])
async def test_off_counts_nothing_and_tells_nothing(own: str | None) -> None:
    async with limiting("off" if own is None else "1/minute") as limiter:
        client = Client("key:alice", "alice", ROLES, own)
        assert [await spend(limiter, client) for _ in range(50)] == [(None, {})] * 50


async def test_key_has_a_limit_where_others_have_none() -> None:
    async with limiting("off") as limiter:
        client = Client("key:alice", "alice", ROLES, "1/minute")
        await spend(limiter, client)
        assert isinstance((await spend(limiter, client))[0], QuotaExceeded)


async def test_headers_of_others_stay() -> None:
    async with limiting("1/minute") as limiter:
        request = Request({"type": "http", "state": {"headers": {"X-Other": "1"}}})
        await limiter.spend(request, ALICE)
        assert set(request.state.headers) == {"X-Other", "RateLimit", "RateLimit-Policy"}


async def test_two_gateways_share_a_window(redis_server: RedisServer) -> None:
    async with limiting("4/minute", redis_server.url) as one, limiting("4/minute", redis_server.url) as other:
        for limiter in (one, other, one, other):
            assert (await spend(limiter))[0] is None
        for limiter in (one, other):
            assert isinstance((await spend(limiter))[0], QuotaExceeded)


async def test_redis_that_died_is_a_clear_error_until_it_is_back(redis_server: RedisServer) -> None:
    async with limiting("10/minute", redis_server.url) as limiter:
        assert (await spend(limiter))[0] is None
        redis_server.stop()
        for _ in range(3):
            error, headers = await spend(limiter)
            assert isinstance(error, StateUnavailable)
            assert not headers
        redis_server.start()
        error, headers = await spend(limiter)
        assert error is None
        assert '"default";r=9;' in headers["RateLimit"], "the counts died with Redis"


async def test_redis_that_restarted_between_two_uploads_is_not_noticed(redis_server: RedisServer) -> None:
    async with limiting("10/minute", redis_server.url) as limiter:
        assert (await spend(limiter))[0] is None
        redis_server.stop()
        redis_server.start()
        assert (await spend(limiter))[0] is None


async def test_redis_that_hangs_is_not_waited_for(redis_server: RedisServer) -> None:
    async with limiting("10/minute", redis_server.url) as limiter:
        assert (await spend(limiter))[0] is None
        redis_server.pause()
        try:
            error, _ = await asyncio.wait_for(spend(limiter), 60)
            assert isinstance(error, StateUnavailable)
        finally:
            redis_server.resume()
        assert (await spend(limiter))[0] is None


async def test_full_redis_is_a_clear_error(start_redis: StartRedis) -> None:
    server = start_redis("--maxmemory", "1", "--maxmemory-policy", "noeviction")
    async with limiting("10/minute", server.url) as limiter:
        assert isinstance((await spend(limiter))[0], StateUnavailable)


async def test_no_address_stands_in_redis_and_nothing_stays_for_ever(start_redis: StartRedis) -> None:
    server = start_redis("--requirepass", "secret")
    urls = [server.url.replace("//", f"//{user}:secret@") for user in ("", "default")]
    seen: set[bytes] = set()
    for url in urls:
        async with limiting("10/minute", url) as limiter, redis.asyncio.Redis.from_url(url) as client:
            await spend(limiter, SOMEBODY)
            keys: list[Any] = await client.keys()
            (name,) = keys
            seen.add(name)
            assert 0 < await client.ttl(name) <= 60
    assert len(seen) == 1, "gateways that write the URL in two ways share the window"
    (name,) = seen
    assert re.fullmatch(rb"limner:rate:LIMITER/[0-9a-f]{32}/10/1/minute", name)

    other = start_redis("--requirepass", "other")
    url = other.url.replace("//", "//:other@")
    async with limiting("10/minute", url) as limiter, redis.asyncio.Redis.from_url(url) as client:
        await spend(limiter, SOMEBODY)
        assert await client.keys() != [name], "the hash is keyed with the password"
