"""Photos of 16 bits, with alpha, without colour, with a face in them, through the whole pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from ensemble.photo import UInt8
from tests.ensemble.files import noise, png, saved
from tests.model_repository.comparing import Pixels, decibels, inside, restored_faces
from tests.model_repository.photos import decode

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]

pytest_plugins = ["tests.model_repository.identity_servers"]

SAME_SIZE = {"enhancement_level": 1, "background": "lanczos"}
TINTED = {**SAME_SIZE, "restorer": "restoreformer"}


def as_read(data: bytes) -> Pixels:
    """Everything in a file: [H, W] or [H, W, 3 or 4], colours as RGB."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return values if values.ndim == 2 else np.dstack([values[..., 2::-1], values[..., 3:]])


# --- 16 bits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colours", [1, 3], ids=["gray", "colour"])
@pytest.mark.parametrize("with_alpha", [False, True], ids=["opaque", "alpha"])
def test_16_bits(
    enhance_with_identity: Enhance, face: UInt8, gray: UInt8, alpha: UInt8, colours: int, with_alpha: bool
) -> None:
    """The face is as bright as in the photo, where upstream makes it nearly black; elsewhere not a bit is lost."""
    shades = face if colours == 3 else gray[..., None]
    # Values that 8 bits cannot hold.
    deep = (shades.astype(np.uint16) * 256 + noise(1, *shades.shape)).astype(np.uint16)
    layers = [deep, alpha.astype(np.uint16) * 257] if with_alpha else [deep]
    result, report = enhance_with_identity(png(np.dstack(layers)), SAME_SIZE)
    assert (report["input"]["bit_depth"], report["output"]["bit_depth"], report["notes"]) == (16, 16, [])
    values = as_read(result)
    assert values.dtype == np.uint16
    ours = values[..., :3] if values.ndim == 3 else values[..., None]
    if with_alpha:
        assert (values[..., 3] == layers[1]).all()
    (found,) = restored_faces(report)
    part = inside(found["box"], deep)
    assert (ours[part] != deep[part]).any(), "nothing was pasted"
    assert decibels(ours[part], np.broadcast_to(deep, ours.shape)[part], 65535) >= 35
    assert abs(float(ours[part].mean()) - deep[part].mean()) < 257
    # The face's square is 40 % of the photo, and its soft edges leave the most of a pixel where they begin.
    assert (ours == deep).all(axis=2).mean() > 0.65
    assert (ours[-60:] == deep[-60:]).all()
    assert (ours[:, -60:] == deep[:, -60:]).all()


@pytest.mark.parametrize("file_format", ["jpeg", "webp"])
def test_16_bits_into_a_format_of_8(enhance_with_identity: Enhance, face: UInt8, file_format: str) -> None:
    deep = png(face.astype(np.uint16) * 257)
    result, report = enhance_with_identity(deep, {**SAME_SIZE, "output_format": file_format})
    assert report["output"]["bit_depth"] == 8
    assert report["notes"] == [f"The 16 bits per channel were reduced to 8, as {file_format} holds no more."]
    (found,) = restored_faces(report)
    part = inside(found["box"], face)
    assert decibels(np.asarray(decode(result))[part], face[part]) >= 35


# --- alpha -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_over_a_face(enhance_with_identity: Enhance, face: UInt8, gray: UInt8, alpha: UInt8, mode: str) -> None:
    """The face is right where it shows, where it half shows, and where it does not."""
    colours = face if mode == "RGBA" else gray[..., None]
    result, report = enhance_with_identity(png(np.dstack([colours, alpha])), SAME_SIZE)
    image = decode(result)
    assert image.mode == mode
    values = np.asarray(image)
    assert (values[..., -1] == alpha).all()
    ours = values[..., :-1]
    (found,) = restored_faces(report)
    left, top, right, bottom = found["box"]
    assert left < 120
    assert right > 150
    for columns in [(left, 120), (120, 150), (150, right)]:
        part = inside((columns[0], top, columns[1], bottom), ours)
        assert decibels(ours[part], colours[part]) >= 35


