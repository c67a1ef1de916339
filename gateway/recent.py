"""An answer that many ask for at once, asked for once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Recent(Generic[_T]):
    """What ``ask`` gave last, for ``seconds``. A failure goes to all that wait for it; whoever comes next asks again.

    What is asked goes on when those that wait for it go away.
    """

    def __init__(self, ask: Callable[[], Awaitable[_T]], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._asking: asyncio.Future[_T] | None = None
        self._kept: tuple[float, _T] | None = None

    async def get(self) -> _T:
        """Raises whatever ``ask`` raises."""
        if self._kept is not None and time.monotonic() - self._kept[0] <= self._seconds:
            return self._kept[1]
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(self._answered)
        return await asyncio.shield(self._asking)

    def _answered(self, asking: asyncio.Future[_T]) -> None:
        self._asking = None
        # The failure is looked at even where nobody waits any more: asyncio would complain.
        if not asking.cancelled() and asking.exception() is None:
            self._kept = (time.monotonic(), asking.result())
