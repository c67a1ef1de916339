"""Decoding: every kind of pixel, orientation, colour profiles, animations, and what is refused."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from ensemble.decode import decode_photo, orient
from ensemble.depth import join_16_bit, split_16_bit
from ensemble.photo import Photo, UInt8
from limner.errors import DamagedImage, InputError, QueueFull, TooManyPixels
from limner.header import MAX_PIXELS, read_header
from tests.ensemble.files import (
    Pixels,
    assert_advises,
    chunk,
    cmyk_profile,
    exif,
    jpeg_header,
    noise,
    opened,
    png,
    png_header,
    profile_for,
    rgb_profile,
    saved,
    webp_header,
)

FORMATS = ["jpeg", "png", "webp"]


def joined(photo: Photo) -> npt.NDArray[np.uint16]:
    assert photo.fine is not None
    return join_16_bit(photo.pixels, photo.fine)


def assert_whole(photo: Photo) -> None:
    """Arrays and facts agree."""
    height, width = photo.info.height, photo.info.width
    assert (photo.pixels.shape, photo.pixels.dtype) == ((height, width, 3), np.dtype(np.uint8))
    assert photo.pixels.flags.c_contiguous
    assert photo.alpha is None or (photo.alpha.shape, photo.alpha.dtype) == ((height, width), np.dtype(np.uint8))
    assert photo.fine is None or (photo.fine.shape, photo.fine.dtype) == ((height, width, 3), np.dtype(np.int16))
    assert (photo.fine is not None) == (photo.info.bit_depth == 16)
    assert photo.info.opaque == (photo.alpha is None or photo.alpha.min() == 255)


# --- colour models ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", FORMATS)
def test_rgb(portrait: UInt8, file_format: str) -> None:
    data = saved(Image.fromarray(portrait), file_format, lossless=True)
    photo = decode_photo(data)
    assert_whole(photo)
    assert np.array_equal(photo.pixels, np.asarray(opened(data)))
    info = photo.info
    assert (info.format, info.mode, info.width, info.height, info.bytes) == (file_format, "RGB", 56, 72, len(data))
    assert (info.bit_depth, info.frames, info.gray, info.opaque) == (8, 1, False, True)
    assert photo.alpha is None


@pytest.mark.parametrize("file_format", ["jpeg", "png"])
def test_gray(portrait: UInt8, file_format: str) -> None:
    data = saved(Image.fromarray(portrait).convert("L"), file_format)
    photo = decode_photo(data)
    assert_whole(photo)
    assert (photo.pixels == np.asarray(opened(data))[..., None]).all()
    assert (photo.info.mode, photo.info.gray) == ("L", True)


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_kept_beside_the_pixels(channels: int) -> None:
    values = noise(1, 9, 7, channels)
    photo = decode_photo(png(values))
    assert_whole(photo)
    assert photo.alpha is not None
    assert (photo.pixels == values[..., :-1]).all()
    assert np.array_equal(photo.alpha, values[..., -1])
    assert (photo.info.gray, photo.info.opaque) == (channels == 2, False)


def test_alpha_of_a_webp(portrait: UInt8) -> None:
    rgba = np.dstack([portrait, noise(2, 72, 56)])
    photo = decode_photo(saved(Image.fromarray(rgba), "webp", lossless=True, exact=True))
    assert photo.alpha is not None
    assert np.array_equal(np.dstack([photo.pixels, photo.alpha]), rgba)


def test_alpha_that_hides_nothing_is_opaque() -> None:
    values = noise(3, 5, 6, 4)
    values[..., 3] = 255
    photo = decode_photo(png(values))
    assert_whole(photo)
    assert photo.info.opaque


@pytest.mark.parametrize("transparent", [None, 3, bytes([0, 128, 255])])
def test_palette(portrait: UInt8, transparent: int | bytes | None) -> None:
    image = Image.fromarray(portrait).quantize(8)
    options = {} if transparent is None else {"transparency": transparent}
    data = saved(image, "png", **options)
    photo = decode_photo(data)
    assert_whole(photo)
    expected = np.asarray(opened(data).convert("RGBA"))
    assert np.array_equal(photo.pixels, expected[..., :3])
    assert (photo.alpha is None) == (transparent is None)
    assert photo.alpha is None or np.array_equal(photo.alpha, expected[..., 3])
    assert (photo.info.mode, photo.info.opaque) == ("P", transparent is None)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_transparent_colour(dtype: type[np.uint8 | np.uint16], channels: int) -> None:
    values = noise(4, 6, 5, channels, dtype=dtype)
    values[2:4, 1:3] = values[0, 0]
    photo = decode_photo(png(values, chunk(b"tRNS", values[0, 0].astype(">u2").tobytes())))
    assert_whole(photo)
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha == 0, (values == values[0, 0]).all(axis=2))
    assert set(np.unique(photo.alpha)) == {0, 255}
    assert photo.info.gray == (channels == 1)


def few_bits(levels: Pixels, bit_depth: int, transparent: int) -> bytes:
    """A gray PNG of 1, 2 or 4 bits from levels [H, W], one of which is declared transparent."""
    height, width = levels.shape
    bits = (levels[..., None] >> np.arange(bit_depth)[::-1] & 1).reshape(height, width * bit_depth)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(bits, axis=1))
    header = png_header(width, height, bit_depth, 0) + chunk(b"tRNS", struct.pack(">H", transparent))
    return header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("bit_depth", "transparent"), [(1, 0), (1, 1), (2, 0), (2, 1), (2, 3), (4, 0), (4, 5), (4, 15)]
)
def test_one_transparent_gray_of_few_bits(bit_depth: int, transparent: int) -> None:
    most = (1 << bit_depth) - 1
    levels = noise(15, 6, 7) & most
    photo = decode_photo(few_bits(levels, bit_depth, transparent))
    assert_whole(photo)
    assert (photo.pixels == (levels * (255 // most))[..., None]).all()
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, np.where(levels == transparent, 0, 255))
    assert (photo.info.gray, photo.info.opaque) == (True, False)


def test_higher_bits_of_a_transparent_gray_do_not_count() -> None:
    levels = noise(15, 6, 7) & 3
    alpha = decode_photo(few_bits(levels, 2, 0x0102)).alpha
    assert alpha is not None
    assert np.array_equal(alpha, np.where(levels == 2, 0, 255))


@pytest.mark.parametrize("quality", [10, 40, 80, 100])
@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("jpeg", {"subsampling": 0}),
        ("jpeg", {"subsampling": 2}),
        ("png", {}),
        ("webp", {}),
        ("webp", {"lossless": True}),
    ],
)
def test_gray_in_a_colour_file_is_colourless(
    portrait: UInt8, file_format: str, options: dict[str, object], quality: int
) -> None:
    gray = Image.fromarray(portrait).convert("L").convert("RGB")
    photo = decode_photo(saved(gray, file_format, quality=quality, **options))
    assert (photo.info.mode, photo.info.gray, photo.info.colourless) == ("RGB", False, True)


@pytest.mark.parametrize("tone", [(3, 0, -3), (3, 0, 0), (0, 3, 0), (-3, 0, 3), (30, 5, -25)])
@pytest.mark.parametrize("quality", [30, 90])
def test_a_toned_photo_is_no_colourless_one(portrait: UInt8, tone: tuple[int, int, int], quality: int) -> None:
    gray = np.asarray(Image.fromarray(portrait).convert("L"), np.int16)
    toned = np.clip(gray[..., None] + tone, 0, 255).astype(np.uint8)
    assert not decode_photo(png(toned)).info.colourless
    if min(tone) < 0:  # fainter ones JPEG itself may drop
        assert not decode_photo(saved(Image.fromarray(toned), "jpeg", quality=quality)).info.colourless


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_that_nobody_sees_do_not_count(dtype: type[np.uint8 | np.uint16]) -> None:
    values = np.repeat(noise(16, 9, 7, 1, dtype=dtype), 4, axis=2)
    values[..., 3] = 1 + np.iinfo(dtype).max // 2
    values[2, 3, :3] = np.iinfo(dtype).max, 0, 0
    assert not decode_photo(png(values)).info.colourless
    values[2, 3, 3] = 0
    assert decode_photo(png(values)).info.colourless


@pytest.mark.parametrize("place", [0, 5, -1])
def test_one_coloured_pixel_makes_a_colour_photo(place: int) -> None:
    values = np.repeat(noise(13, 9, 7, 1), 3, axis=2)
    assert decode_photo(png(values)).info.colourless
    values[place, place] = (100, 103, 100)
    assert not decode_photo(png(values)).info.colourless


def test_16_bits_that_differ_by_less_than_one_sees_become_gray() -> None:
    values = np.repeat(noise(15, 9, 7, 1, dtype=np.uint16), 3, axis=2)
    values[..., 2] ^= 255
    photo = decode_photo(png(values))
    assert photo.info.colourless
    assert photo.fine is not None
    deep = join_16_bit(photo.pixels, photo.fine)
    assert (deep == deep[..., :1]).all()
    assert np.abs(deep.astype(int) - values).max() <= 255


def test_a_gray_file_is_gray_and_not_called_colourless() -> None:
    info = decode_photo(png(noise(14, 5, 5, 1))).info
    assert (info.gray, info.colourless) == (True, False)


def test_one_bit() -> None:
    bits = noise(5, 9, 13) > 127
    photo = decode_photo(saved(Image.fromarray(bits), "png"))
    assert_whole(photo)
    assert (photo.pixels == np.where(bits, 255, 0)[..., None]).all()
    assert (photo.info.mode, photo.info.gray) == ("1", True)


@pytest.mark.parametrize(
    ("file_format", "mode"),
    [
        *(("jpeg", mode) for mode in ("RGB", "L", "1", "CMYK")),
        *(("png", mode) for mode in ("RGB", "L", "1", "LA", "RGBA", "P", "I;16")),
        *(("webp", mode) for mode in ("RGB", "RGBA")),
    ],
)
def test_single_pixel(file_format: str, mode: str) -> None:
    photo = decode_photo(saved(Image.new(mode, (1, 1)), file_format))
    assert_whole(photo)
    assert photo.pixels.shape == (1, 1, 3)


# --- CMYK ------------------------------------------------------------------------------------------------------------

INKS = {"white": (0, 0, 0, 0), "cyan": (255, 0, 0, 0), "yellow": (0, 0, 255, 0), "black": (0, 0, 0, 255)}


def cmyk_jpeg(ink: str, **options: object) -> bytes:
    """As Adobe's programs store it, inverted."""
    data = saved(Image.new("CMYK", (16, 16), INKS[ink]), "jpeg", quality=100, **options)
    assert b"Adobe" in data
    return data


