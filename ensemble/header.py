"""Read format and size of an encoded photo from its first bytes, before any decoder sees it.

Decoders allocate by what the header claims (libwebp a whole canvas, at opening), so the claim is checked first.
Follows the PNG specification (IHDR), ITU-T T.81 B.1 (JPEG markers) and RFC 9649 (WebP container).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from limner.errors import DamagedImage, EmptyImage, UnsupportedFormat

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_OTHER_FORMATS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF or a camera's raw file"),
    (b"MM\x00*", "a TIFF or a camera's raw file"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"<svg", "an SVG"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"mif1", b"msf1", b"hevc"}

# SOF0-SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share the range.
_JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})


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
        header = _read_png(start)
    elif start.startswith(b"\xff\xd8\xff"):
        header = _read_jpeg(data)
    elif start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        header = _read_webp(start)
    else:
        raise UnsupportedFormat(f"This is {_describe(start)}, not a photo Limner reads. Send JPEG, PNG or WebP.")
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
        return "an AVIF" if brand == b"avif" else "a video"
    return "not an image in a known format"


def _broken(name: str) -> DamagedImage:
    return DamagedImage(f"The {name} breaks off or is damaged in its header. Upload it again from the original.")


def _read_png(start: bytes) -> Header:
    if len(start) < 29 or start[12:16] != b"IHDR":
        raise _broken("PNG")
    width, height, bit_depth = struct.unpack(">IIB", start[16:25])
    return Header("png", width, height, bit_depth)


def _read_jpeg(data: bytes | memoryview) -> Header:
    position, size = 2, len(data)
    while position + 4 <= size:
        if data[position] != 0xFF:
            raise _broken("JPEG")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _JPEG_STANDALONE:
            position += 2
        elif marker in _JPEG_FRAME_MARKERS:
            frame = bytes(data[position + 4 : position + 9])
            if len(frame) < 5:
                break
            bit_depth, height, width = struct.unpack(">BHH", frame)
            return Header("jpeg", width, height, bit_depth)
        elif marker in {0xD9, 0xDA}:  # end, or picture data without a frame before it
            break
        else:
            (length,) = struct.unpack(">H", bytes(data[position + 2 : position + 4]))
            if length < 2:
                break
            position += 2 + length
    raise _broken("JPEG")


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
