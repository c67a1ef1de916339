"""What a failure of Redis means to a caller, and what the operator reads of it in the log."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Final

from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from limner.errors import SettingsError, StateUnavailable

log = logging.getLogger("limner.redis")

FAILURES: Final = (RedisError, OSError, asyncio.TimeoutError)
"""Whatever the client raises when Redis is away, hangs, is full or refuses."""

_AWAY: Final = (RedisConnectionError, RedisTimeoutError, OSError, asyncio.TimeoutError)
_LOG_SECONDS: Final = 30.0
_MAX_LOGGED_CHARACTERS: Final = 300


class Outage:
    """Turns failures into StateUnavailable, and tells of each kind once in a while rather than once a request."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._away = False
        self._away_at = -math.inf

    @property
    def age(self) -> float:
        """Seconds since Redis was last found away; infinite where it never was."""
        return time.monotonic() - self._away_at

    def failed(self, error: Exception) -> StateUnavailable:
        """The error for the caller; the log gets Redis's words."""
        text = str(error)
        full = "OOM" in (getattr(error, "status_code", None), *text.replace("-", " ").split())
        if isinstance(error, _AWAY):
            self._away, self._away_at = True, time.monotonic()
        self._tell(type(error).__name__, error.message if isinstance(error, SettingsError) else text)
        if full:
            return StateUnavailable("There is no room for more results at the moment. Try again in a minute.")
        if isinstance(error, BusyLoadingError):
            return StateUnavailable("The state of tasks is being loaded. Try again in a few seconds.")
        return StateUnavailable("The state of tasks cannot be reached at the moment. Try again in a few seconds.")

    def answered(self) -> None:
        """Redis did what it was asked to."""
        if self._away:
            self._away = False
            self._told.clear()
            log.warning("Redis answers again")

    def _tell(self, kind: str, text: str) -> None:
        now = time.monotonic()
        if now - self._told.get(kind, -math.inf) < _LOG_SECONDS:
            return
        self._told[kind] = now
        # A server that does not know AUTH quotes what came with it.
        log.warning("Redis failed: %s: %s", kind, text.partition(", with args")[0][:_MAX_LOGGED_CHARACTERS])