@pytest.mark.parametrize(
    "profile", [None, b"short", profile_for(b"CMYK"), bytes(16) + b"CMYK" + bytes(200), profile_for(b"RGB")]
)
@pytest.mark.parametrize(
    ("ink", "colour"),
    [("white", (255, 255, 255)), ("cyan", (0, 255, 255)), ("yellow", (255, 255, 0)), ("black", (0, 0, 0))],
)
def test_cmyk_without_a_usable_profile_goes_by_the_formula(
    ink: str, colour: tuple[int, int, int], profile: bytes | None
) -> None:
    photo = decode_photo(cmyk_jpeg(ink, icc_profile=profile))
    assert_whole(photo)
    assert (np.abs(photo.pixels.astype(int) - colour) <= 2).all()
    assert (photo.info.mode, photo.icc_profile) == ("CMYK", None)


@pytest.mark.parametrize("ink", INKS)
def test_cmyk_goes_through_its_own_profile(ink: str) -> None:
    data = cmyk_jpeg(ink, icc_profile=cmyk_profile())
    source = ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile()))
    expected = ImageCms.profileToProfile(opened(data), source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert expected is not None
    photo = decode_photo(data)
    assert np.array_equal(photo.pixels, np.asarray(expected))
    red, green, blue = photo.pixels[0, 0].tolist()
    looks = {
        "white": min(red, green, blue) > 250,
        "cyan": red > 200 and max(green, blue) < 80,
        "yellow": blue > 200 and max(red, green) < 90,
        "black": max(red, green, blue) < 5,
    }
    assert looks[ink], (red, green, blue)
    assert photo.icc_profile is None


# --- 16 bits ---------------------------------------------------------------------------------------------------------


def test_split_and_join_keep_all_65536_values() -> None:
    values = np.arange(65536, dtype=np.uint16)
    high, fine = split_16_bit(values)
    assert (high.dtype, fine.dtype) == (np.dtype(np.uint8), np.dtype(np.int16))
    assert (fine.min(), fine.max()) == (-128, 128)
    assert np.array_equal(join_16_bit(high, fine), values)
    assert np.array_equal(high, np.round(values / 257))


def test_join_is_clipped() -> None:
    high, fine = np.array([0, 255], np.uint8), np.array([-5, 5], np.int16)
    assert join_16_bit(high, fine).tolist() == [0, 65535]


@pytest.mark.parametrize(("channels", "mode"), [(1, "I;16"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_all_16_bits_are_kept(channels: int, mode: str) -> None:
    values = noise(6, 11, 7, channels, dtype=np.uint16)
    photo = decode_photo(png(values))
    assert_whole(photo)
    colours = values if channels % 2 else values[..., :-1]
    assert np.array_equal(joined(photo), np.broadcast_to(colours, (11, 7, 3)))
    assert (photo.info.bit_depth, photo.info.mode, photo.info.gray) == (16, mode, channels < 3)
    if channels % 2:
        assert photo.alpha is None
    else:
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, split_16_bit(values[..., -1])[0])


def test_every_16_bit_value_is_kept() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    assert np.array_equal(joined(decode_photo(png(values))), np.repeat(values, 3, axis=2))


def test_16_bit_faces_do_not_turn_black(portrait: UInt8) -> None:
    photo = decode_photo(png(portrait.astype(np.uint16) * 257))
    assert np.array_equal(photo.pixels, portrait)
    assert (joined(photo) == portrait.astype(np.uint16) * 257).all()


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_animation_gives_its_first_picture_whole(channels: int, shown: bool) -> None:
    """``shown``: that picture is a frame of the animation, not one ahead of it."""
    first, second = noise(17, 6, 5, channels, dtype=np.uint16), noise(18, 6, 5, channels, dtype=np.uint16)
    pictures = [png(values) for values in (first, second)]
    packed = pictures[1][pictures[1].index(b"IDAT") + 4 : -16]
    control = [chunk(b"fcTL", struct.pack(">IIIIIHHBB", place, 5, 6, 0, 0, 1, 10, 0, 0)) for place in (0, 1)]
    ahead = chunk(b"acTL", struct.pack(">II", 2 if shown else 1, 0)) + (control[0] if shown else b"")
    behind = control[shown] + chunk(b"fdAT", struct.pack(">I", 1 + shown) + packed)
    start = pictures[0].index(b"IDAT") - 4
    data = pictures[0][:start] + ahead + pictures[0][start:-12] + behind + pictures[0][-12:]
    photo, still = decode_photo(data), decode_photo(pictures[0])
    assert_whole(photo)
    assert np.array_equal(joined(photo), joined(still))
    if photo.alpha is None or still.alpha is None:
        assert photo.alpha is still.alpha
    else:
        assert np.array_equal(photo.alpha, still.alpha)
    assert photo.info.frames == 2


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_are_split_without_taking_many_times_the_photo(channels: int) -> None:
    """Black, so that the lower bits are made gray, too."""
    data = png(np.zeros((1500, 2000, channels), np.uint16))
    decode_photo(data)
    tracemalloc.start()
    try:
        decode_photo(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 42 * 1500 * 2000


# --- orientation -----------------------------------------------------------------------------------------------------

TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda array: array,
    2: np.fliplr,
    3: lambda array: np.rot90(array, 2),
    4: np.flipud,
    5: lambda array: np.swapaxes(array, 0, 1),
    6: lambda array: np.rot90(array, -1),
    7: lambda array: np.swapaxes(np.rot90(array, 2), 0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 3), (1, 1)])
def test_orient(orientation: int, shape: tuple[int, ...]) -> None:
    array = noise(7, *shape)
    turned = orient(array, orientation)
    assert np.array_equal(turned, TURNS[orientation](array))
    assert turned.flags.c_contiguous


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("file_format", FORMATS)
def test_exif_orientation_is_applied_as_pillow_does(portrait: UInt8, file_format: str, orientation: int) -> None:
    data = saved(Image.fromarray(portrait), file_format, exif=exif(orientation))
    photo = decode_photo(data)
    assert_whole(photo)
    assert np.array_equal(photo.pixels, np.asarray(ImageOps.exif_transpose(opened(data))))
    assert (photo.info.width, photo.info.height) == ((72, 56) if orientation >= 5 else (56, 72))


@pytest.mark.parametrize("orientation", TURNS)
def test_alpha_and_lower_bits_turn_with_the_pixels(orientation: int) -> None:
    values = noise(8, 6, 4, 4, dtype=np.uint16)
    photo = decode_photo(png(values, chunk(b"eXIf", exif(orientation).tobytes()[6:])))
    assert_whole(photo)
    turned = TURNS[orientation](values)
    assert np.array_equal(joined(photo), turned[..., :3])
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, split_16_bit(turned[..., 3])[0])


@pytest.mark.parametrize("file_format", FORMATS)
def test_orientation_in_xmp_turns_nothing(portrait: UInt8, file_format: str) -> None:
    """Neither browsers nor OpenCV obey it."""
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    if file_format == "png":
        data = png(portrait, chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + xmp))
    else:
        data = saved(Image.fromarray(portrait), file_format, xmp=xmp, lossless=True)
    assert ImageOps.exif_transpose(opened(data)).size == (72, 56)
    assert np.array_equal(decode_photo(data).pixels, np.asarray(opened(data)))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_that_does_not_exist_turns_nothing(portrait: UInt8, orientation: int) -> None:
    photo = decode_photo(saved(Image.fromarray(portrait), "png", exif=exif(orientation)))
    assert np.array_equal(photo.pixels, portrait)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0not TIFF",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(20),
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04up!\0" + bytes(4),
        exif(6).tobytes()[:-9],
    ],
)
@pytest.mark.parametrize("file_format", FORMATS)
def test_broken_exif_is_no_reason_to_refuse(portrait: UInt8, file_format: str, body: bytes) -> None:
    image = Image.fromarray(portrait)
    photo = decode_photo(saved(image, file_format, exif=body))
    assert np.array_equal(photo.pixels, np.asarray(opened(saved(image, file_format))))


