"""Encoded photos for the tests: by Pillow where it can, by hand where it cannot."""

from __future__ import annotations

import functools
import io
import re
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from limner.errors import LimnerError

Pixels = npt.NDArray[Any]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_ORIENTATION = 0x0112


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int, bit_depth: int = 8, colour_type: int = 2) -> bytes:
    """Signature and IHDR."""
    return PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0))


def png(values: Pixels, extra: bytes = b"") -> bytes:
    """A PNG of uint8 or uint16 [H, W, 1..4], with chunks ``extra`` ahead of the picture data."""
    height, width, channels = values.shape
    header = png_header(width, height, 8 * values.itemsize, _COLOUR_TYPES[channels])
    rows = b"".join(b"\0" + row.astype(values.dtype.newbyteorder(">")).tobytes() for row in values)
    return header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg_header(width: int, height: int, bit_depth: int = 8) -> bytes:
    """A gray JPEG up to where its picture data would start."""
    frame = struct.pack(">BHHB", bit_depth, height, width, 1) + b"\x01\x11\x00"
    scan = b"\x01\x01\x00\x00\x3f\x00"
    return b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + segment(0xC0, frame) + segment(0xDA, scan)


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def webp_header(width: int, height: int, kind: str) -> bytes:
    """The first 30 bytes or more of a WebP: ``VP8 `` lossy, ``VP8L`` lossless, ``VP8X`` extended."""
    if kind == "VP8X":
        body = b"\x10\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == "VP8L":
        body = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + bytes(5)
    else:
        body = b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunks = b"WEBP" + kind.encode() + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """``image`` as a file, by Pillow."""
    target = io.BytesIO()
    image.save(target, file_format.upper(), **options)
    return target.getvalue()


def opened(data: bytes) -> Image.Image:
    """A file as Pillow reads it, whole."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def exif(orientation: int, words: str = "") -> Image.Exif:
    """EXIF data with an orientation and, if asked for, words in its description and GPS part."""
    data = Image.Exif()
    data[_ORIENTATION] = orientation
    if words:
        data[0x010E] = words
        data.get_ifd(0x8825)[0x001D] = words
    return data


@functools.cache
def rgb_profile() -> bytes:
    """A colour profile, larger than its header; the same bytes at every call, though the time it was made is in it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def profile_for(colour_space: bytes) -> bytes:
    """Bytes that name ``colour_space`` where a profile does, and are no good beyond that."""
    return rgb_profile()[:16] + colour_space.ljust(4) + rgb_profile()[20:]


def cmyk_profile() -> bytes:
    """A working profile after ICC.1:2001-04 under which each ink looks unlike itself: cyan red, yellow blue."""
    white, black = (255, 128, 128), (0, 128, 128)
    looks: dict[tuple[int, ...], tuple[int, int, int]]
    looks = {(1, 0, 0, 0): (136, 209, 195), (0, 0, 1, 0): (82, 207, 20), (0, 0, 0, 0): white}
    corners = [tuple(index >> shift & 1 for shift in (3, 2, 1, 0)) for index in range(16)]
    table = bytes(value for inks in corners for value in looks.get(inks, black))
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + table + ramp * 3
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(lut))
    header = struct.pack(">I4sI4s4s4s", 144 + len(lut), b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    white_point = struct.pack(">3i", 63190, 65536, 54061)
    header += bytes(12) + b"acsp" + bytes(28) + white_point
    return header.ljust(128, b"\0") + tags + lut


def assert_advises(error: LimnerError) -> None:
    """The message ends with a sentence that says what to do."""
    last = re.split(r"(?<=[.!?]) ", error.message)[-1]
    assert re.match(r"(Send|Save|Upload|Make) .+\.$", last), error.message


def noise(seed: int, *shape: int, dtype: type[np.integer[Any]] = np.uint8) -> Pixels:
    """Random values over the whole range of ``dtype``."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)
