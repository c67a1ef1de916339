"""Enlarge a picture: by a network's tiles, or by Lanczos alone."""

from __future__ import annotations

import cv2
import numpy as np

from ensemble.photo import Int16, UInt8
from ensemble.tile import Tile, TileGrid
from limner.errors import OutputTooLarge
from limner.options import SCALES

MAX_OUTPUT_SIDE = 8192
"""Longest side of a result, in pixels."""


def check_output_size(width: int, height: int, scale: int, max_side: int = MAX_OUTPUT_SIDE) -> None:
    """Refuse a result that would be too large, naming the level that would fit.

    Raises:
        OutputTooLarge: ``scale`` times the longer side exceeds ``max_side``.
    """
    longest = max(width, height)
    if longest * scale <= max_side:
        return
    fitting = [level for level, factor in SCALES.items() if longest * factor <= max_side]
    advice = (
        f"Send enhancement_level={fitting[-1]} (x{SCALES[fitting[-1]]})."
        if fitting
        else f"Make the photo at most {max_side} pixels on its longer side."
    )
    raise OutputTooLarge(
        f"The result would be {width * scale}x{height * scale}; at most {max_side}x{max_side} is made. {advice}"
    )


def resize_lanczos(pixels: UInt8, scale: int) -> UInt8:
    """uint8 [H, W, 3] to [H * scale, W * scale, 3] by ``cv2.INTER_LANCZOS4``, as GFPGANer does without a network."""
    if scale == 1:
        return pixels
    height, width = pixels.shape[:2]
    return np.asarray(
        cv2.resize(pixels, (width * scale, height * scale), interpolation=cv2.INTER_LANCZOS4), dtype=np.uint8
    )


def place_tile(canvas: UInt8, tile: Tile, upscaled: UInt8, grid: TileGrid, net_scale: int, scale: int) -> None:
    """Write the part of a network's answer that is used into ``canvas``, in place.

    Where the wanted scale is not the network's, the tile is resized by Lanczos first, as ``RealESRGANer`` does with
    the whole picture. Tile positions are whole input pixels, so both give the same pixels, and the full-size network
    output of a large picture never has to exist.

    Args:
        canvas: uint8 [H * scale, W * scale, 3].
        tile: where the tile belongs.
        upscaled: uint8 [h * net_scale, w * net_scale, 3], the network's answer for a tile [h, w, 3].
        grid: the grid that the tile was cut by.
        net_scale: enlargement by the network.
        scale: enlargement wanted.
    """
    height, width = canvas.shape[0] // scale, canvas.shape[1] // scale
    rows, columns = min(grid.tile_size(height), height), min(grid.tile_size(width), width)  # the rest is mirrored
    part = upscaled[: rows * net_scale, : columns * net_scale]
    if scale != net_scale:
        part = np.asarray(
            cv2.resize(part, (columns * scale, rows * scale), interpolation=cv2.INTER_LANCZOS4), dtype=np.uint8
        )
    top, bottom = tile.rows.keep_from, tile.rows.keep_to
    left, right = tile.columns.keep_from, tile.columns.keep_to
    canvas[top * scale : bottom * scale, left * scale : right * scale] = part[
        (top - tile.rows.start) * scale : (bottom - tile.rows.start) * scale,
        (left - tile.columns.start) * scale : (right - tile.columns.start) * scale,
    ]


def resize_alpha(alpha: UInt8, width: int, height: int) -> UInt8:
    """Alpha uint8 [H, W] to [height, width], bicubic: Lanczos would ring around hard edges."""
    return np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def resize_fine(fine: Int16, scale: int, top: int, bottom: int) -> Int16:
    """Rows ``top`` to ``bottom`` of the lower bits of a 16-bit photo, enlarged linearly.

    Args:
        fine: int16 [H, W, 3].
        scale: enlargement.
        top, bottom: rows of the enlarged picture, the end excluded.

    Returns:
        int16 [bottom - top, W * scale, 3], a new array: what the whole picture enlarged at once has in these rows.
    """
    first, last = max(0, top // scale - 1), min(len(fine), -(-bottom // scale) + 1)  # a row around: they interpolate
    part = fine[first:last]
    size = (part.shape[1] * scale, part.shape[0] * scale)
    start = first * scale
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)[top - start : bottom - start], np.int16)
