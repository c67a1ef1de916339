"""Whether a Redis keeps its promises: nothing of it on disk, nothing thrown away early."""

from __future__ import annotations

import logging
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from limner.errors import SettingsError

log = logging.getLogger("limner.redis")

_NAMES = ("save", "appendonly", "maxmemory-policy")


class ConfigurationCheck:
    """Asks a Redis how it is set up. Warnings are given once."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    async def run(self, redis: Redis) -> None:
        """Raises SettingsError where Redis writes to disk; RedisError where it cannot be reached."""
        found = await _read(redis)
        if found.get("save") or found.get("appendonly") == "yes":
            raise SettingsError(
                "The Redis of LIMNER_REDIS_URL writes what it holds to disk, which Limner never does. Start it with: "
                'redis-server --save "" --appendonly no'
            )
        if "save" not in found or "appendonly" not in found:
            self._warn(
                "Redis does not tell how it is set up (CONFIG GET). See to it that it keeps nothing on disk: no "
                "snapshots, no append-only file, no backups."
            )
        if found.get("maxmemory-policy", "noeviction") != "noeviction":
            self._warn(
                "Redis throws results away before their time when its memory is full. Start it with: "
                "redis-server --maxmemory-policy noeviction"
            )
        if found.get("connected_slaves", "0") != "0":
            self._warn(
                "Redis has replicas, and filling a new one writes what it holds to files for a while. Keep the "
                "folders of all of them in memory (tmpfs), or do without replicas."
            )

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            log.warning(text)


async def _read(redis: Redis) -> dict[str, str]:
    """What Redis tells; nothing where it keeps it to itself, as managed ones do."""
    found: dict[str, str] = {}
    for name in _NAMES:  # one by one: Redis takes several names from version 7 on
        try:
            value = (await redis.config_get(name)).get(name)
        except ResponseError:
            break
        if value is not None:
            found[name] = value
    with suppress(ResponseError):
        found["connected_slaves"] = str((await redis.info("replication"))["connected_slaves"])
    return found
