"""Ready means: an inference passed a short while ago. Triton's own word is not enough, it misses dead stubs."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
import zlib

from gateway.triton import TritonClient
from limner.errors import InferenceUnavailable, LimnerError
from limner.options import Options

log = logging.getLogger("limner.readiness")

STALE_INTERVALS = 3
CANARY_OPTIONS = Options(background="lanczos", restorer="none")
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
    canary = gray_png(16)
    failing = ""
    while True:
        if readiness.age >= readiness.interval:
            try:
                await client.enhance(
                    canary, CANARY_OPTIONS, request_id="canary", timeout=STALE_INTERVALS * readiness.interval
                )
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


def gray_png(side: int) -> bytes:
    """A PNG of ``side`` × ``side`` pixels, 8-bit gray, a ramp from left to right."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes(255 * x // max(side - 1, 1) for x in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * side)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
