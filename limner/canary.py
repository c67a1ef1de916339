"""A tiny photo whose way through the service shows that it works."""

from __future__ import annotations

import struct
import zlib

SIDE = 32
"""Pixels along each side of the canary's photo."""

LIGHT_PARAMETERS = {"background": "lanczos", "restorer": "none"}
"""Options under which the canary passes every step but the heavy networks."""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def canary_png() -> bytes:
    """A PNG, 8-bit RGB, of a smooth gradient, the same each time."""
    rows = b"".join(b"\x00" + bytes(value for x in range(SIDE) for value in (8 * x, 8 * y, 128)) for y in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