# --- colour profiles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", FORMATS)
def test_colour_profile_is_kept(portrait: UInt8, file_format: str) -> None:
    data = saved(Image.fromarray(portrait), file_format, icc_profile=rgb_profile())
    assert decode_photo(data).icc_profile == rgb_profile()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("space", [b"GRAY", b"RGB", b"CMYK", b"Lab"])
def test_profile_of_another_colour_space_is_dropped(
    dtype: type[np.uint8 | np.uint16], channels: int, space: bytes
) -> None:
    image = Image.new("RGB", (1, 1))
    profile_chunk = saved(image, "png", icc_profile=profile_for(space))
    start = profile_chunk.index(b"iCCP") - 4
    body = profile_chunk[start : start + 12 + int.from_bytes(profile_chunk[start : start + 4], "big")]
    photo = decode_photo(png(noise(9, 4, 4, channels, dtype=dtype), body))
    assert photo.icc_profile == (profile_for(space) if space == (b"GRAY" if channels < 3 else b"RGB") else None)


@pytest.mark.parametrize("profile", [b"x" * 127, bytes(16) + b"RGB " + bytes(1 << 20), bytes(200)])
def test_profile_of_an_odd_size_or_without_a_colour_space_is_dropped(portrait: UInt8, profile: bytes) -> None:
    photo = decode_photo(saved(Image.fromarray(portrait), "jpeg", icc_profile=profile))
    assert photo.icc_profile is None
    assert_whole(photo)


