"""Results of 16 bits, made few rows at a time, against the same made whole."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from ensemble.align import FACE_SIZE
from ensemble.decode import decode_photo
from ensemble.deep import DeepCanvas
from ensemble.depth import join_16_bit
from ensemble.encode import encode_png_16_bit
from ensemble.mask import FaceMask, pack_face
from ensemble.photo import Int16, UInt8, UInt16
from tests.ensemble.files import noise

HEIGHT, WIDTH = 300, 280
WAYS = np.array(
    [
        [[0.5, 0.1, 20], [-0.1, 0.5, 60]],
        [[0.2, 0, 100], [0, 0.2, 90]],  # over the first
        [[-0.3, 0, 90], [0, -0.3, 290]],  # over the border
        [[0.3, 0, 500], [0, 0.3, 0]],  # outside
    ]
)


def lower_bits(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Int16:
    """int16 [H, W, 3] in -128..128, the ends included."""
    return np.clip(noise(seed, height, width, 3).astype(np.int16) - 127, -128, 128).astype(np.int16)


def masks_of(scale: int, parsed: bool, ends_in_square: bool = False) -> list[FaceMask]:
    """Masks of faces of which the first, at ×4, is so large that it is pasted in bands."""
    classes = np.zeros((FACE_SIZE, FACE_SIZE), np.uint8)
    cv2.ellipse(classes, (256, 256), (200, 240), 0, 0, 360, (1,), -1)
    packed = pack_face(classes) if parsed else None
    return [FaceMask(packed, way * scale, scale, WIDTH * scale, HEIGHT * scale, ends_in_square) for way in WAYS]


def made_whole(canvas: UInt8, fine: Int16, masks: list[FaceMask]) -> UInt16:
    height, width = canvas.shape[:2]
    lower = np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_LINEAR), np.int16)
    for mask in masks:
        for band in [] if mask.region.is_empty else mask.region.bands():
            weight = mask.weight(band)[..., None]
            lower[band.slices] = np.rint(lower[band.slices] * (1 - weight)).astype(np.int16)
    return join_16_bit(canvas, lower)


@pytest.mark.parametrize(("parsed", "ends_in_square"), [(True, False), (False, False), (True, True)])
@pytest.mark.parametrize(("scale", "step"), [(1, 7), (2, 1), (4, 100), (8, 333), (4, 5000)])
def test_rows_are_those_of_the_whole(scale: int, step: int, parsed: bool, ends_in_square: bool) -> None:
    canvas, fine = noise(1, HEIGHT * scale, WIDTH * scale, 3), lower_bits(2)
    masks = masks_of(scale, parsed, ends_in_square)
    deep = DeepCanvas(canvas, fine, scale, masks)
    assert deep.shape == canvas.shape
    parts = [deep[top : top + step] for top in range(0, len(canvas), step)]
    whole = made_whole(canvas, fine, masks)
    assert parts[0].dtype == np.uint16
    assert np.array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(whole, made_whole(canvas, fine, []))
    assert not np.array_equal(whole, join_16_bit(canvas, np.zeros(canvas.shape, np.int16)))


def test_a_face_is_pasted_in_several_bands() -> None:
    """Else the test above would prove less than it says."""
    assert len(list(masks_of(4, True)[0].region.bands())) > 1


def test_rows_may_be_asked_for_in_any_order() -> None:
    canvas, fine, masks = noise(3, HEIGHT * 4, WIDTH * 4, 3), lower_bits(4), masks_of(4, True)
    deep, whole = DeepCanvas(canvas, fine, 4, masks), made_whole(canvas, fine, masks)
    for top in (900, 200, 1190, 0, 200):
        assert np.array_equal(deep[top : top + 60], whole[top : top + 60])


def test_what_a_16_bit_photo_has_beyond_fades_out_under_the_face() -> None:
    canvas, fine = np.full((HEIGHT, WIDTH, 3), 9, np.uint8), np.full((HEIGHT, WIDTH, 3), 100, np.int16)
    values = DeepCanvas(canvas, fine, 1, masks_of(1, True)[:1])[:]
    assert values[162, 173].tolist() == [9 * 257] * 3
    assert values[5, 5].tolist() == [9 * 257 + 100] * 3
    assert len(np.unique(values)) > 10


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_file_holds_the_whole(gray: bool, with_alpha: bool) -> None:
    canvas, fine, masks = noise(5, HEIGHT * 2, WIDTH * 2, 3), lower_bits(6), masks_of(2, True)
    alpha = noise(7, HEIGHT * 2, WIDTH * 2) if with_alpha else None
    whole = made_whole(canvas, fine, masks)
    photo = decode_photo(encode_png_16_bit(DeepCanvas(canvas, fine, 2, masks), alpha, gray, None))
    assert photo.fine is not None
    stored = cv2.cvtColor(whole, cv2.COLOR_RGB2GRAY)[..., None] if gray else whole
    assert np.array_equal(join_16_bit(photo.pixels, photo.fine), np.broadcast_to(stored, whole.shape))
    if alpha is None:
        assert photo.alpha is None
    else:
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, alpha)


def test_nothing_of_the_whole_canvas_exists_in_16_bits() -> None:
    canvas, fine = np.zeros((4000, 3200, 3), np.uint8), np.zeros((500, 400, 3), np.int16)
    tracemalloc.start()
    try:
        encode_png_16_bit(DeepCanvas(canvas, fine, 8, []), None, False, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < canvas.nbytes / 3
