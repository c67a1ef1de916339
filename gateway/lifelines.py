"""Calls at servers, and a way to end those of a server that has vanished: a connection alone never notices that."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any, TypeVar

from tritonclient.utils import InferenceServerException

from gateway.addresses import Address

_T = TypeVar("_T")


class Lifelines:
    """One for each call at work."""

    def __init__(self) -> None:
        self._lines: defaultdict[Address, set[asyncio.Future[None]]] = defaultdict(set)

    async def call(self, address: Address, work: Coroutine[Any, Any, _T]) -> _T:
        """What ``work`` gives; cancelled, it cancels it.

        Raises:
            InferenceServerException: UNAVAILABLE, if the line was cut; or what ``work`` raises.
        """
        task, line = asyncio.create_task(work), asyncio.get_running_loop().create_future()
        self._lines[address].add(line)
        try:
            await asyncio.wait({task, line}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise InferenceServerException("The server has vanished.", status="StatusCode.UNAVAILABLE")
            return task.result()
        finally:
            self._lines[address].discard(line)
            if not self._lines[address]:
                del self._lines[address]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def cut(self, address: Address) -> None:
        """End all calls there."""
        for line in self._lines.get(address, ()):
            if not line.done():
                line.set_result(None)
