"""Cutting faces out and putting them back, against facexlib's own helper."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensemble import mask as mask_module
from ensemble.align import FACE_SIZE, TEMPLATE, alignment, crop_face, resize_aligned, way_back
from ensemble.mask import FaceMask, Region, pack_face, region_of, soft_mask
from ensemble.paste import RestoredFaces, paste_face
from ensemble.photo import Float32, UInt8
from tests.upstream.client import ask_upstream, require_upstream

IDENTITY = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def placed(angle: float, size: float, x: float, y: float) -> Float32:
    """Landmarks of a face turned by ``angle`` degrees, ``size`` times the template's, its middle at x, y."""
    middle = TEMPLATE.mean(axis=0)
    turned = cv2.getRotationMatrix2D((0, 0), angle, size)[:, :2]
    return np.asarray((TEMPLATE - middle) @ turned.T + (x, y), np.float32)


LANDMARKS = np.stack(
    [
        placed(0, 0.3, 120, 130),
        placed(35, 0.2, 300, 90),
        placed(-70, 0.08, 400, 250),
        placed(10, 0.4, 20, 300),  # over the border
        placed(180, 0.25, 330, 130),  # over its neighbour
    ]
)


def ellipse() -> UInt8:
    """Classes of a face: skin, hair, neck."""
    classes = np.zeros((FACE_SIZE, FACE_SIZE), np.uint8)
    cv2.rectangle(classes, (180, 400), (330, 511), 14, -1)
    cv2.ellipse(classes, (256, 200), (200, 180), 0, 0, 360, (17,), -1)
    cv2.ellipse(classes, (256, 280), (150, 200), 0, 0, 360, (1,), -1)
    return classes


@pytest.fixture(scope="module")
def photo(astronaut: UInt8) -> UInt8:
    return astronaut[:360, :460].copy()


@pytest.fixture(scope="module")
def restored(astronaut: UInt8) -> UInt8:
    """Faces unlike those in the photo, full of detail."""
    random = np.random.default_rng(3)
    turned = [np.rot90(astronaut, number) for number in range(len(LANDMARKS))]
    return np.stack([(face * random.uniform(0.6, 1.0, 3)).astype(np.uint8) for face in turned])


@pytest.mark.parametrize("parsed", [True, False])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_same_as_upstream(photo: UInt8, restored: UInt8, scale: int, parsed: bool) -> None:
    require_upstream()
    classes = np.stack([ellipse()] * len(LANDMARKS))
    arrays: dict[str, NDArray[Any]] = {"photo": photo, "landmarks": LANDMARKS, "restored": restored}
    arrays |= {"classes": classes} if parsed else {}
    upstream = ask_upstream("paste", None, {"scale": scale}, **arrays)
    height, width = photo.shape[:2]
    size = width * scale, height * scale
    canvas = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_LANCZOS4), np.uint8)
    for number, landmarks in enumerate(LANDMARKS):
        matrix = alignment(landmarks)
        assert matrix is not None
        np.testing.assert_array_equal(crop_face(photo, matrix), upstream["crops"][number])
        packed = pack_face(classes[number]) if parsed else None
        mask = FaceMask(packed, way_back(matrix, scale), scale, width * scale, height * scale)
        paste_face(canvas, restored[number], mask)
    difference = np.abs(canvas.astype(int) - upstream["result"])
    # OpenCV places pixels to 1/32, and an origin elsewhere rounds a few of them the other way. Where a mask is nearly
    # one, upstream truncates what is nearly whole. Without a parser it draws a dark rim, which is left out here.
    assert (difference <= 1).mean() > (0.999 if parsed else 0.997)
    assert 10 * np.log10(255**2 / np.mean(difference**2)) > (55 if parsed else 46)
    assert (canvas != cv2.resize(photo, size)).mean() > 0.2


def test_only_the_region_of_a_face_is_touched(photo: UInt8, restored: UInt8) -> None:
    matrix = alignment(LANDMARKS[0])
    assert matrix is not None
    inverse = way_back(matrix, 2)
    height, width = 2 * photo.shape[0], 2 * photo.shape[1]
    region = region_of(inverse, width, height)
    canvas = np.full((height, width, 3), 77, np.uint8)
    paste_face(canvas, restored[0], FaceMask(pack_face(ellipse()), inverse, 2, width, height))
    inside = np.zeros((height, width), bool)
    inside[region.top : region.bottom, region.left : region.right] = True
    assert (canvas[~inside] == 77).all()
    assert (canvas[inside] != 77).any()


def test_a_face_that_fills_a_large_canvas_is_pasted_in_bands_without_seams(restored: UInt8) -> None:
    inverse = IDENTITY * 4.1
    canvas = np.zeros((2000, 2040, 3), np.uint8)
    mask = FaceMask(pack_face(np.ones((FACE_SIZE, FACE_SIZE), np.uint8)), inverse, 4, 2040, 2000)
    paste_face(canvas, restored[0], mask)
    whole = cv2.warpAffine(restored[0], inverse, (2040, 2000))
    inside = np.s_[400:1600, 400:1640]  # where the mask is whole
    assert np.abs(canvas[inside].astype(int) - whole[inside]).max() <= 4
    assert (canvas[inside] == whole[inside]).mean() > 0.99


def test_mask_is_soft_and_ends_before_the_border() -> None:
    mask = soft_mask(pack_face(np.ones((FACE_SIZE, FACE_SIZE), np.uint8)))
    assert mask.min() == 0
    assert mask.max() == pytest.approx(1)
    assert not mask[:10].any()
    assert not mask[:, -10:].any()
    assert soft_mask(pack_face(np.zeros((FACE_SIZE, FACE_SIZE), np.uint8))).max() == 0


