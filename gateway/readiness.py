"""Ready means: an inference passed a short while ago. Triton's own word is not enough, it misses dead stubs."""

from __future__ import annotations

import asyncio
import logging
import time

from gateway.triton import TritonClient
from limner.canary import LIGHT_PARAMETERS, canary_png
from limner.errors import InferenceUnavailable, LimnerError
from limner.options import parse_options

log = logging.getLogger("limner.readiness")

STALE_INTERVALS = 3
RETRY_SECONDS = 1.0
"""Pause after a failed canary, where the interval is not shorter."""


class Readiness:
    """When an inference last passed, and what the last failure said."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._passed_at: float | None = None
        self._reason = "No inference has passed yet."

    @property
    def age(self) -> float:
        """Seconds since an inference passed; infinite before the first."""
        return float("inf") if self._passed_at is None else time.monotonic() - self._passed_at

    def passed(self) -> None:
        self._passed_at = time.monotonic()

    def failed(self, error: LimnerError) -> None:
        self._reason = error.message

    def check(self) -> None:
        """Raises InferenceUnavailable while no inference has passed within three intervals."""
        if self.age > STALE_INTERVALS * self.interval:
            raise InferenceUnavailable(f"Not ready: {self._reason}")


async def watch(readiness: Readiness, client: TritonClient) -> None:
    """Send a canary whenever nothing has passed for an interval; runs until cancelled."""
    canary, options = canary_png(), parse_options(LIGHT_PARAMETERS)
    failing = ""
    while True:
        if readiness.age >= readiness.interval:
            try:
                await client.enhance(canary, options, request_id="canary", timeout=STALE_INTERVALS * readiness.interval)
                readiness.passed()
                problem = ""
            except LimnerError as error:
                readiness.failed(error)
                problem = error.type
            except Exception as error:  # A fault of ours must not end the watch.
                problem = type(error).__name__
            if problem != failing:
                log.warning("canary: %s", problem or "passes again")
            failing = problem
        pause = readiness.interval - readiness.age
        await asyncio.sleep(pause if pause > 0 else min(RETRY_SECONDS, readiness.interval))
