"""How many uploads a client may send: moving windows, in this process or in a Redis that several gateways share."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many
from limits.aio.storage import MovingWindowSupport, RedisStorage
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from starlette.requests import Request

from gateway.access.client import Client
from gateway.access.windows import MemoryWindows
from gateway.clock import now
from limner.errors import QuotaExceeded, StateUnavailable
from limner.settings import NO_RATE_LIMIT, Settings

REDIS_PREFIX: Final = "limner:rate"
REDIS_SECONDS: Final = 1.0
"""Patience with Redis to connect and to answer; a second try follows, because a pooled connection may be stale."""


@dataclass
class _Quota:
    """One limit of one client: ``used`` uploads in the window, of which the first leaves it in ``reset`` seconds."""

    item: RateLimitItem
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.item.amount - self.used)


class RateLimiter:
    """Spends uploads. Make one with :meth:`from_settings`, and :meth:`close` it."""

    def __init__(self, windows: MovingWindowSupport, limit: str, secret: bytes, pool: ConnectionPool | None) -> None:
        self._windows = windows
        self._limit = limit
        self._secret = secret
        self._pool = pool

    @classmethod
    def from_settings(cls, settings: Settings) -> RateLimiter:
        """Connects to Redis, where there is one, with the first upload."""
        if settings.redis_url is None:
            return cls(MemoryWindows(), settings.rate_limit, secrets.token_bytes(32), None)
        url = settings.redis_url.get_secret_value()
        pool = ConnectionPool.from_url(
            url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        # The pool knows where; it is handed on to redis.asyncio.Redis, which the type of an option does not say.
        options: dict[str, Any] = {"connection_pool": pool}
        windows = RedisStorage("async+redis://", implementation="redispy", key_prefix=REDIS_PREFIX, **options)
        return cls(windows, settings.rate_limit, (urlsplit(url).password or "").encode(), pool)

    async def spend(self, request: Request, client: Client) -> None:
        """Count one upload of ``client``, before anything of its body is read.

        What is left is told in the headers of draft-ietf-httpapi-ratelimit-headers. They lie in the request's state
        as ``headers``, a dict that every answer carries, whatever becomes of the upload. Where there are several
        limits, an upload that one of them refuses is not counted by the others.

        Raises:
            QuotaExceeded: a limit is used up.
            StateUnavailable: Redis is away. Nobody uploads meanwhile: without a count there is no limit.
        """
        limit = client.limit or self._limit
        if limit == NO_RATE_LIMIT:
            return
        try:
            quotas, used_up = await self._count(self._pseudonym(client), _parse(limit))
        except (RedisError, OSError):
            raise StateUnavailable("Uploads cannot be counted at the moment. Try again in a few seconds.") from None
        names = ["default", *(_window(quota.item).replace(" ", "-") for quota in quotas[1:])]
        headers = request.scope["state"].setdefault("headers", {})
        headers["RateLimit-Policy"] = ", ".join(
            f'"{name}";q={quota.item.amount};w={quota.item.get_expiry()}'
            for name, quota in zip(names, quotas, strict=True)
        )
        headers["RateLimit"] = ", ".join(
            f'"{name}";r={quota.remaining};t={quota.reset}' for name, quota in zip(names, quotas, strict=True)
        )
        if used_up:
            longest = max(used_up, key=lambda quota: quota.reset)
            raise QuotaExceeded(
                f"No more than {longest.item.amount} uploads per {_window(longest.item)} are taken from one client. "
                f"Try again in {longest.reset} seconds.",
                longest.reset,
            )

    async def close(self) -> None:
        """Let go of connections."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def _count(self, who: str, items: tuple[RateLimitItem, ...]) -> tuple[list[_Quota], list[_Quota]]:
        """All limits after this upload, and those that refuse it."""
        quotas = [await self._look(who, item) for item in items]
        used_up = [quota for quota in quotas if not quota.remaining]
        for quota in [] if used_up else quotas:
            # Other uploads may have come in between: what counts is this one step.
            item = quota.item
            if await self._windows.acquire_entry(item.key_for(who), item.amount, item.get_expiry()):
                quota.used += 1
            else:
                quota.used = item.amount
                used_up.append(quota)
        return quotas, used_up

    async def _look(self, who: str, item: RateLimitItem) -> _Quota:
        seconds = item.get_expiry()
        start, used = await self._windows.get_moving_window(item.key_for(who), item.amount, seconds)
        return _Quota(item, used, max(1, min(seconds, math.ceil(start + seconds - now()))))

    def _pseudonym(self, client: Client) -> str:
        """What stands for the client in the store, so that no address does.

        In Redis it is keyed with the URL's password, which all gateways share. Without a password it is but a veil:
        the addresses of IPv4 are few enough to try them all.
        """
        return hmac.digest(self._secret, client.name.encode(), hashlib.sha256).hex()[:32]


@lru_cache(maxsize=1024)
def _parse(limit: str) -> tuple[RateLimitItem, ...]:
    return tuple(parse_many(limit))


def _window(item: RateLimitItem) -> str:
    unit = item.GRANULARITY.name
    return unit if item.multiples == 1 else f"{item.multiples} {unit}s"