def test_profile_too_large_for_pillow_is_dropped_from_a_png() -> None:
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(rgb_profile() + bytes(1 << 21)))
    photo = decode_photo(png(noise(19, 4, 4, 3), profile))
    assert photo.icc_profile is None
    assert_whole(photo)


# --- animations ------------------------------------------------------------------------------------------------------


def animation(file_format: str, frames: int, side: int = 20) -> bytes:
    """Frames that all differ."""
    pictures = [Image.fromarray(noise(index, side, side, 3)) for index in range(frames)]
    return saved(pictures[0], file_format, save_all=True, append_images=pictures[1:], lossless=True, duration=50)


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_first_frame_of_an_animation(file_format: str) -> None:
    photo = decode_photo(animation(file_format, 4))
    assert_whole(photo)
    assert np.array_equal(photo.pixels, noise(0, 20, 20, 3))
    assert photo.info.frames == 4


@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_frames_count_toward_the_cap(file_format: str) -> None:
    data = animation(file_format, 4)
    assert decode_photo(data, max_pixels=1600).info.frames == 4
    with pytest.raises(TooManyPixels, match="20x20 with 4 frames") as refused:
        decode_photo(data, max_pixels=1599)
    assert_advises(refused.value)


def test_claimed_frames_of_a_png_count_too() -> None:
    """The picture ahead of the animation is one more."""
    control = chunk(b"acTL", struct.pack(">II", 1 << 30, 0))
    with pytest.raises(TooManyPixels, match="with 1073741825 frames"):
        decode_photo(png(noise(10, 20, 20, 3), control))


