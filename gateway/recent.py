"""An answer that many ask for at once, asked for once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Recent(Generic[_T]):
    """What ``ask`` gave last, for ``seconds``. A failure is not kept: whoever comes next asks again."""

    def __init__(self, ask: Callable[[], Awaitable[_T]], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._lock = asyncio.Lock()
        self._kept: tuple[float, _T] | None = None

    async def get(self) -> _T:
        """Raises whatever ``ask`` raises."""
        async with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > self._seconds:
                value = await self._ask()
                self._kept = (time.monotonic(), value)
            return self._kept[1]
