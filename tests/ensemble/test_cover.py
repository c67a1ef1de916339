"""Tiles under faces: none is skipped that would be seen."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.align import FACE_SIZE, Float64
from ensemble.cover import NEARLY_WHOLE, is_covered, kept_region, may_be_covered
from ensemble.mask import FaceMask, Region, pack_face
from ensemble.tile import TileGrid

SKIN = pack_face(np.ones((FACE_SIZE, FACE_SIZE), np.uint8))


def placed(scale: float, x: float, y: float) -> Float64:
    return np.array([[scale, 0, x], [0, scale, y]], np.float64)


def test_kept_regions_fill_the_enlarged_photo_once() -> None:
    canvas = np.zeros((300 * 2, 250 * 2), int)
    for tile in TileGrid(64, 8).tiles(300, 250):
        canvas[kept_region(tile, 2).slices] += 1
    assert (canvas == 1).all()


@pytest.mark.parametrize(
    ("region", "may"),
    [
        (Region(400, 500, 400, 500), True),
        (Region(250, 500, 400, 500), False),  # reaches over the face's forehead
        (Region(900, 1000, 400, 500), False),
    ],
)
def test_only_tiles_within_a_face_wait_for_it(region: Region, may: bool) -> None:
    """The face covers 200 to 712."""
    assert may_be_covered(region, [placed(0.1, 0, 0), placed(1, 200, 200)]) is may
    assert not may_be_covered(region, [])


def test_covered_is_what_faces_hide_together() -> None:
    masks = [FaceMask(SKIN, placed(1, x, 200), 1, 1500, 1000) for x in (200, 400)]
    inner = Region(400, 500, 400, 500)
    assert is_covered(inner, masks[:1])
    assert not is_covered(Region(400, 500, 400, 800), masks[:1])
    assert is_covered(Region(400, 500, 400, 800), masks), "where one ends the other has begun"
    assert not is_covered(Region(190, 500, 400, 500), masks), "the edge of a face is soft"
    assert not is_covered(inner, [])


def test_what_is_skipped_could_not_be_seen() -> None:
    mask = FaceMask(SKIN, placed(1, 0, 0), 1, 600, 600)
    for size in (20, 60):
        for top in range(0, 520, 7):
            region = Region(top, top + size, 200, 200 + size)
            if is_covered(region, [mask]):
                assert mask.weight(region).min() >= NEARLY_WHOLE - 1e-6


def test_a_face_without_a_mask_covers_nothing() -> None:
    empty = pack_face(np.zeros((FACE_SIZE, FACE_SIZE), np.uint8))
    assert not is_covered(Region(200, 250, 200, 250), [FaceMask(empty, placed(1, 0, 0), 1, 600, 600)])
