"""Photos of every colour model, profile and orientation with a face in them, through the whole pipeline."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from ensemble.photo import UInt8
from tests.ensemble.files import chunk, cmyk_profile, exif, png, rgb_profile, saved
from tests.model_repository.comparing import Pixels, decibels, inside, restored_faces
from tests.model_repository.photos import decode
from tests.model_repository.profiles import as_seen, gray_profile, wide_profile

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]

pytest_plugins = ["tests.model_repository.identity_servers"]

SAME_SIZE = {"enhancement_level": 1, "background": "lanczos"}


def profile_chunk(profile: bytes) -> bytes:
    """For a PNG."""
    return chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile))


# --- palettes, CMYK ---------------------------------------------------------------------------------------------------


def ycck(face: UInt8) -> bytes:
    """A CMYK JPEG as Adobe's programs compress it: inverted, and its colours turned into luma and chroma."""
    luma_and_chroma = np.asarray(Image.fromarray(255 - face).convert("YCbCr"))
    planes = np.dstack([luma_and_chroma, np.full(face.shape[:2], 255, np.uint8)])
    data = bytearray(saved(Image.fromarray(255 - planes, "CMYK"), "jpeg", quality=95))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def kinds_of_colour(face: UInt8) -> dict[str, bytes]:
    image = Image.fromarray(face)
    return {
        "palette": saved(image.quantize(64), "png"),
        "palette with alpha": saved(image.quantize(64), "png", transparency=bytes([0, 128, 255])),
        "one colour transparent": png(face, chunk(b"tRNS", face[0, 0].astype(">u2").tobytes())),
        "cmyk": saved(image.convert("CMYK"), "jpeg", quality=95),
        "ycck": ycck(face),
        "progressive": saved(image, "jpeg", quality=95, progressive=True),
    }


@pytest.mark.parametrize("kind", kinds_of_colour(np.zeros((8, 8, 3), np.uint8)))
def test_colours(enhance_with_identity: Enhance, face: UInt8, kind: str) -> None:
    photo = kinds_of_colour(face)[kind]
    result, report = enhance_with_identity(photo, {**SAME_SIZE, "output_format": "png"})
    image = decode(result)
    assert image.mode == ("RGBA" if kind in {"palette with alpha", "one colour transparent"} else "RGB")
    expected = decode(photo).convert("RGBA")
    if image.mode == "RGBA":
        assert (np.asarray(image)[..., 3] == np.asarray(expected)[..., 3]).all()
        assert np.asarray(image)[..., 3].min() == 0
    (found,) = restored_faces(report)
    part = inside(found["box"], face)
    ours = np.asarray(image.convert("RGB"))
    assert decibels(ours[part], np.asarray(expected.convert("RGB"))[part]) >= 35
    assert decibels(ours[part], face[part]) >= (30 if "palette" in kind else 35)


def test_cmyk_goes_through_its_profile(enhance_with_identity: Enhance, face: UInt8) -> None:
    """One under which nothing but white and the inks alone have colour: by the formula it would be a colour photo."""
    photo = saved(Image.fromarray(face).convert("CMYK"), "jpeg", quality=95, icc_profile=cmyk_profile())
    result, report = enhance_with_identity(photo, {**SAME_SIZE, "output_format": "png"})
    image = decode(result)
    assert "icc_profile" not in image.info
    source, screen = ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile())), ImageCms.createProfile("sRGB")
    expected = ImageCms.profileToProfile(decode(photo), source, screen, outputMode="RGB")
    (found,) = restored_faces(report)
    part = inside(found["box"], face)
    assert decibels(np.asarray(image)[part], np.asarray(expected)[part]) >= 35
    assert decibels(np.asarray(expected)[part], face[part]) < 25


# --- colour profiles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("source_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("profile", [rgb_profile(), wide_profile()], ids=["sRGB", "wide"])
def test_a_colour_profile_stays_with_its_colours(
    enhance_with_identity: Enhance, face: UInt8, profile: bytes, source_format: str, output_format: str
) -> None:
    """The result is seen as the photo was."""
    photo = saved(Image.fromarray(face), source_format, icc_profile=profile, quality=95)
    result, report = enhance_with_identity(photo, {**SAME_SIZE, "output_format": output_format})
    image = decode(result)
    assert image.info["icc_profile"] == profile
    (found,) = restored_faces(report)
    part = inside(found["box"], face)
    assert decibels(as_seen(image)[part], as_seen(decode(photo))[part]) >= 34
    if profile == wide_profile():
        assert decibels(np.asarray(image.convert("RGB"))[part], as_seen(image)[part]) < 25, "no profile that shows"