def test_what_cameras_put_behind_a_jpeg_is_no_animation(portrait: UInt8) -> None:
    image = Image.fromarray(portrait)
    data = saved(image, "mpo", save_all=True, append_images=[image.resize((10, 12))])
    photo = decode_photo(data, max_pixels=56 * 72)
    assert photo.info.frames == 1
    assert np.array_equal(photo.pixels, np.asarray(opened(data)))


def test_broken_index_of_further_pictures_is_no_reason_to_refuse(portrait: UInt8) -> None:
    image = Image.fromarray(portrait)
    data = saved(image, "mpo", save_all=True, append_images=[image.resize((10, 12))])
    start, pixels = data.index(b"MPF\0") + 4, decode_photo(data).pixels
    for place in range(start, start + 60):
        for value in (0, 1, 255):
            photo = decode_photo(data[:place] + bytes([value]) + data[place + 1 :])
            assert np.array_equal(photo.pixels, pixels)
    assert np.array_equal(decode_photo(data[: data.rindex(b"\xff\xd8\xff") + 20]).pixels, pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_large_packed_text_is_no_reason_to_refuse(dtype: type[np.uint8 | np.uint16]) -> None:
    """Photoshop's history in XMP is so at times."""
    values = noise(20, 4, 4, 3, dtype=dtype)
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * (2 << 20)))
    photo = decode_photo(png(values, text))
    assert np.array_equal(photo.pixels if photo.fine is None else joined(photo), values)
    assert photo.info.bytes == len(png(values, text))


