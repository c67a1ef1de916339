"""Memory that was freed goes back to the system, rather than stay with the process. With glibc; elsewhere, nothing."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final

from limner.malloc import MMAP_THRESHOLD, set_option

MAPPED_BYTES: Final = 1 << 20
"""Blocks from this size on are mappings of their own: less than most photos, more than is read off a socket at once."""

TRIM_SECONDS: Final = 5.0


def map_large_blocks() -> None:
    """Have ``malloc`` map large blocks, and unmap them when they are freed.

    By itself, glibc raises its threshold to the largest block that was ever freed (up to 32 MiB): after the first
    photo, all others lie in heaps, which keep their space for as long as anything small lies above it.
    """
    set_option(MMAP_THRESHOLD, MAPPED_BYTES)


async def trim_heaps(idle: Callable[[], bool]) -> None:
    """Give back the free pages of all heaps, every few seconds, while ``idle()``; until cancelled.

    gRPC reads a result in pieces of some KiB, whose pages would stay. It takes milliseconds, a fraction of one where
    nothing was freed since.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(TRIM_SECONDS)
        if idle():
            trim(ctypes.c_size_t(0))
