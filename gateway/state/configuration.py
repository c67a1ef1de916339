"""Whether a Redis lets us in, and keeps its promises: nothing of it on disk, nothing thrown away early."""

from __future__ import annotations

import logging
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from limner.errors import SettingsError

log = logging.getLogger("limner.redis")

_MAX_QUOTED_CHARACTERS = 100
_NAMES = ("save", "appendonly", "maxmemory-policy")


async def require_admission(redis: Redis) -> None:
    """Find out at start what waiting does not mend, unlike a Redis that is away.

    Raises:
        SettingsError: Redis answers, and refuses the user, the password or the database of ``LIMNER_REDIS_URL``.
        RedisError: it cannot be reached.
    """
    try:
        await redis.ping()
    except NoPermissionError:
        return  # it knows us; what may be done is another question
    except AuthenticationError:
        raise SettingsError(
            "The Redis of LIMNER_REDIS_URL refuses its user or password, or wants one that is not there. It is written "
            "redis://:PASSWORD@HOST:6379/0, with signs such as / # @ in the password percent-encoded."
        ) from None
    except ResponseError as error:
        # A server that does not know AUTH quotes what came with it.
        reason = str(error).partition(", with args")[0][:_MAX_QUOTED_CHARACTERS]
        raise SettingsError(
            f"The Redis of LIMNER_REDIS_URL refuses the connection ({reason}). Correct user, password or the number of "
            "the database at its end."
        ) from None


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