@pytest.mark.parametrize(
    "landmarks",
    [np.zeros((5, 2)), np.full((5, 2), np.nan), np.tile([[3.0, 3.0]], (5, 1)), np.full((5, 2), np.inf)],
    ids=["zero", "nan", "one point", "infinite"],
)
def test_landmarks_that_are_no_face_have_no_alignment(landmarks: Float32) -> None:
    assert alignment(landmarks.astype(np.float32)) is None


@given(
    angle=st.floats(-180, 180),
    size=st.floats(0.02, 3),
    x=st.floats(-900, 1500),
    y=st.floats(-900, 1500),
    scale=st.sampled_from([1, 2, 4]),
    parsed=st.booleans(),
)
def test_any_place_is_pasted_without_harm(
    angle: float, size: float, x: float, y: float, scale: int, parsed: bool
) -> None:
    """Of the same colour as the canvas, a face changes nothing wherever it lies; also where it lies outside."""
    matrix = alignment(placed(angle, size, x, y))
    assert matrix is not None
    canvas = np.full((150, 200, 3), 90, np.uint8)
    face = np.full((FACE_SIZE, FACE_SIZE, 3), 90, np.uint8)
    packed = pack_face(ellipse()) if parsed else None
    paste_face(canvas, face, FaceMask(packed, way_back(matrix, scale), scale, 200, 150))
    assert (canvas == 90).all()


@pytest.mark.parametrize("parsed", [True, False])
@pytest.mark.parametrize("ends_in_square", [True, False])
def test_weight_of_a_part_is_a_part_of_the_weight(parsed: bool, ends_in_square: bool) -> None:
    matrix = alignment(LANDMARKS[1])
    assert matrix is not None
    packed = pack_face(ellipse()) if parsed else None
    mask = FaceMask(packed, way_back(matrix, 2), 2, 900, 700, ends_in_square)
    whole = mask.weight(Region(0, 700, 0, 900))
    assert whole.max() > 0.9
    assert not whole[: mask.region.top].any()
    part = Region(mask.region.top + 9, mask.region.top + 130, mask.region.left - 31, mask.region.right + 40)
    # OpenCV places pixels to 1/32.
    np.testing.assert_allclose(mask.weight(part), whole[part.slices], atol=0.03)


def test_a_large_face_without_a_parser_has_the_same_soft_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept shrunk, since a large blur takes long."""
    way = np.array([[4.2, 1.1, 300], [-1.1, 4.2, 900]])
    part = Region(500, 2600, 0, 2500)
    shrunk = FaceMask(None, way, 4, 3200, 3400).weight(part)
    monkeypatch.setattr(mask_module, "_SQUARE_SIDE", 10_000)
    whole = FaceMask(None, way, 4, 3200, 3400).weight(part)
    assert shrunk.min() == 0
    assert shrunk.max() == pytest.approx(1, abs=1e-5)
    assert np.abs(shrunk - whole).max() < 0.03


def test_a_face_that_ends_in_its_square_is_the_smaller_of_both_masks() -> None:
    """Of a face that fills its square, as CodeFormer has it."""
    full = pack_face(np.ones((FACE_SIZE, FACE_SIZE), np.uint8))
    way, side = np.array([[1.0, 0, 40], [0, 1.0, 40]]), FACE_SIZE + 80
    parsed, square, both = (
        FaceMask(packed, way, 1, side, side, ends).weight(Region(0, side, 0, side))
        for packed, ends in ((full, False), (None, False), (full, True))
    )
    np.testing.assert_array_equal(both, np.minimum(parsed, square))
    assert (parsed > square + 0.1).any()


@pytest.mark.parametrize("parsed", [True, False])
def test_weights_that_were_forgotten_are_made_anew(parsed: bool) -> None:
    mask = FaceMask(pack_face(ellipse()) if parsed else None, IDENTITY, 1, FACE_SIZE, FACE_SIZE)
    region = Region(100, 200, 0, FACE_SIZE)
    before = mask.weight(region)
    kept = set(vars(mask))
    mask.forget()
    assert len(vars(mask)) < len(kept)
    np.testing.assert_array_equal(mask.weight(region), before)


def test_an_aligned_photo_becomes_its_face(restored: UInt8) -> None:
    canvas = np.zeros((300, 200, 3), np.uint8)
    faces = RestoredFaces(restored[:1], np.zeros((0, 512, 64), np.uint8), np.zeros((0, 2, 3)), 2)
    faces.paste(canvas)
    np.testing.assert_array_equal(canvas, cv2.resize(restored[0], (200, 300), interpolation=cv2.INTER_LANCZOS4))
    assert faces.are_all


def test_masks_that_were_made_already_give_the_same(restored: UInt8) -> None:
    packed = np.stack([pack_face(ellipse())] * 2)
    faces = RestoredFaces(restored[:2], packed, np.stack([IDENTITY, IDENTITY * 0.7]), 1)
    with_own, with_given = np.zeros((2, 400, 500, 3), np.uint8)
    faces.paste(with_own)
    faces.paste(with_given, list(faces.masks(500, 400)))
    assert with_own.any()
    assert np.array_equal(with_own, with_given)
    assert not faces.are_all


def test_aligned_photo_is_resized() -> None:
    assert resize_aligned(np.zeros((100, 60, 3), np.uint8)).shape == (FACE_SIZE, FACE_SIZE, 3)
