"""Tiles that a restored face will cover: they need not be enlarged by a network.

While faces are restored the background is enlarged beside them, so at first it is only known where a face may cover a
tile; whether it does is known when the faces are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from ensemble.align import FACE_SIZE, Float64
from ensemble.mask import FaceMask, Region
from ensemble.tile import Tile

_MAY_COVER = (FACE_SIZE // 8, FACE_SIZE - FACE_SIZE // 8)
"""Where along an aligned face's sides its mask may be whole."""

NEARLY_WHOLE = 0.99
"""Weight of faces from which what is behind them is not seen: at most a hundredth of it is."""


def kept_region(tile: Tile, scale: int) -> Region:
    """The part of the enlarged photo that a tile fills."""
    rows, columns = tile.rows, tile.columns
    return Region(rows.keep_from * scale, rows.keep_to * scale, columns.keep_from * scale, columns.keep_to * scale)


def may_be_covered(region: Region, ways_back: Iterable[Float64]) -> bool:
    """Whether a region of the enlarged photo lies within the inner part of some aligned face.

    Args:
        region: of the enlarged photo.
        ways_back: float64 [2, 3] each, from an aligned face to the enlarged photo.
    """
    corners = np.array(
        [[x, y, 1] for x in (region.left, region.right) for y in (region.top, region.bottom)], np.float64
    )
    low, high = _MAY_COVER
    for way in ways_back:
        inside = corners @ cv2.invertAffineTransform(way).T
        if ((inside >= low) & (inside <= high)).all():
            return True
    return False


def is_covered(region: Region, masks: Sequence[FaceMask]) -> bool:
    """Whether faces leave less than a hundredth of what is behind them everywhere in a region."""
    behind = np.ones((region.bottom - region.top, region.right - region.left), np.float32)
    for mask in masks:
        behind *= 1 - mask.weight(region)
    return bool(behind.max(initial=0.0) <= 1 - NEARLY_WHOLE)
