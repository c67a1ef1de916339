"""Encoding: what is kept, what is left behind."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, JpegImagePlugin, PngImagePlugin

from ensemble.decode import decode_photo
from ensemble.depth import join_16_bit
from ensemble.encode import choose_format, encode_photo, encode_png_16_bit
from ensemble.photo import UInt8
from tests.ensemble.files import exif, noise, opened, profile_for, rgb_profile, saved
from tests.ensemble.test_png import png_chunks

FORMATS = ["jpeg", "png", "webp"]


@pytest.mark.parametrize(
    ("wanted", "source", "opaque", "chosen"),
    [
        ("auto", "jpeg", True, "jpeg"),
        ("auto", "png", True, "png"),
        ("auto", "webp", True, "webp"),
        ("auto", "png", False, "png"),
        ("auto", "webp", False, "webp"),
        ("jpeg", "png", True, "jpeg"),
        ("jpeg", "png", False, "png"),
        ("jpeg", "webp", False, "png"),
        ("webp", "jpeg", True, "webp"),
        ("webp", "png", False, "webp"),
        ("png", "jpeg", True, "png"),
        ("png", "webp", False, "png"),
    ],
)
def test_choice_of_format(wanted: str, source: str, opaque: bool, chosen: str) -> None:
    assert choose_format(wanted, source, opaque) == chosen


@pytest.mark.parametrize("file_format", FORMATS)
def test_colour_comes_back(portrait: UInt8, file_format: str) -> None:
    image = opened(encode_photo(portrait, None, file_format, 100, False, None))
    assert (image.format, image.mode, image.size) == (file_format.upper(), "RGB", (56, 72))
    error = np.abs(np.asarray(image).astype(int) - portrait)
    assert error.max() == 0 if file_format == "png" else error.mean() < 2


@pytest.mark.parametrize("file_format", FORMATS)
def test_gray_stays_gray(portrait: UInt8, file_format: str) -> None:
    image = opened(encode_photo(portrait, None, file_format, 95, True, None))
    assert image.mode == ("RGB" if file_format == "webp" else "L")
    pixels = np.asarray(image.convert("RGB")).astype(int)
    rounding = 2 if file_format == "webp" else 0  # of its way through YUV
    assert np.ptp(pixels, axis=2).max() <= rounding


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_gray_value_is_kept(dtype: type[np.uint8 | np.uint16]) -> None:
    count = np.iinfo(dtype).max + 1
    ramp = np.arange(count, dtype=dtype).reshape(-1, 256)
    pixels = np.repeat(ramp[..., None], 3, axis=2)
    data = (
        encode_photo(pixels, None, "png", 95, True, None)
        if dtype is np.uint8
        else encode_png_16_bit(pixels, None, True, None)
    )
    image = opened(data)
    assert image.mode == ("L" if dtype is np.uint8 else "I;16")
    assert np.array_equal(np.asarray(image), ramp)


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("file_format", ["png", "webp"])
def test_alpha_is_kept(portrait: UInt8, file_format: str, gray: bool) -> None:
    alpha = noise(1, 72, 56)
    image = opened(encode_photo(portrait, alpha, file_format, 95, gray, None))
    assert image.mode == ("LA" if gray and file_format == "png" else "RGBA")
    assert np.array_equal(np.asarray(image.getchannel("A")), alpha)


def test_jpeg_leaves_alpha_out(portrait: UInt8) -> None:
    with_alpha = encode_photo(portrait, noise(1, 72, 56), "jpeg", 95, False, None)
    assert with_alpha == encode_photo(portrait, None, "jpeg", 95, False, None)


@pytest.mark.parametrize("file_format", ["jpeg", "webp"])
def test_quality_costs_bytes_and_saves_errors(portrait: UInt8, file_format: str) -> None:
    files = [encode_photo(portrait, None, file_format, quality, False, None) for quality in (1, 40, 80, 100)]
    errors = [np.abs(np.asarray(opened(data)).astype(int) - portrait).mean() for data in files]
    assert sorted(files, key=len) == files
    assert sorted(errors, reverse=True) == errors


@pytest.mark.parametrize(("quality", "sampling"), [(89, (2, 2)), (90, (1, 1))])
def test_jpeg_keeps_all_colour_from_quality_90(portrait: UInt8, quality: int, sampling: tuple[int, int]) -> None:
    image = opened(encode_photo(portrait, None, "jpeg", quality, False, None))
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    assert image.layer[0][1:3] == sampling


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("with_alpha", [False, True])
def test_colour_profile_is_kept(portrait: UInt8, file_format: str, with_alpha: bool) -> None:
    alpha = noise(1, 72, 56) if with_alpha else None
    image = opened(encode_photo(portrait, alpha, file_format, 95, False, rgb_profile()))
    assert image.info["icc_profile"] == rgb_profile()


@pytest.mark.parametrize(("file_format", "kept"), [("jpeg", True), ("png", True), ("webp", False)])
def test_gray_profile_is_kept_where_gray_is_stored(portrait: UInt8, file_format: str, kept: bool) -> None:
    profile = profile_for(b"GRAY")
    image = opened(encode_photo(portrait, None, file_format, 95, True, profile))
    assert image.info.get("icc_profile") == (profile if kept else None)


def test_large_profile_is_kept_by_jpeg(portrait: UInt8) -> None:
    """JPEG segments hold 64 KB, so it is spread over several."""
    profile = rgb_profile() + noise(2, 200_000).tobytes()
    assert opened(encode_photo(portrait, None, "jpeg", 95, False, profile)).info["icc_profile"] == profile


@pytest.mark.parametrize("with_alpha", [False, True])
def test_sixteen_bits_come_back_whole(with_alpha: bool) -> None:
    pixels = noise(3, 33, 17, 3, dtype=np.uint16)
    alpha = noise(4, 33, 17) if with_alpha else None
    photo = decode_photo(encode_png_16_bit(pixels, alpha, False, rgb_profile()))
    assert photo.fine is not None
    assert np.array_equal(join_16_bit(photo.pixels, photo.fine), pixels)
    assert (photo.info.bit_depth, photo.icc_profile) == (16, rgb_profile())
    if alpha is None:
        assert photo.alpha is None
    else:
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, alpha)


def test_sixteen_bit_gray_with_alpha_is_stored_as_such() -> None:
    values, alpha = noise(5, 9, 8, 1, dtype=np.uint16), noise(6, 9, 8)
    data = encode_png_16_bit(np.repeat(values, 3, axis=2), alpha, True, profile_for(b"GRAY"))
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read, np.dstack([*[values] * 3, alpha.astype(np.uint16) * 257]))
    photo = decode_photo(data)
    assert (photo.info.mode, photo.info.gray, photo.info.bit_depth) == ("LA", True, 16)
    assert photo.icc_profile == profile_for(b"GRAY")


@pytest.mark.parametrize("with_alpha", [False, True])
def test_sixteen_bit_gray_of_colour_is_its_luma(with_alpha: bool) -> None:
    pixels = noise(9, 33, 17, 3, dtype=np.uint16)
    photo = decode_photo(encode_png_16_bit(pixels, noise(6, 33, 17) if with_alpha else None, True, None))
    assert photo.fine is not None
    luma = cv2.cvtColor(pixels[..., ::-1], cv2.COLOR_BGR2GRAY)
    assert np.array_equal(join_16_bit(photo.pixels, photo.fine), np.repeat(luma[..., None], 3, axis=2))


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/">影像</x:xmpmeta>'.encode()
JPEG_XMP, PNG_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"XML:com.adobe.xmp\0\0\0\0\0"


def jpeg_segments(data: bytes) -> list[tuple[int, bytes]]:
    """Markers and bodies from the start of the file to its scan (ITU-T T.81, annex B)."""
    segments, place = [], 2
    while data[place + 1] != 0xDA:
        marker, length = struct.unpack_from(">xBH", data, place)
        segments.append((marker, data[place + 4 : place + 2 + length]))
        place += 2 + length
    return segments


def webp_chunks(data: bytes) -> dict[bytes, bytes]:
    """Bodies of all chunks by name; the RIFF header counts them right."""
    chunks, place = {}, 12
    while place < len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        chunks[kind] = data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2
    assert struct.unpack_from("<4sI4s", data) == (b"RIFF", len(data) - 8, b"WEBP")
    assert place == len(data)
    return chunks


def test_jpeg_has_xmp_ahead_of_its_scan(portrait: UInt8) -> None:
    segments = jpeg_segments(encode_photo(portrait, None, "jpeg", 95, False, rgb_profile(), XMP))
    assert segments[0][1].startswith(b"JFIF\0")
    assert [body for marker, body in segments if marker == 0xE1] == [JPEG_XMP + XMP]
    assert [body[14:] for marker, body in segments if marker == 0xE2] == [rgb_profile()]


def test_jpeg_takes_as_much_xmp_as_a_segment_holds(portrait: UInt8) -> None:
    packet = XMP.ljust(65_504)
    assert opened(encode_photo(portrait, None, "jpeg", 95, False, None, packet)).info["xmp"] == packet
    with pytest.raises(ValueError, match="too long"):
        encode_photo(portrait, None, "jpeg", 95, False, None, packet + b" ")


@pytest.mark.parametrize("packet", [XMP, XMP + b" "])
def test_webp_has_an_xmp_chunk(portrait: UInt8, packet: bytes) -> None:
    """Of even and odd length: chunks are padded to even ones."""
    chunks = webp_chunks(encode_photo(portrait, noise(1, 72, 56), "webp", 95, False, rgb_profile(), packet))
    assert (chunks[b"XMP "], chunks[b"ICCP"]) == (packet, rgb_profile())
    alpha, icc, xmp = 0x10, 0x20, 0x04
    assert chunks[b"VP8X"][0] == alpha | icc | xmp


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_png_has_profile_and_xmp_ahead_of_its_pixels(
    dtype: type[np.uint8 | np.uint16], gray: bool, with_alpha: bool
) -> None:
    pixels = np.repeat(noise(7, 9, 8, 1, dtype=dtype), 3, axis=2) if gray else noise(7, 9, 8, 3, dtype=dtype)
    alpha, profile = noise(8, 9, 8) if with_alpha else None, profile_for(b"GRAY") if gray else rgb_profile()
    if dtype is np.uint8:
        data = encode_photo(pixels, alpha, "png", 95, gray, profile, XMP)
    else:
        data = encode_png_16_bit(pixels, alpha, gray, profile, XMP)
    chunks = png_chunks(data)
    names = [kind for kind, _ in chunks]
    assert names[: names.index(b"IDAT")] == [b"IHDR", b"iCCP", b"iTXt"]
    assert dict(chunks)[b"iTXt"] == PNG_XMP + XMP
    assert zlib.decompress(dict(chunks)[b"iCCP"].partition(b"\0")[2][1:]) == profile
    photo, image = decode_photo(data), opened(data)
    read = photo.pixels if photo.fine is None else join_16_bit(photo.pixels, photo.fine)
    assert np.array_equal(read, pixels)
    if alpha is None:
        assert photo.alpha is None
    else:
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, alpha)
    assert image.info["xmp"] == XMP
    assert image.info["icc_profile"] == profile


@pytest.mark.parametrize("file_format", FORMATS)
def test_xmp_leaves_the_pixels_alone(portrait: UInt8, file_format: str) -> None:
    without, with_xmp = (opened(encode_photo(portrait, None, file_format, 90, False, None, x)) for x in (None, XMP))
    assert with_xmp.info["xmp"] == XMP
    assert not {"xmp", "XML:com.adobe.xmp"} & set(without.info)
    assert np.array_equal(np.asarray(without), np.asarray(with_xmp))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_with_nothing_to_add_has_pixels_alone(dtype: type[np.uint8 | np.uint16]) -> None:
    pixels = noise(7, 4, 4, 3, dtype=dtype)
    if dtype is np.uint8:
        data = encode_photo(pixels, None, "png", 95, False, None)
    else:
        data = encode_png_16_bit(pixels, None, False, None)
    assert {kind for kind, _ in png_chunks(data)} == {b"IHDR", b"IDAT", b"IEND"}


WORDS = "Mill Lane 7, 52.5 N"


@pytest.mark.parametrize("packet", [None, XMP])
@pytest.mark.parametrize("target", [*FORMATS, "16-bit png"])
@pytest.mark.parametrize("source", FORMATS)
def test_nothing_said_about_the_photo_survives(portrait: UInt8, source: str, target: str, packet: bytes | None) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", WORDS)
    text.add_itxt("XML:com.adobe.xmp", WORDS)
    given: dict[str, dict[str, Any]] = {
        "jpeg": {"comment": WORDS.encode(), "xmp": WORDS.encode()},
        "png": {"pnginfo": text},
        "webp": {"xmp": WORDS.encode()},
    }
    data = saved(Image.fromarray(portrait), source, exif=exif(6, WORDS), icc_profile=rgb_profile(), **given[source])
    assert data.count(WORDS.encode()) >= 3
    photo = decode_photo(data)
    if target == "16-bit png":
        values = np.asarray(photo.pixels.astype(np.uint16) * 257, np.uint16)
        result = encode_png_16_bit(values, photo.alpha, False, photo.icc_profile, packet)
    else:
        result = encode_photo(photo.pixels, photo.alpha, target, 95, False, photo.icc_profile, packet)
    image = opened(result)
    assert WORDS.encode() not in result
    assert WORDS not in str(photo)
    assert not image.getexif()
    assert not {"comment", "Comment", "exif"} & set(image.info)
    assert image.info.get("xmp") == packet
    assert packet is not None or "XML:com.adobe.xmp" not in image.info
    assert image.size == (72, 56)