# --- damage ----------------------------------------------------------------------------------------------------------


def valid_files() -> dict[str, bytes]:
    """Small files of every kind that is read."""
    colour, deep = Image.fromarray(noise(11, 24, 32, 3)), noise(12, 16, 12, 4, dtype=np.uint16)
    return {
        "jpeg": saved(colour, "jpeg"),
        "progressive jpeg": saved(colour, "jpeg", progressive=True),
        "gray jpeg": saved(colour.convert("L"), "jpeg"),
        "cmyk jpeg": saved(colour.convert("CMYK"), "jpeg", icc_profile=cmyk_profile()),
        "turned jpeg": saved(colour, "jpeg", exif=exif(6), icc_profile=rgb_profile()),
        "png": saved(colour, "png"),
        "palette png": saved(colour.quantize(16), "png", transparency=1),
        "16-bit png": png(deep),
        "16-bit gray png": png(deep[..., :1]),
        "animated png": animation("png", 3),
        "webp": saved(colour, "webp"),
        "lossless webp": saved(colour.convert("RGBA"), "webp", lossless=True, exif=exif(3)),
        "animated webp": animation("webp", 3),
    }


FILES = valid_files()


@pytest.mark.parametrize("name", FILES)
def test_truncated_files_are_refused_and_never_half_gray(name: str) -> None:
    data = FILES[name]
    whole = decode_photo(data).pixels
    refused = 0
    cuts = sorted(
        {*range(len(data) - 25, len(data)), *np.linspace(1, len(data), 40, endpoint=False, dtype=int).tolist()}
    )
    for length in cuts:
        try:
            photo = decode_photo(data[:length])
        except InputError as error:
            assert_advises(error)
            refused += 1
        else:  # only what follows the picture is missing
            assert np.array_equal(photo.pixels, whole)
    assert refused >= 10


