"""Many calls of other models at once, but only so many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from model_repository.step_model import Caller

T = TypeVar("T")


async def run_bounded(work: Callable[[T], Awaitable[None]], pieces: Iterable[T], at_once: int, caller: Caller) -> None:
    """Do ``work`` on all ``pieces``, at most ``at_once`` at a time; stop where one fails or the caller is gone.

    When it returns or raises, nothing runs any more: replies that were still on their way read tensors which die with
    the request.
    """
    pending: set[asyncio.Future[None]] = set()
    try:
        for piece in pieces:
            if len(pending) >= at_once:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                caller.refuse_if_gone()
            pending.add(asyncio.ensure_future(work(piece)))
        await asyncio.gather(*pending)
    finally:
        await asyncio.gather(*pending, return_exceptions=True)
