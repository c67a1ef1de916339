"""Encode step: pixels to a JPEG, PNG or WebP file.

Of the input's metadata its colour profile alone goes in; the one thing added is the XMP packet that is passed.
"""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

from ensemble.photo import UInt8, UInt16
from ensemble.profile import rgb_from_gray
from limner.errors import InferenceFailed

_PNG_COMPRESSION = 3
_END_OF_IHDR = 8 + 4 + 4 + 13 + 4
"""Signature; length, name, body and checksum of the IHDR."""

_CHROMA_444_FROM = 90
"""JPEG quality from which colour is stored at full resolution."""


def choose_format(wanted: str, source: str, opaque: bool) -> str:
    """``jpeg``, ``png`` or ``webp``; transparency that JPEG would lose forces PNG.

    Args:
        wanted: the option ``output_format``.
        source: format of the input.
        opaque: nothing in the picture is transparent.
    """
    chosen = source if wanted == "auto" else wanted
    return "png" if chosen == "jpeg" and not opaque else chosen


def encode_photo(
    pixels: UInt8,
    alpha: UInt8 | None,
    file_format: str,
    quality: int,
    gray: bool,
    icc_profile: bytes | None,
    xmp: bytes | None = None,
) -> bytes:
    """Encode 8 bits per channel.

    Args:
        pixels: uint8 [H, W, 3], RGB.
        alpha: uint8 [H, W] or None; JPEG leaves it out.
        file_format: ``jpeg``, ``png`` or ``webp``.
        quality: 1..100 for JPEG and WebP.
        gray: store one channel of luma instead of colour.
        icc_profile: profile of the pixels; a gray one becomes its like for colour in a WebP, which stores no gray.
        xmp: XMP packet to write, at most 65,504 bytes.
    """
    image = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if gray else pixels)
    if alpha is not None and file_format != "jpeg":
        image.putalpha(Image.fromarray(alpha))
    target = io.BytesIO()
    if file_format == "png":
        image.save(target, format="PNG", compress_level=_PNG_COMPRESSION)
        return with_metadata(target.getvalue(), icc_profile, xmp)
    options: dict[str, object] = {"quality": quality}
    if icc_profile is not None and file_format == "webp" and icc_profile[16:20] == b"GRAY":
        icc_profile = rgb_from_gray(icc_profile)
    if icc_profile is not None:
        options["icc_profile"] = icc_profile
    if xmp is not None:
        options["xmp"] = xmp
    if file_format == "jpeg":
        options["subsampling"] = 0 if quality >= _CHROMA_444_FROM else 2
    else:
        options["method"] = 4
    image.save(target, format=file_format.upper(), **options)
    return target.getvalue()


def encode_png_16_bit(
    pixels: UInt16, alpha: UInt8 | None, gray: bool, icc_profile: bytes | None, xmp: bytes | None = None
) -> bytes:
    """Encode a PNG with 16 bits per channel, which Pillow cannot write.

    Args:
        pixels: uint16 [H, W, 3], RGB.
        alpha: uint8 [H, W] or None.
        gray: store luma alone; three times where there is alpha, for OpenCV writes no gray with alpha.
        icc_profile: profile of the pixels; a gray one becomes its like for colour where there is alpha.
        xmp: XMP packet to write.
    """
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    if gray:
        bgr = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.uint16, copy=False)
    if alpha is not None:
        layers = [bgr, bgr, bgr] if gray else [bgr]
        bgr = np.dstack([*layers, alpha.astype(np.uint16) * 257])
    done, encoded = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION])
    if not done:
        raise InferenceFailed("The result could not be encoded as a 16-bit PNG. Ask for output_format=jpeg.")
    if icc_profile is not None and alpha is not None and icc_profile[16:20] == b"GRAY":
        icc_profile = rgb_from_gray(icc_profile)
    return with_metadata(encoded.tobytes(), icc_profile, xmp)


def with_metadata(png: bytes, icc_profile: bytes | None, xmp: bytes | None) -> bytes:
    """A PNG with what is given put behind its IHDR, as iCCP and iTXt (PNG specification 11.3.2.3, 11.3.3.4).

    Ahead of the pixels, that is: there every reader finds it, and a profile has to be there.
    """
    chunks: list[bytes] = []
    if icc_profile is not None:
        chunks.append(_chunk(b"iCCP", b"icc\x00\x00" + zlib.compress(icc_profile)))
    if xmp is not None:
        # Keyword, neither compressed nor in any language, no translated keyword (XMP specification 3, 1.1.5).
        chunks.append(_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp))
    view = memoryview(png)
    return b"".join([view[:_END_OF_IHDR], *chunks, view[_END_OF_IHDR:]])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
