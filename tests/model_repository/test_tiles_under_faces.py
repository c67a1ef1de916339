"""Tiles that a restored face covers are spared, and nobody can tell from the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
import tritonclient.grpc as triton

from ensemble.paste import RestoredFaces
from ensemble.photo import UInt8
from tests.conftest import enhancing
from tests.model_repository.asking import ask, photo_facts, times_asked
from tests.model_repository.comparing import inside
from tests.model_repository.identity import PAINT
from tests.model_repository.photos import decode, encode

pytest_plugins = ["tests.model_repository.identity_servers"]

Options = dict[str, str | int | bool]

NETWORK = {"realesrgan": "realesrgan_x2", "swinir": "swinir_m_x4"}
MAGENTA = PAINT["realesrgan_x2"]

SOFTENED = 30
"""By how much a face may differ from the photo's for having been shrunk to 512 pixels."""


@dataclass(frozen=True)
class Run:
    """One photo through the pipeline: the result uint8 [H, W, 3], the report, and how many tiles the network got."""

    pixels: UInt8
    report: dict[str, Any]
    tiles_asked: int

    @property
    def under_faces(self) -> int:
        return int(self.report["tiles"]["under_faces"])

    def assert_the_rest_was_enlarged(self) -> None:
        assert self.tiles_asked == self.report["tiles"]["total"] - self.under_faces


Enhance = Callable[[UInt8, Options], Run]


@pytest.fixture(scope="module")
def enhance(stand_in_client: triton.InferenceServerClient) -> Enhance:
    call = enhancing(stand_in_client)

    def run(photo: UInt8, options: Options) -> Run:
        network = NETWORK[str(options["background"])]
        before = times_asked(stand_in_client, network)
        result, report = call(encode(photo), options)
        return Run(np.asarray(decode(result)), report, times_asked(stand_in_client, network) - before)

    return run


@pytest.fixture(scope="module")
def large(astronaut: UInt8) -> UInt8:
    """uint8 [1200, 1200, 3], filled by one face; no pixel is black."""
    head = cv2.resize(astronaut[16:196, 140:320], (1200, 1200), interpolation=cv2.INTER_CUBIC)
    return np.maximum(head, 8)


