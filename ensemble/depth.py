"""16 bits a channel as 8 that networks take and a small rest that they do not see."""

from __future__ import annotations

import numpy as np

from ensemble.photo import Int16, UInt8, UInt16


def split_16_bit(values: UInt16) -> tuple[UInt8, Int16]:
    """uint16 values as ``(high, fine)`` with ``values == high * 257 + fine``; ``fine`` lies in -128..128."""
    wide = values.astype(np.int32)
    high = (wide + 128) // 257
    return high.astype(np.uint8), (wide - high * 257).astype(np.int16)


def join_16_bit(high: UInt8, fine: Int16) -> UInt16:
    """Inverse of :func:`split_16_bit`; clipped to 0..65535."""
    joined = high.astype(np.int32) * 257 + fine
    return np.clip(joined, 0, 65535, out=joined).astype(np.uint16)
