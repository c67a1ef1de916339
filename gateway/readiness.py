"""Ready means: an inference passed a short while ago. Triton's own word is not enough, it misses dead stubs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from gateway.addresses import Address
from gateway.triton import TritonClient
from limner.errors import InferenceUnavailable, LimnerError

log = logging.getLogger("limner.readiness")

STALE_INTERVALS = 3
RETRY_SECONDS = 1.0
"""Pause after a failed canary, where the interval is not shorter."""

RETURN_SECONDS = 60.0
"""A server that restarts is back sooner, its networks loaded."""

_LOOK_SECONDS = 0.25


class Readiness:
    """When an inference last passed, and what the last failure said."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._passed_at: float | None = None
        self._failing_since: float | None = None
        self._reason = "No inference has passed yet."

    @property
    def age(self) -> float:
        """Seconds since an inference passed; infinite before the first."""
        return float("inf") if self._passed_at is None else time.monotonic() - self._passed_at

    def passed(self) -> None:
        self._passed_at, self._failing_since = time.monotonic(), None

    def failed(self, error: LimnerError) -> None:
        self._reason = error.message
        if self._failing_since is None:
            self._failing_since = time.monotonic()

    async def returns(self, pause: float) -> bool:
        """Wait for ``pause`` seconds at least, and until an inference passes again.

        False, and at once, where none has for a minute: it is not a restart, then.
        """
        while self._failing_since is None or time.monotonic() - self._failing_since <= RETURN_SECONDS:
            await asyncio.sleep(pause)
            if self._failing_since is None:
                return True
            pause = _LOOK_SECONDS
        return False

    def check(self) -> None:
        """Raises InferenceUnavailable while no inference has passed within three intervals."""
        if self.age > STALE_INTERVALS * self.interval:
            raise InferenceUnavailable(f"Not ready: {self._reason}")


async def watch(readiness: Readiness, client: TritonClient, ended: Callable[[bool], None]) -> None:
    """Send a canary to each server where nothing has passed for an interval, or that is avoided; runs until cancelled.

    ``ended`` is told of each canary whether it passed. One that gets no answer keeps no other waiting.
    """
    canaries: dict[Address, asyncio.Task[None]] = {}
    problems: dict[Address, str] = {}

    async def send(address: Address) -> None:
        try:
            await client.canary(address, STALE_INTERVALS * readiness.interval)
            readiness.passed()
            problem = ""
        except LimnerError as error:
            readiness.failed(error)
            problem = error.type
        except Exception as error:  # A fault of ours must not end the watch.
            problem = type(error).__name__
        ended(not problem)
        if problem != problems.pop(address, ""):
            log.warning("canary of %s: %s", address, problem or "passes again")
        if problem:
            problems[address] = problem

    try:
        while True:
            try:
                due = await client.due(readiness.interval)
            except LimnerError as error:
                readiness.failed(error)
                due = []
            canaries = {address: task for address, task in canaries.items() if not task.done()}
            canaries |= {address: asyncio.create_task(send(address)) for address in due if address not in canaries}
            await asyncio.sleep(min(RETRY_SECONDS, readiness.interval / 2))
    finally:
        for task in canaries.values():
            task.cancel()
        await asyncio.gather(*canaries.values(), return_exceptions=True)