def nothing_spared(client: triton.InferenceServerClient, enhance: Enhance, photo: UInt8, options: Options) -> UInt8:
    """What becomes of a photo whose every tile has been enlarged, its faces pasted on top."""
    canvas = enhance(photo, {**options, "restorer": "none"}).pixels.copy()
    (found,) = ask(client, "detect_faces", {"PIXELS": photo}, ["FACES"], options)
    faces, packed, ways = ask(
        client,
        "restore_faces",
        {"PIXELS": photo, "FACES": found, "PHOTO": photo_facts(client, encode(photo))},
        ["RESTORED", "FACE_PIXELS", "WAYS_BACK"],
        options,
    )
    RestoredFaces(faces, packed, ways, canvas.shape[0] // photo.shape[0]).paste(canvas)
    return canvas


def worst_difference(ours: UInt8, expected: UInt8) -> int:
    return int(np.abs(ours.astype(int) - expected).max())


def around(point: Sequence[float], pixels: UInt8) -> UInt8:
    x, y = (round(value) for value in point)
    return pixels[y - 8 : y + 8, x - 8 : x + 8]


@pytest.mark.parametrize("level", [1, 2])
def test_tiles_under_a_face_are_spared(
    enhance: Enhance, stand_in_client: triton.InferenceServerClient, large: UInt8, level: int
) -> None:
    options: Options = {"enhancement_level": level, "background": "realesrgan"}
    run = enhance(large, options)
    (face,) = run.report["faces"]
    assert face["restored"]
    assert run.report["tiles"]["total"] == 25
    assert 4 <= run.under_faces <= 9
    run.assert_the_rest_was_enlarged()
    expected = nothing_spared(stand_in_client, enhance, large, options)
    assert worst_difference(run.pixels, expected) <= 2

    left, top, right, bottom = face["box"]
    wide, high = (right - left) / 5, (bottom - top) / 5
    middle = inside((left + wide, top + high, right - wide, bottom - high), run.pixels, level)
    plain = np.asarray(cv2.resize(large, run.pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    assert worst_difference(run.pixels[middle], plain[middle]) <= SOFTENED, "nothing of the background shows through"
    corner = run.pixels[: 60 * level, : 60 * level]
    assert (corner == MAGENTA).all()


def test_tiles_that_a_face_leaves_uncovered_are_enlarged_after_all(
    enhance: Enhance, stand_in_client: triton.InferenceServerClient, large: UInt8
) -> None:
    """The face might have covered them, but the parser finds no skin on its right. Each goes to its place.

    One column of tiles ends where the face's soft edge has begun: it would show through, if only a little.
    """
    options: Options = {"enhancement_level": 1, "background": "swinir", "preserve_identity": False}
    whole = enhance(large, options)
    half = enhance(large, {**options, "restorer": "restoreformer"})
    assert 0 < half.under_faces < whole.under_faces
    for run in (whole, half):
        run.assert_the_rest_was_enlarged()
    expected = nothing_spared(stand_in_client, enhance, large, {**options, "restorer": "restoreformer"})
    assert worst_difference(half.pixels, expected) <= 2
    left_eye, right_eye, *_ = half.report["faces"][0]["landmarks"]
    assert worst_difference(around(left_eye, half.pixels), around(left_eye, large)) <= SOFTENED
    temple = tuple(1.4 * right - 0.4 * left for left, right in zip(left_eye, right_eye, strict=True))
    inverted = np.asarray(255 - around(temple, large), np.uint8)
    assert worst_difference(around(temple, half.pixels), inverted) <= 12, "enlarged, in its place"


@pytest.mark.parametrize(
    ("light", "options", "action"),
    [(1.0, {"restorer": "none"}, None), (0.3, {}, "left out")],
    ids=["no restorer", "another person"],
)
def test_where_no_face_is_put_back_every_tile_is_enlarged(
    enhance: Enhance, large: UInt8, light: float, options: Options, action: str | None
) -> None:
    photo = np.rint(large * light).astype(np.uint8)
    run = enhance(photo, {"enhancement_level": 1, "background": "realesrgan", **options})
    (face,) = run.report["faces"]
    assert not face["restored"]
    assert (face.get("identity") or {}).get("action") == action
    assert run.under_faces == 0
    assert run.tiles_asked == run.report["tiles"]["total"] == 25
    assert (run.pixels == MAGENTA).all()


def test_a_small_face_covers_no_tile(enhance: Enhance, face: UInt8) -> None:
    run = enhance(face, {"enhancement_level": 1, "background": "realesrgan"})
    assert run.report["faces"][0]["restored"]
    assert run.under_faces == 0
    run.assert_the_rest_was_enlarged()


def test_only_the_face_in_the_middle_spares_tiles(enhance: Enhance, large: UInt8, face: UInt8) -> None:
    """A face that is not restored covers nothing, however large."""
    small = cv2.resize(face, (600, 600), interpolation=cv2.INTER_CUBIC)
    photo = np.full((1200, 2400, 3), 120, np.uint8)
    photo[:, :1200] = large
    photo[300:900, 1200:1800] = small
    options: Options = {"enhancement_level": 1, "background": "realesrgan"}
    everyone = enhance(photo, options)
    centre = enhance(photo, {**options, "only_center_face": True})
    assert [sum(each["restored"] for each in run.report["faces"]) for run in (everyone, centre)] == [2, 1]
    assert everyone.under_faces >= 4
    assert centre.under_faces == 0
    for run in (everyone, centre):
        run.assert_the_rest_was_enlarged()
    assert (centre.pixels[:, :1000] == MAGENTA).all()


def test_lanczos_has_no_tiles(enhance: Enhance, stand_in_client: triton.InferenceServerClient, face: UInt8) -> None:
    _, report = enhancing(stand_in_client)(encode(face), {"enhancement_level": 1, "background": "lanczos"})
    assert report["tiles"] is None
