"""Encode step: pixels to a JPEG, PNG or WebP file.

Of the input's metadata its colour profile alone goes in; the one thing added is the XMP packet that is passed.
"""

from __future__ import annotations

import io
import zlib
from typing import Protocol

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ensemble.photo import UInt8, UInt16
from ensemble.png import write_png
from ensemble.profile import rgb_from_gray

_PNG_COMPRESSION = 3
_PNG_XMP = b"XML:com.adobe.xmp" + bytes(5)
"""Keyword, neither compressed nor in any language, no translated keyword (XMP specification 3, 1.1.5)."""

_CHROMA_444_FROM = 90
"""JPEG quality from which colour is stored at full resolution."""


class SlicedByRows(Protocol):
    """An array of uint16, or what makes a part of one where it is sliced."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: slice, /) -> UInt16: ...


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
        packet = PngInfo()
        if xmp is not None:
            packet.add(b"iTXt", _PNG_XMP + xmp)
        image.save(target, "PNG", compress_level=_PNG_COMPRESSION, icc_profile=icc_profile, pnginfo=packet)
        return target.getvalue()
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
    pixels: SlicedByRows, alpha: UInt8 | None, gray: bool, icc_profile: bytes | None, xmp: bytes | None = None
) -> bytes:
    """Encode a PNG with 16 bits per channel, which Pillow cannot write.

    Args:
        pixels: uint16 [H, W, 3], RGB.
        alpha: uint8 [H, W] or None.
        gray: store one channel of luma instead of colour.
        icc_profile: profile of the pixels.
        xmp: XMP packet to write.
    """
    height, width = pixels.shape[:2]
    channels = (1 if gray else 3) + (alpha is not None)

    def rows(top: int, bottom: int) -> UInt16:
        band = pixels[top:bottom]
        if gray:
            band = np.asarray(cv2.cvtColor(band, cv2.COLOR_RGB2GRAY), np.uint16)
        if alpha is not None:
            band = np.asarray(cv2.merge([band, alpha[top:bottom].astype(np.uint16) * 257]), np.uint16)
        return band.reshape(bottom - top, width, channels)

    # Ahead of the pixels every reader finds them, and a profile has to be there.
    extra = [] if icc_profile is None else [(b"iCCP", b"icc\0\0" + zlib.compress(icc_profile))]
    if xmp is not None:
        extra.append((b"iTXt", _PNG_XMP + xmp))
    return write_png(width, height, channels, rows, extra)