@pytest.mark.parametrize("name", ["jpeg", "progressive jpeg", "png", "16-bit png", "webp", "lossless webp"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_half_a_file_is_called_damaged(name: str, share: float) -> None:
    data = FILES[name]
    with pytest.raises(DamagedImage, match="breaks off or is damaged") as refused:
        decode_photo(data[: int(len(data) * share)])
    assert_advises(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None  # no decoder's words in a log


@pytest.mark.parametrize("name", ["png", "16-bit png", "16-bit gray png"])
def test_png_with_a_wrong_byte_in_its_pixels_is_refused(name: str) -> None:
    data = bytearray(FILES[name])
    data[data.index(b"IDAT") + 40] ^= 0xFF
    with pytest.raises(DamagedImage):
        decode_photo(bytes(data))


def test_16_bit_png_with_a_wrong_checksum_is_refused() -> None:
    data = bytearray(FILES["16-bit png"])
    data[-13] ^= 1  # the last byte of IDAT's
    with pytest.raises(DamagedImage, match="16-bit PNG is damaged") as refused:
        decode_photo(bytes(data))
    assert_advises(refused.value)


@pytest.mark.parametrize("bit_depth", [12, 16])
def test_jpeg_of_more_than_8_bits_is_refused(bit_depth: int) -> None:
    with pytest.raises(DamagedImage) as refused:
        decode_photo(jpeg_header(16, 16, bit_depth) + bytes(100) + b"\xff\xd9")
    assert_advises(refused.value)


CAPPED = {
    "png": png_header(60_000, 60_000) + bytes(100),
    "jpeg": jpeg_header(65_000, 65_000) + bytes(100),
    **{f"webp {kind}": webp_header(16_000, 16_000, kind) + bytes(100) for kind in ("VP8 ", "VP8L", "VP8X")},
}


@pytest.mark.parametrize("name", CAPPED)
def test_huge_claims_are_refused_before_anything_is_allocated(name: str) -> None:
    tracemalloc.start()
    try:
        started = time.process_time()
        with pytest.raises(TooManyPixels, match="at most 50 megapixels") as refused:
            decode_photo(CAPPED[name])
        assert time.process_time() - started < 1
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert_advises(refused.value)


@pytest.mark.parametrize("file_format", FORMATS)
def test_cap_is_met_exactly(portrait: UInt8, file_format: str) -> None:
    data = saved(Image.fromarray(portrait), file_format)
    assert decode_photo(data, max_pixels=56 * 72).pixels.shape == (72, 56, 3)
    with pytest.raises(TooManyPixels, match="The photo is 56x72; at most"):
        decode_photo(data, max_pixels=56 * 72 - 1)


def test_default_cap() -> None:
    assert MAX_PIXELS == 50_000_000
    with pytest.raises(TooManyPixels):
        decode_photo(png_header(50_001, 1000))
    with pytest.raises(DamagedImage):
        decode_photo(png_header(50_000, 1000))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file with some bytes changed, a piece cut out and another one put in."""
    data = bytearray(draw(st.sampled_from(list(FILES.values()))))
    for position, value in draw(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6)):
        data[position % len(data)] = value
    start = draw(st.integers(0, len(data)))
    return bytes(data[:start] + draw(st.binary(max_size=3)) + data[start + draw(st.integers(0, 8)) :])


@settings(max_examples=400, deadline=None, derandomize=True)
@given(mutated())
def test_mutated_files_give_a_photo_of_the_claimed_size_or_an_input_error(data: bytes) -> None:
    try:
        photo = decode_photo(data, max_pixels=100_000)
    except InputError as error:
        assert_advises(error)
    else:
        assert_whole(photo)
        header = read_header(data)
        assert sorted((photo.info.width, photo.info.height)) == sorted((header.width, header.height))
        assert (photo.info.format, photo.info.bytes) == (header.format, len(data))


def no_memory_of_opencv() -> cv2.error:
    with pytest.raises(cv2.error) as refused:
        cv2.copyMakeBorder(np.zeros((1, 1), np.uint8), 0, 1 << 29, 0, 1 << 29, cv2.BORDER_REPLICATE)
    return refused.value


@pytest.mark.parametrize("error", [MemoryError(), no_memory_of_opencv()], ids=["python", "opencv"])
def test_no_memory_is_no_fault_of_the_photo(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("ensemble.decode.without_metadata", fail)
    with pytest.raises(QueueFull, match="short of memory"):
        decode_photo(saved(Image.new("RGB", (8, 8)), "png"))