def test_edges_of_alpha_stay_sharp(enhance_with_identity: Enhance, face: UInt8, alpha: UInt8) -> None:
    """Enlarged without ringing: a hard edge is as wide as one pixel of the photo and overshoots by nothing."""
    alpha = np.where(alpha == 255, np.uint8(255), np.uint8(0))
    result, report = enhance_with_identity(png(np.dstack([face, alpha])), {**SAME_SIZE, "enhancement_level": 3})
    assert len(restored_faces(report)) == 1
    row = np.asarray(decode(result))[600, :, 3].astype(int)
    assert (row[:592] == 0).all()
    assert (row[608:] == 255).all()
    assert (np.diff(row) >= 0).all()


def test_webp_keeps_alpha_and_the_face_that_shows(enhance_with_identity: Enhance, face: UInt8, alpha: UInt8) -> None:
    photo = saved(Image.fromarray(np.dstack([face, alpha])), "webp", lossless=True, exact=True)
    result, report = enhance_with_identity(photo, SAME_SIZE)
    image = decode(result)
    assert (image.format, image.mode) == ("WEBP", "RGBA")
    ours = np.asarray(image)
    assert (ours[..., 3] == alpha).all()
    (found,) = restored_faces(report)
    _, top, right, bottom = found["box"]
    part = inside((152, top, right, bottom), ours)
    assert decibels(ours[part][..., :3], face[part]) >= 33


# --- gray -------------------------------------------------------------------------------------------------------------


def kinds_of_gray(gray: UInt8, alpha: UInt8) -> dict[str, bytes]:
    deep = gray.astype(np.uint16) * 257
    return {
        "L": png(gray[..., None]),
        "L jpeg": saved(Image.fromarray(gray), "jpeg", quality=95),
        "LA": png(np.dstack([gray, alpha])),
        "16": png(deep[..., None]),
        "16 with alpha": png(np.dstack([deep, alpha.astype(np.uint16) * 257])),
        "one bit": saved(Image.fromarray(gray).convert("1"), "png"),
    }


@pytest.mark.parametrize("output_format", ["auto", "webp"])
@pytest.mark.parametrize("kind", ["L", "L jpeg", "LA", "16", "16 with alpha", "one bit"])
def test_gray_stays_gray_though_the_restorer_gives_colour(
    enhance_with_identity: Enhance, gray: UInt8, alpha: UInt8, kind: str, output_format: str
) -> None:
    photo = kinds_of_gray(gray, alpha)[kind]
    plain, report = enhance_with_identity(photo, {**SAME_SIZE, "output_format": output_format})
    tinted, _ = enhance_with_identity(photo, {**TINTED, "output_format": output_format})
    pictures = [as_read(result) for result in (plain, tinted)]
    for values in pictures:
        if values.ndim == 3:  # WebP's way to luma and back rounds green differently
            spread = np.ptp(values[..., :3].astype(int), axis=2).max()
            assert spread <= (1 if output_format == "webp" else 0)
    one, other = (values[..., 0] if values.ndim == 3 else values for values in pictures)
    (found,) = restored_faces(report)
    part = inside(found["box"], one)
    assert other[part].mean() < 0.9 * one[part].mean(), "the face was not restored"
    if output_format == "auto" and kind != "16 with alpha":
        # One channel. Pillow shows 16-bit gray with alpha as colour.
        assert decode(tinted).mode in {"L", "LA", "I;16"}


@pytest.mark.parametrize("file_format", ["png", "jpeg", "webp"])
def test_black_and_white_in_a_colour_file_stays_so(
    enhance_with_identity: Enhance, gray: UInt8, file_format: str
) -> None:
    photo = saved(Image.fromarray(gray).convert("RGB"), file_format, quality=95)
    result, report = enhance_with_identity(photo, TINTED)
    image = decode(result)
    assert image.mode == "RGB"
    assert len(restored_faces(report)) == 1
    assert np.ptp(np.asarray(image).astype(int), axis=2).max() <= (1 if file_format == "webp" else 0)
    assert 5 < restored_faces(report)[0]["colour_shift"] < 30, "of what is seen, a third darker, not of the tint"


def test_the_same_restorer_shows_in_a_colour_photo(enhance_with_identity: Enhance, face: UInt8) -> None:
    """So the test above can fail."""
    result, report = enhance_with_identity(png(face), TINTED)
    ours = np.asarray(decode(result)).astype(float)
    (found,) = restored_faces(report)
    part = inside(found["box"], ours)
    assert ours[part][..., 0].mean() > 2 * ours[part][..., 2].mean()
