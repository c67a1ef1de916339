"""Connections on which nothing is asked."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import partial

from tests.hostile.door import Door, Line, crowd
from tests.hostile.tally import Tally


@contextlib.asynccontextmanager
async def idle(door: Door, count: int, tally: Tally) -> AsyncIterator[list[Line]]:
    """``count`` of them, open while the block runs, unless the server closes them."""
    async with contextlib.AsyncExitStack() as held:

        async def one() -> Line | None:
            try:
                return await held.enter_async_context(door.line())
            except OSError:
                return None

        lines = await crowd([partial(one) for _ in range(count)], 50)
        tally.connections += len(lines)
        tally.cut += lines.count(None)
        yield [line for line in lines if line is not None]
