"""Pieces of a PNG made by hand (PNG specification, 3rd edition)."""

from __future__ import annotations

import struct
import zlib

from tests.ensemble.files import PNG_SIGNATURE, chunk

END = chunk(b"IEND", b"")
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: first column and row, steps between columns and rows."""


def header(
    width: int,
    height: int,
    depth: int = 8,
    colour: int = 2,
    compression: int = 0,
    filtering: int = 0,
    interlace: int = 0,
) -> bytes:
    """Signature and IHDR, whatever they say."""
    fields = struct.pack(">IIBBBBB", width, height, depth, colour, compression, filtering, interlace)
    return PNG_SIGNATURE + chunk(b"IHDR", fields)


def adam7(rgb: bytes, width: int, height: int) -> bytes:
    """An interlaced PNG from RGB of 8 bits."""
    rows = bytearray()
    for left, top, across, down in _PASSES:
        for y in range(top, height, down):
            if left < width:
                pixels = [rgb[3 * (y * width + x) :][:3] for x in range(left, width, across)]
                rows += b"\0" + b"".join(pixels)
    return header(width, height, interlace=1) + chunk(b"IDAT", zlib.compress(bytes(rows))) + END


def zeros(size: int) -> bytes:
    """A zlib stream that unpacks to ``size`` zeros, without holding them."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(min(1 << 20, size - start))) for start in range(0, size, 1 << 20)]
    return b"".join(parts) + packer.flush()
