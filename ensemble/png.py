"""Write a PNG with 16 bits per channel band by band, so that neither its pixels nor their bytes ever exist whole.

Follows the PNG specification (3rd edition). Every row has the Paeth filter: choosing among all five by the smallest sum
of differences, as libpng does, gave files of the same size.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable

import cv2
import numpy as np
from cv2.typing import MatLike

from ensemble.photo import UInt8, UInt16

Rows = Callable[[int, int], UInt16]
"""Gives rows ``top`` to ``bottom``, the end excluded: uint16 [h, W, channels]."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""By the number of channels: gray, gray with alpha, RGB, RGBA."""

_PAETH = 4
_BAND_VALUES = 1 << 18

_DEFLATERS = ((1, zlib.Z_RLE), (3, zlib.Z_DEFAULT_STRATEGY))
"""Levels and strategies. Searching for repetitions takes twice as long, and pays where values have 8 bits in truth."""


def write_png(width: int, height: int, channels: int, rows: Rows, extra: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG of 16 bits.

    Args:
        width, height: pixels, at least 1.
        channels: 1 gray, 2 gray with alpha, 3 RGB, 4 RGBA.
        rows: asked for bands from top to bottom; ahead of that for a few, to see what compresses them best.
        extra: kinds and bodies of the chunks to put ahead of the pixels.
    """
    step = max(1, _BAND_VALUES // (width * channels))
    deflater = _choose_deflater([_filtered(rows(top, min(top + step, height)), None) for top in _tried(height, step)])
    target = io.BytesIO()
    target.write(_SIGNATURE)
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    for kind, body in ((b"IHDR", header), *extra):
        _write_chunk(target, kind, body)
    above: UInt16 | None = None
    for top in range(0, height, step):
        band = rows(top, min(top + step, height))
        packed = deflater.compress(_filtered(band, above).data)
        if packed:
            _write_chunk(target, b"IDAT", packed)
        above = band[-1]
    _write_chunk(target, b"IDAT", deflater.flush())
    _write_chunk(target, b"IEND", b"")
    return target.getvalue()


def _write_chunk(target: io.BytesIO, kind: bytes, body: bytes) -> None:
    target.write(struct.pack(">I", len(body)) + kind)
    target.write(body)
    target.write(struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))))


def _tried(height: int, step: int) -> list[int]:
    """Where the bands begin that are compressed on trial: at a quarter, a half and three quarters of the height."""
    return sorted({max(0, (height - step) * quarter // 4) for quarter in (1, 2, 3)})


def _choose_deflater(samples: Iterable[UInt8]) -> zlib._Compress:
    """The one that makes samples smallest."""
    sample = b"".join(band.data for band in samples)

    def size(number: int) -> int:
        deflater = _deflater(number)
        return len(deflater.compress(sample)) + len(deflater.flush())

    return _deflater(min(range(len(_DEFLATERS)), key=size))


def _deflater(number: int) -> zlib._Compress:
    level, strategy = _DEFLATERS[number]
    return zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)


def _filtered(band: UInt16, above: UInt16 | None) -> UInt8:
    """The bytes of a band as they go to the compressor: uint8 [h, 1 + W * channels * 2], the filter's number ahead.

    Args:
        band: uint16 [h, W, channels].
        above: uint16 [W, channels], the row ahead of the band; None where there is none.
    """
    height, width, channels = band.shape
    margin = 2 * channels  # what lies left of the first pixel counts as 0
    raw = np.zeros((1 + height, margin + width * margin), np.uint8)
    values = raw[:, margin:]
    if above is not None:
        values[0] = above.astype(">u2").reshape(-1).view(np.uint8)
    values[1:] = band.astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.empty((height, 1 + width * margin), np.uint8)
    filtered[:, 0] = _PAETH
    predicted = _paeth(raw[1:, :-margin], raw[:-1, margin:], raw[:-1, :-margin])
    np.subtract(values[1:], predicted, out=filtered[:, 1:])
    return filtered


def _paeth(left: UInt8, above: UInt8, corner: UInt8) -> UInt8:
    """Whichever of three is nearest to ``left + above - corner``; the first named of equally near ones (9.4).

    All uint8 [h, w]. In 8 bits and without a branch: ``corner`` is nearest only where it lies between the others.
    """
    of_left, of_above = cv2.absdiff(above, corner), cv2.absdiff(left, corner)  # how far each is from that sum
    nearest = _where(cv2.compare(of_left, of_above, cv2.CMP_LE), left, above)
    less, more = cv2.min(of_left, of_above), cv2.max(of_left, of_above)
    is_between = cv2.compare(cv2.absdiff(left, above), more, cv2.CMP_GE)
    is_nearer = cv2.compare(cv2.subtract(more, less), less, cv2.CMP_LT)
    return _where(cv2.bitwise_and(is_between, is_nearer), corner, nearest)


def _where(mask: MatLike, chosen: UInt8, other: UInt8) -> UInt8:
    """``np.where`` for a mask of 0 and 255, without its branches."""
    return np.asarray(other ^ np.bitwise_and(other ^ chosen, mask), np.uint8)
