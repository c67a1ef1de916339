"""Read format and size of an encoded photo from its first bytes, before any decoder sees it.

Decoders allocate by what the header claims (libwebp a whole canvas, at opening), so the claim is checked first.
Follows the PNG specification (IHDR), ITU-T T.81 B.1 (JPEG markers) and RFC 9649 (WebP container).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from limner.errors import DamagedImage, EmptyImage, UnsupportedFormat

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_OTHER_FORMATS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF or a camera's raw file"),
    (b"MM\x00*", "a TIFF or a camera's raw file"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"<svg", "an SVG"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"}
_AVIF_BRANDS = {b"avif", b"avis"}

# SOF0-SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share the range.
_JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA
_JPEG_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
"""A marker amid picture data, where FF 00 is a pixel byte and D0-D7 are restarts."""

_MAX_JPEG_SCANS = 100
"""Scans of a JPEG. The decoder walks the whole picture for each, though a scan may be 70 bytes; encoders write 10."""

_MAX_PARTS = 50_000
"""Chunks of a PNG, or segments and fill bytes of a JPEG: a flood of empty ones would keep the decoder for seconds."""


@dataclass(frozen=True)
class Header:
    """What the file says of itself: ``format`` is jpeg, png or webp; ``bit_depth`` is per channel."""

    format: str
    width: int
    height: int
    bit_depth: int = 8


def read_header(data: bytes | memoryview) -> Header:
    """Format, size and bit depth of an encoded photo.

    Raises:
        EmptyImage: there are no bytes.
        UnsupportedFormat: it is not JPEG, PNG or WebP, whatever its name says.
        DamagedImage: the header breaks off or contradicts itself.
    """
    if len(data) == 0:
        raise EmptyImage("The file is empty. Send a JPEG, PNG or WebP photo.")
    start = bytes(data[:32])
    if start.startswith(_PNG_SIGNATURE):
        header = _read_png(data)
    elif start.startswith(b"\xff\xd8\xff"):
        header = _read_jpeg(data)
    elif start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        header = _read_webp(start)
    else:
        raise UnsupportedFormat(f"This is {_describe(start)}, which Limner does not read. Send JPEG, PNG or WebP.")
    if header.width == 0 or header.height == 0:
        raise DamagedImage("The photo claims to have no width or no height. Save it again from an image editor.")
    return header


def _describe(start: bytes) -> str:
    for magic, name in _OTHER_FORMATS:
        if start.startswith(magic):
            return name
    if start[4:8] == b"ftyp":
        brand = start[8:12]
        if brand in _HEIF_BRANDS:
            return "a HEIC"
        return "an AVIF" if brand in _AVIF_BRANDS else "a video"
    return "a file of unknown format"


def _broken(name: str) -> DamagedImage:
    return DamagedImage(f"The {name} breaks off or is damaged in its header. Upload it again from the original.")


def _too_many_parts(name: str) -> DamagedImage:
    return DamagedImage(f"The {name} is cut into more parts than any camera writes. Save it anew from an image editor.")


def _read_png(data: bytes | memoryview) -> Header:
    start = bytes(data[:29])
    if len(start) < 29 or start[12:16] != b"IHDR":
        raise _broken("PNG")
    width, height, bit_depth = struct.unpack(">IIB", start[16:25])
    position = len(_PNG_SIGNATURE)
    for _ in range(_MAX_PARTS):
        if position + 4 > len(data):
            return Header("png", width, height, bit_depth)
        position += 12 + int.from_bytes(data[position : position + 4], "big")  # length, kind, body, CRC
    raise _too_many_parts("PNG")


def _read_jpeg(data: bytes | memoryview) -> Header:
    header: Header | None = None
    scans = 0
    for marker, body in _jpeg_segments(data):
        if marker == _JPEG_SCAN:
            if header is None:
                break
            scans += 1
            if scans > _MAX_JPEG_SCANS:
                raise _too_many_parts("JPEG")
        elif marker in _JPEG_FRAME_MARKERS and header is None and len(body) == 5:
            bit_depth, height, width = struct.unpack(">BHH", body)
            header = Header("jpeg", width, height, bit_depth)
    if header is None or not scans:
        raise _broken("JPEG")
    return header


def _jpeg_segments(data: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
    """Marker and first five bytes of each segment, to the end of the picture or of what can be read as one."""
    position, in_picture = 2, False
    for _ in range(_MAX_PARTS):
        if in_picture:
            found = _JPEG_MARKER.search(data, position)
            position = found.start() if found else len(data)
        start = bytes(data[position : position + 9])
        if len(start) < 4 or start[0] != 0xFF or start[1] == _JPEG_END:
            return
        marker, length = start[1], int.from_bytes(start[2:4], "big")
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _JPEG_STANDALONE:
            position += 2
        elif length < 2:
            return
        else:
            yield marker, start[4:]
            in_picture = in_picture or marker == _JPEG_SCAN
            position += 2 + length
    raise _too_many_parts("JPEG")


def _read_webp(start: bytes) -> Header:
    kind = start[12:16]
    if kind == b"VP8X" and len(start) >= 30:
        width = int.from_bytes(start[24:27], "little") + 1
        height = int.from_bytes(start[27:30], "little") + 1
        return Header("webp", width, height)
    if kind == b"VP8L" and len(start) >= 25 and start[20] == 0x2F:
        bits = int.from_bytes(start[21:25], "little")
        return Header("webp", (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
    if kind == b"VP8 " and len(start) >= 30 and start[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", start[26:30])
        return Header("webp", width & 0x3FFF, height & 0x3FFF)
    raise _broken("WebP")
