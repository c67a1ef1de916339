"""Encode step: pixels to a JPEG, PNG or WebP file without any of the input's metadata but its colour profile."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

from ensemble.photo import UInt8, UInt16
from limner.errors import InferenceFailed

_PNG_COMPRESSION = 3
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
    pixels: UInt8, alpha: UInt8 | None, file_format: str, quality: int, gray: bool, icc_profile: bytes | None
) -> bytes:
    """Encode 8 bits per channel.

    Args:
        pixels: uint8 [H, W, 3], RGB.
        alpha: uint8 [H, W] or None; JPEG leaves it out.
        file_format: ``jpeg``, ``png`` or ``webp``.
        quality: 1..100 for JPEG and WebP.
        gray: store one channel of luma instead of colour.
        icc_profile: profile of the pixels; a gray one is left out of a WebP, which always stores colour.
    """
    image = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if gray else pixels)
    if alpha is not None and file_format != "jpeg":
        image.putalpha(Image.fromarray(alpha))
    usable = icc_profile is not None and not (file_format == "webp" and icc_profile[16:20] == b"GRAY")
    options: dict[str, object] = {"icc_profile": icc_profile} if usable else {}
    if file_format == "jpeg":
        options |= {"quality": quality, "subsampling": 0 if quality >= _CHROMA_444_FROM else 2}
    elif file_format == "webp":
        options |= {"quality": quality, "method": 4}
    else:
        options |= {"compress_level": _PNG_COMPRESSION}
    target = io.BytesIO()
    image.save(target, format=file_format.upper(), **options)
    return target.getvalue()


def encode_png_16_bit(pixels: UInt16, alpha: UInt8 | None, gray: bool, icc_profile: bytes | None) -> bytes:
    """Encode a PNG with 16 bits per channel, which Pillow cannot write.

    Args:
        pixels: uint16 [H, W, 3], RGB.
        alpha: uint8 [H, W] or None.
        gray: store luma alone; three times where there is alpha, for OpenCV writes no gray with alpha.
        icc_profile: profile of the pixels.
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
    usable = icc_profile is not None and not (alpha is not None and icc_profile[16:20] == b"GRAY")
    return with_icc_profile(encoded.tobytes(), icc_profile) if icc_profile is not None and usable else encoded.tobytes()


def with_icc_profile(png: bytes, icc_profile: bytes) -> bytes:
    """A PNG with an iCCP chunk put behind its IHDR (PNG specification 11.3.2.3)."""
    body = b"icc\x00\x00" + zlib.compress(icc_profile)
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body + struct.pack(">I", zlib.crc32(b"iCCP" + body))
    end_of_header = 8 + 4 + 4 + 13 + 4
    return png[:end_of_header] + chunk + png[end_of_header:]
