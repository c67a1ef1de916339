"""The store in Redis, for several gateways. It gets records and ciphertext, each with an end to its life.

    limner:task:<name>          a record, JSON
    limner:blob:<name>:<part>   something sealed: a hash of chunks, numbered from 0
    limner:blobs:<name>         the keys of a task's blobs
    limner:passing:<random>     a blob that is being written or taken
    limner:gateway:<owner>      there while that gateway lives

Chunks, because a value of 100 MB costs the client three times its size, stalls Redis for all others, and takes longer
than a command may.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from gateway.clock import now
from gateway.state import cancellation, scripts
from gateway.state.configuration import ConfigurationCheck, require_admission
from gateway.state.outage import FAILURES, Outage
from gateway.state.record import Record
from gateway.state.store import RUNNING_TTL_SECONDS, TOMBSTONE_SECONDS
from limner.errors import SettingsError

HEARTBEAT_SECONDS: Final = 4.0
COMMAND_SECONDS: Final = 2.0
CONNECT_SECONDS: Final = 1.0
MAX_CONNECTIONS: Final = 32
CHUNK_BYTES: Final = 1 << 20

_WRITING_SECONDS: Final = 60.0
_TAKEN_SECONDS: Final = 120.0
"""More than the patience of whoever asks again for what it has taken already."""

_IDLE_SECONDS: Final = 15
"""A connection that was idle for longer is asked whether it still lives before it is used."""


class RedisStore:
    """See :class:`gateway.state.store.Store`. It connects when it is first asked for something.

    Args:
        url: what :meth:`redis.asyncio.Redis.from_url` takes: ``redis://``, ``rediss://`` (TLS) or ``unix://``, with
            options of the connection as its query. One primary; neither Sentinel nor Cluster.
        heartbeat: seconds that a gateway counts as alive after a sign of life.

    Raises:
        SettingsError: the URL is none; it is not quoted, for it may hold a password.
    """

    def __init__(self, url: str, *, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                protocol=2,  # nothing of version 3 is used, and a connection is made with fewer round trips
                driver_info=None,
                max_connections=MAX_CONNECTIONS,
                timeout=COMMAND_SECONDS,
                socket_timeout=COMMAND_SECONDS,
                socket_connect_timeout=CONNECT_SECONDS,
                health_check_interval=_IDLE_SECONDS,
                # A connection that broke is made anew, once; a Redis that hangs is not asked twice.
                retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
            )
            pool.connection_class(**pool.connection_kwargs)  # not connected; looks at the options of the query
        except (ValueError, TypeError):
            raise SettingsError(
                "LIMNER_REDIS_URL cannot be used. It looks like redis://:PASSWORD@HOST:6379/0, rediss:// for TLS or "
                "unix:///FILE; signs such as / # @ in the password are percent-encoded."
            ) from None
        self._redis = Redis.from_pool(pool)
        self._heartbeat = heartbeat
        self._outage = Outage()
        self._configuration = ConfigurationCheck()
        self._checked = False
        self._write = self._redis.register_script(scripts.WRITE)
        self._clean = self._redis.register_script(scripts.CLEAN)
        self._publish = self._redis.register_script(scripts.PUBLISH)
        self._keep = self._redis.register_script(scripts.KEEP)
        self._claim = self._redis.register_script(scripts.CLAIM)
        self._return = self._redis.register_script(scripts.RETURN)

    async def check(self) -> None:
        try:
            with cancellation.heeded():
                await require_admission(self._redis)
                await self._configuration.run(self._redis)
            self._checked = True
        except FAILURES as error:
            self._outage.failed(error)  # into the log; checked again once Redis is there

    async def read(self, name: str) -> Record | None:
        async with self._asking() as redis:
            stored = await redis.get(_task(name))
        return None if stored is None else Record.from_json(stored)

    async def write(self, name: str, record: Record) -> bool:
        # Whoever runs a task lives: after a restart of Redis, the record must not be there before the sign of life.
        alive = _milliseconds(self._heartbeat) if record.running else 0
        async with self._asking():
            written = await self._write(
                [_task(name), _gateway(record.owner)], [record.to_json(), _record_lives(record), alive]
            )
        return bool(written)

    async def clean(self, name: str) -> Record | None:
        async with self._asking() as redis:
            while True:
                stored = await redis.get(_task(name))
                before = None if stored is None else Record.from_json(stored)
                arguments: list[str | bytes | int] = ["", "", 0]
                if stored is not None and before is not None:
                    after = replace(before, status="cleaned", salt="", expires=before.expires or now())
                    arguments = [stored, after.to_json(), _record_lives(after)]
                # Written meanwhile by somebody else: look again.
                if await self._clean([_task(name), _blobs(name)], arguments):
                    return before

    async def put_blob(self, name: str, part: str, sealed: bytearray, expires: float) -> None:
        writing = _passing()
        async with self._asking() as redis:
            try:
                for number, start in enumerate(range(0, len(sealed), CHUNK_BYTES)):
                    with cancellation.heeded():
                        both = redis.pipeline(transaction=True)
                        both.hset(writing, str(number), memoryview(sealed)[start : start + CHUNK_BYTES])
                        both.pexpire(writing, _milliseconds(_WRITING_SECONDS))
                        await both.execute()
                await self._publish([writing, _blob(name, part), _blobs(name), _task(name)], [_lives(expires)])
            except FAILURES:
                with suppress(*FAILURES):  # what a full Redis took of it stands in the way of others
                    await redis.unlink(writing)
                raise

    async def keep_blobs(self, name: str, expires: float) -> None:
        async with self._asking():
            await self._keep([_blobs(name)], [_lives(expires)])

    async def get_blob(self, name: str, part: str) -> bytearray | None:
        async with self._asking() as redis:
            return await _collect(redis, _blob(name, part), await redis.hlen(_blob(name, part)))

    async def has_blob(self, name: str, part: str) -> bool:
        async with self._asking() as redis:
            return bool(await redis.exists(_blob(name, part)))

    async def take_blob(self, name: str, part: str, taker: str = "") -> bytearray | None:
        taken = _passing(taker)
        async with self._asking() as redis:
            chunks = await self._claim([_blob(name, part), taken, _blobs(name)], [_milliseconds(_TAKEN_SECONDS)])
            sealed = await _collect(redis, taken, chunks)
            with suppress(*FAILURES):  # it is here, and what is left there ends by itself
                await redis.unlink(taken)
        return sealed

    async def return_blob(self, name: str, part: str, taker: str, expires: float) -> None:
        async with self._asking():
            await self._return([_passing(taker), _blob(name, part), _blobs(name), _task(name)], [_lives(expires)])

    async def beat(self, owner: str) -> None:
        async with self._asking() as redis:
            lives = _milliseconds(self._heartbeat)
            if not await redis.pexpire(_gateway(owner), lives):  # works in a full Redis, too
                await redis.set(_gateway(owner), "1", px=lives)

    async def is_alive(self, owner: str) -> bool:
        async with self._asking() as redis:
            alive = bool(await redis.exists(_gateway(owner)))
        # While Redis was away nobody could say so; each gets the time to say it now.
        return alive or self._outage.age < self._heartbeat

    @property
    def held(self) -> int:
        return 0

    async def close(self) -> None:
        with suppress(*FAILURES):
            await self._redis.aclose()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Redis]:
        """Raises StateUnavailable for whatever goes wrong; after that, the configuration is looked at again."""
        try:
            with cancellation.heeded():
                if not self._checked:
                    await self._configuration.run(self._redis)
                    self._checked = True
                yield self._redis
        except (*FAILURES, SettingsError) as error:
            self._checked = False
            raise self._outage.failed(error) from None
        self._outage.answered()


async def _collect(redis: Redis, key: str, chunks: int) -> bytearray | None:
    """The chunks joined; None where there are none, or where they went away meanwhile."""
    sealed = bytearray()
    for number in range(chunks):
        chunk = cast("bytes | None", await redis.hget(key, str(number)))
        if chunk is None:
            return None
        sealed += chunk
    return sealed or None


def _task(name: str) -> str:
    return f"limner:task:{name}"


def _blob(name: str, part: str) -> str:
    return f"limner:blob:{name}:{part}"


def _blobs(name: str) -> str:
    return f"limner:blobs:{name}"


def _passing(taker: str = "") -> str:
    return f"limner:passing:{taker or secrets.token_hex(16)}"


def _gateway(owner: str) -> str:
    return f"limner:gateway:{owner}"


def _milliseconds(seconds: float) -> int:
    """At least one: Redis takes no life of 0."""
    return max(1, round(seconds * 1000))


def _lives(expires: float) -> int:
    """Milliseconds from now; a span, because the clock of Redis may be another."""
    return _milliseconds(expires - now())


def _record_lives(record: Record) -> int:
    return _milliseconds(RUNNING_TTL_SECONDS) if record.running else _lives(record.expires + TOMBSTONE_SECONDS)