@pytest.mark.parametrize("output_format", ["png", "jpeg"])
@pytest.mark.parametrize("source_format", ["png", "jpeg"])
def test_a_gray_profile_stays_with_its_grays(
    enhance_with_identity: Enhance, gray: UInt8, source_format: str, output_format: str
) -> None:
    photo = saved(Image.fromarray(gray), source_format, icc_profile=gray_profile())
    result, report = enhance_with_identity(photo, {**SAME_SIZE, "output_format": output_format})
    image = decode(result)
    assert (image.mode, image.info["icc_profile"]) == ("L", gray_profile())
    (found,) = restored_faces(report)
    part = inside(found["box"], gray)
    assert decibels(as_seen(image)[part], as_seen(decode(photo))[part]) >= 35


def test_a_gray_profile_becomes_its_like_in_webp(enhance_with_identity: Enhance, gray: UInt8) -> None:
    expected = Image.fromarray(gray)
    expected.info["icc_profile"] = gray_profile()
    photo = png(gray[..., None], profile_chunk(gray_profile()))
    result, report = enhance_with_identity(photo, {**SAME_SIZE, "output_format": "webp"})
    (found,) = restored_faces(report)
    part = inside(found["box"], gray)
    assert decibels(as_seen(decode(result))[part], as_seen(expected)[part]) >= 34


def test_16_bit_gray_with_alpha_stays_so_and_keeps_its_profile(enhance_with_identity: Enhance, gray: UInt8) -> None:
    layers = np.dstack([gray, np.full_like(gray, 255)]).astype(np.uint16) * 257
    result, _ = enhance_with_identity(png(layers, profile_chunk(gray_profile())), SAME_SIZE)
    colour_type = result[25]
    assert colour_type == 4, "gray with alpha"
    assert decode(result).info["icc_profile"] == gray_profile()


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_keep_their_profile(enhance_with_identity: Enhance, face: UInt8, gray: UInt8, channels: int) -> None:
    profile = wide_profile() if channels == 3 else gray_profile()
    deep = (face if channels == 3 else gray[..., None]).astype(np.uint16) * 257
    result, report = enhance_with_identity(png(deep, profile_chunk(profile)), SAME_SIZE)
    assert report["output"]["bit_depth"] == 16
    assert decode(result).info["icc_profile"] == profile


# --- orientation -----------------------------------------------------------------------------------------------------


def stored_as(upright: Pixels, orientation: int) -> Pixels:
    """What a camera that was held so has in its file."""
    undo: dict[int, Callable[[Pixels], Pixels]] = {
        1: lambda array: array,
        2: np.fliplr,
        3: lambda array: np.rot90(array, 2),
        4: np.flipud,
        5: lambda array: np.swapaxes(array, 0, 1),
        6: np.rot90,
        7: lambda array: np.swapaxes(np.rot90(array, 2), 0, 1),
        8: lambda array: np.rot90(array, -1),
    }
    return np.ascontiguousarray(undo[orientation](upright))


@pytest.mark.parametrize("file_format", ["png", "webp", "jpeg"])
def test_all_orientations_give_the_same_upright_face(
    enhance_with_identity: Enhance, face: UInt8, file_format: str
) -> None:
    face = face[:, 20:280]
    results: list[tuple[Pixels, dict[str, Any]]] = []
    for orientation in range(1, 9):
        stored = Image.fromarray(stored_as(face, orientation))
        photo = saved(stored, file_format, exif=exif(orientation, "secret place"), lossless=True, quality=95)
        result, report = enhance_with_identity(photo, {**SAME_SIZE, "output_format": "png"})
        assert (report["input"]["width"], report["input"]["height"]) == (260, 300)
        assert b"secret" not in result
        image = decode(result)
        assert 0x0112 not in image.getexif()
        (restored,) = restored_faces(report)
        results.append((np.asarray(image), restored))
    upright, found = results[0]
    part = inside(found["box"], upright)
    assert decibels(upright[part], face[part]) >= 35
    for pixels, other in results[1:]:
        if file_format == "jpeg":  # blocks are cut elsewhere, so what is lost differs a little
            np.testing.assert_allclose(other["box"], found["box"], atol=0.5)
            assert decibels(pixels[part], upright[part]) >= 35
        else:
            assert other == found
            assert (pixels == upright).all()


def test_the_first_frame_of_an_animation_has_its_face_restored(enhance_with_identity: Enhance, face: UInt8) -> None:
    frames = [Image.fromarray(picture) for picture in (face, np.zeros_like(face))]
    photo = saved(frames[0], "webp", save_all=True, append_images=frames[1:], lossless=True)
    result, report = enhance_with_identity(photo, {**SAME_SIZE, "output_format": "png"})
    assert report["notes"] == ["Only the first of 2 frames was used."]
    (found,) = restored_faces(report)
    part = inside(found["box"], face)
    assert decibels(np.asarray(decode(result).convert("RGB"))[part], face[part]) >= 35
