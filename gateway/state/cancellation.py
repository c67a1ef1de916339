"""Cancellations that a library swallows.

Before Python 3.12, ``asyncio.wait_for`` forgets that it was cancelled when what it waits for is done at that moment
(https://github.com/python/cpython/issues/86296), and the Redis client sends each command with it. A task that is told
to stop would go on.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heeded() -> Iterator[None]:
    """Raises CancelledError at the end of the block where the task was cancelled inside it; on Python 3.11 and up."""
    before = _requests()
    try:
        yield
    finally:
        if _requests() > before:
            raise asyncio.CancelledError


def _requests() -> int:
    """How often the running task was told to stop."""
    if sys.version_info < (3, 11):
        return 0  # it does not count them
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
