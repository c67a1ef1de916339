"""Read format and size of an encoded photo, and leave out what decoders need not see, before any of them sees it.

Decoders allocate by what the header claims (libwebp a whole canvas, at opening), so the claim is checked first.
Follows the PNG specification (IHDR), ITU-T T.81 B.1 (JPEG markers) and RFC 9649 (WebP container).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from limner.errors import DamagedImage, EmptyImage, TooManyPixels, UnsupportedFormat

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
_JPEG_END, _JPEG_SCAN, _JPEG_EXIF = 0xD9, 0xDA, 0xE1
_JPEG_REFUSED = frozenset({0x00, *range(0x02, 0xC0), 0xC8, 0xD8, *range(0xF0, 0xFE)})
"""What no decoder takes where a segment begins. Some see a length behind it and some none, and so read two files."""

_JPEG_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})  # APP0-APP15, comment
_JPEG_NEEDED = {0xE0: (b"JFIF\0", 14), 0xE2: (b"ICC_PROFILE\0", 14), 0xEE: (b"Adobe", 12)}
"""Of those, what pixels and their colours depend on: how its body begins, and its least length."""

_EXIF = b"Exif\0\0"

_JPEG_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
"""A marker amid picture data, where FF 00 is a pixel byte and D0-D7 are restarts."""

_MAX_JPEG_SCANS = 100
"""Scans of a JPEG. The decoder walks the whole picture for each, though a scan may be 70 bytes; encoders write 10."""

_PNG_METADATA = frozenset({b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"cHRM", b"sRGB", b"pHYs"})
_PNG_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})

MAX_PIXELS = 50_000_000
"""Default cap on pixels, all frames of an animation together."""

MAX_PROFILE_BYTES = 1 << 20  # a larger colour profile is left out

_MAX_PARTS = 50_000
"""Chunks of a PNG, or segments and fill bytes of a JPEG: a flood of empty ones would keep the decoder for seconds."""


@dataclass(frozen=True)
class Header:
    """What the file says of itself: ``format`` is jpeg, png or webp; ``bit_depth`` is per channel."""

    format: Literal["jpeg", "png", "webp"]
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


def check_pixels(width: int, height: int, frames: int = 1, max_pixels: int = MAX_PIXELS) -> None:
    """Raise TooManyPixels where a picture of this size is not taken."""
    if width * height * frames > max_pixels:
        raise too_many_pixels(width, height, max_pixels, frames)


def too_many_pixels(width: int, height: int, max_pixels: int = MAX_PIXELS, frames: int = 1) -> TooManyPixels:
    """The error that names size and limit."""
    counted = f"{width}x{height}" + (f" with {frames} frames" if frames > 1 else "")
    return TooManyPixels(
        f"The photo is {counted}; at most {max_pixels / 1e6:g} megapixels are taken. Make it smaller and send it again."
    )


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
    for _ in _png_chunks(data):  # counts them
        pass
    return Header("png", width, height, bit_depth)


def _png_chunks(data: bytes | memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk, to the last one: what follows IEND is not of the PNG."""
    position = len(_PNG_SIGNATURE)
    for _ in range(_MAX_PARTS):
        start = bytes(data[position : position + 8])
        if len(start) < 4:
            return
        end = position + 12 + int.from_bytes(start[:4], "big")  # length, kind, body, CRC
        yield start[4:], position, end
        if start[4:] == b"IEND":
            return
        position = end
    raise _too_many_parts("PNG")


def _read_jpeg(data: bytes | memoryview) -> Header:
    header: Header | None = None
    scans = 0
    for marker, position, _ in _jpeg_segments(data):
        if marker == _JPEG_SCAN:
            if header is None:
                break
            scans += 1
            if scans > _MAX_JPEG_SCANS:
                raise _too_many_parts("JPEG")
        elif marker in _JPEG_FRAME_MARKERS and header is None and position + 9 <= len(data):
            bit_depth, height, width = struct.unpack(">BHH", data[position + 4 : position + 9])
            header = Header("jpeg", width, height, bit_depth)
    if header is None or not scans:
        raise _broken("JPEG")
    return header


def _jpeg_segments(data: bytes | memoryview) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment, to the end of the picture or of what can be read as one."""
    position, in_picture = 2, False
    for _ in range(_MAX_PARTS):
        if in_picture:
            found = _JPEG_MARKER.search(data, position)
            position = found.start() if found else len(data)
        start = bytes(data[position : position + 4])
        if len(start) < 4 or start[0] != 0xFF or start[1] == _JPEG_END or start[1] in _JPEG_REFUSED:
            return
        marker, length = start[1], int.from_bytes(start[2:4], "big")
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _JPEG_STANDALONE:
            position += 2
        elif length < 2:
            return
        else:
            yield marker, position, position + 2 + length
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


def without_metadata(data: bytes, file_format: str) -> bytes:
    """A JPEG or PNG without words, previews, resolution and the like; any other file as it is.

    Nothing of these shows in the pixels, but Pillow reads them, and refuses a good photo for an odd one: text that
    unpacks to more than 1 MiB, a short gAMA, a broken index of further pictures (MPF). Of a JPEG's EXIF, where each of
    65,535 entries may be the whole file, it makes copies of all: :func:`exif_of_jpeg` gives it to who wants some of it.
    ``file_format`` is what :func:`read_header` found.
    """
    if file_format == "webp":
        return data
    return _cut(data, _metadata_segments(data) if file_format == "jpeg" else _metadata_chunks(data))


def exif_of_jpeg(data: bytes) -> bytes:
    """The first EXIF segment of a JPEG from ``Exif`` on; empty where there is none."""
    for marker, start, end in _jpeg_segments(data):
        if marker == _JPEG_SCAN:
            break
        if marker == _JPEG_EXIF and data.startswith(_EXIF, start + 4, end):
            return data[start + 4 : end]
    return b""


def without_animation(png: bytes) -> bytes:
    """A PNG of which nothing but the still picture is left, which viewers without animation show."""
    return _cut(png, ((start, end) for kind, start, end in _png_chunks(png) if kind in _PNG_ANIMATION))


def _metadata_segments(data: bytes) -> Iterator[tuple[int, int]]:
    for marker, start, end in _jpeg_segments(data):
        if marker == _JPEG_SCAN:
            return
        if marker in _JPEG_METADATA:
            body = data[start + 4 : end]
            beginning, least = _JPEG_NEEDED.get(marker, (b"", len(body) + 1))
            if not body.startswith(beginning) or len(body) < least:
                yield start, end


def _metadata_chunks(data: bytes) -> Iterator[tuple[int, int]]:
    profiles = 0
    for kind, start, end in _png_chunks(data):
        profiles += kind == b"iCCP"  # of a flood of them one alone is unpacked
        if kind in _PNG_METADATA or (kind == b"iCCP" and (profiles > 1 or not _is_readable_profile(data[start:end]))):
            yield start, end


def _is_readable_profile(chunk: bytes) -> bool:
    """Whether an iCCP chunk unpacks, and to no more than ``MAX_PROFILE_BYTES``."""
    _, _, packed = chunk[8:-4].partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return False
    return packed[:1] == b"\0" and not unpacker.unconsumed_tail


def _cut(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """``data`` without what lies from ``start`` to ``end`` of each span; they ascend."""
    kept, position = [], 0
    for start, end in spans:
        kept.append(data[position:start])
        position = end
    return b"".join([*kept, data[position:]])
