"""Where faces go back to: with a restorer that changes nothing, the photo comes back as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from ensemble.photo import UInt8
from limner.errors import from_wire
from tests.model_repository.comparing import decibels, inside, restored_faces, shift
from tests.model_repository.photos import decode, encode

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]

pytest_plugins = ["tests.model_repository.identity_servers"]

SERVERS = ["enhance_with_identity", "enhance_with_parser"]
UPSTREAMS_OFFSET = 0.5
"""Pixels of the result by which an enlarged photo's faces lie too far right and down, as upstream has it."""


def turned(photo: UInt8, angle: float, scale: float, move: tuple[float, float] = (0, 0)) -> UInt8:
    height, width = photo.shape[:2]
    matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale), np.float64)
    matrix[:, 2] += np.array(move)
    return np.asarray(cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101), np.uint8)


@pytest.mark.parametrize("server", SERVERS, ids=["square", "parsed"])
@pytest.mark.parametrize(("level", "scale"), [(1, 1), (2, 2), (3, 4)], ids=["x1", "x2", "x4"])
@pytest.mark.parametrize(
    ("angle", "size", "move"),
    [(0, 1.0, (0, 0)), (30, 1.0, (0, 0)), (-20, 0.5, (20, 0)), (0, 0.2, (0, 0)), (0, 1.0, (-75, -45))],
    ids=["as it is", "turned", "small and turned", "tiny", "over the border"],
)
def test_a_face_goes_back_where_it_was(
    server: str,
    level: int,
    scale: int,
    astronaut: UInt8,
    angle: float,
    size: float,
    move: tuple[float, float],
    request: pytest.FixtureRequest,
) -> None:
    enhance: Enhance = request.getfixturevalue(server)
    photo = turned(astronaut[0:300, 80:380], angle, size, move)
    result, report = enhance(encode(photo), {"enhancement_level": level, "background": "lanczos"})
    assert (report["models"]["parser"]["name"] is None) == (server == "enhance_with_identity")
    ours = np.asarray(decode(result))
    lanczos = photo if scale == 1 else cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_LANCZOS4)
    assert (ours != lanczos).any(), "nothing was pasted"
    offset = UPSTREAMS_OFFSET if scale > 1 else 0.0
    # A face that a network leaves alone is the photo's, interpolated linearly.
    move_by = scale / 2 - 0.5 + offset
    linear = cv2.warpAffine(
        photo, np.array([[scale, 0, move_by], [0, scale, move_by]]), ours.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
    )
    for face in restored_faces(report):
        part = inside(face["box"], ours, scale)
        assert decibels(ours[part], linear[part]) >= 35
        assert np.abs(shift(ours[part], lanczos[part], None) - offset).max() <= 0.1
        if scale == 1:
            assert np.abs(shift(ours[part], photo[part])).max() <= 0.1


@pytest.mark.parametrize("server", SERVERS, ids=["square", "parsed"])
@pytest.mark.parametrize(
    ("rows", "columns", "size"),
    [
        ((40, 190), (165, 285), (120, 150)),
        ((75, 165), (185, 265), (640, 720)),
        ((90, 300), (210, 380), (170, 210)),
        ((0, 300), (80, 380), (301, 287)),
        ((0, 300), (140, 291), (151, 300)),
    ],
    ids=["fills the picture", "larger than the picture", "in the corner", "odd sides", "narrow"],
)
def test_a_face_in_any_frame(
    server: str,
    rows: tuple[int, int],
    columns: tuple[int, int],
    size: tuple[int, int],
    astronaut: UInt8,
    request: pytest.FixtureRequest,
) -> None:
    enhance: Enhance = request.getfixturevalue(server)
    photo = np.asarray(cv2.resize(astronaut[slice(*rows), slice(*columns)], size), np.uint8)
    result, report = enhance(encode(photo), {"enhancement_level": 1, "background": "lanczos"})
    ours = np.asarray(decode(result))
    (face,) = restored_faces(report)
    part = inside(face["box"], ours)
    assert (ours[part] != photo[part]).any(), "nothing was pasted"
    assert decibels(ours[part], photo[part]) >= 35
    assert np.abs(shift(ours[part], photo[part])).max() <= 0.1
    if size == (640, 720):
        _, top, right, _ = face["box"]
        assert top < 0
        assert right > 640


def test_a_face_upside_down(enhance_with_identity: Enhance, astronaut: UInt8) -> None:
    """Found by the same network, and put back upside down."""
    photo = np.ascontiguousarray(astronaut[299::-1, 379:79:-1])
    result, report = enhance_with_identity(encode(photo), {"enhancement_level": 1, "background": "lanczos"})
    ours = np.asarray(decode(result))
    (face,) = restored_faces(report)
    eyes, mouth = face["landmarks"][:2], face["landmarks"][3:]
    assert max(y for _, y in mouth) < min(y for _, y in eyes)
    part = inside(face["box"], ours)
    assert decibels(ours[part], photo[part]) >= 35


@pytest.mark.parametrize("shape", [(512, 512), (97, 131), (700, 333)])
def test_an_aligned_face_of_any_size(enhance_with_identity: Enhance, astronaut: UInt8, shape: tuple[int, int]) -> None:
    photo = np.asarray(cv2.resize(astronaut[0:300, 80:380], shape, interpolation=cv2.INTER_AREA), np.uint8)
    result, report = enhance_with_identity(encode(photo), {"aligned": True})
    ours = np.asarray(decode(result))
    assert ours.shape == (2 * shape[1], 2 * shape[0], 3)
    assert report["models"]["face_restorer"]["name"] == "gfpgan"
    plain = cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    assert decibels(ours, plain) >= 27
    assert np.abs(shift(ours, plain, None)).max() <= 0.1


def test_the_largest_result(enhance_with_identity: Enhance, astronaut: UInt8) -> None:
    """8192 by 8192 pixels, with the face in its place."""
    photo = np.asarray(cv2.resize(astronaut, (1024, 1024), interpolation=cv2.INTER_CUBIC), np.uint8)
    options = {"enhancement_level": 4, "background": "lanczos", "output_format": "jpeg"}
    result, report = enhance_with_identity(encode(photo), options)
    image = decode(result)
    assert image.size == (8192, 8192)
    assert (report["output"]["width"], report["output"]["height"]) == (8192, 8192)
    shrunk = cv2.resize(np.asarray(image), (1024, 1024), interpolation=cv2.INTER_AREA)
    (face,) = restored_faces(report)
    part = inside(face["box"], photo)
    assert decibels(shrunk[part], photo[part]) >= 35
    assert np.abs(shift(shrunk[part], photo[part])).max() <= 0.1


def test_one_pixel_more_than_the_largest_is_refused_with_the_level_that_fits(enhance_with_identity: Enhance) -> None:
    photo = encode(np.zeros((1025, 16, 3), np.uint8))
    with pytest.raises(InferenceServerException) as refused:
        enhance_with_identity(photo, {"enhancement_level": 4, "background": "lanczos"})
    error = from_wire(refused.value.message())
    assert error is not None
    assert error.type == "output-too-large"
    assert "enhancement_level=3" in error.message
    result, _ = enhance_with_identity(photo, {"enhancement_level": 3, "background": "lanczos"})
    assert decode(result).size == (64, 4100)
