"""A decoded photo and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]
Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PhotoInfo:
    """Facts about the photo as it was sent, after its EXIF orientation was applied.

    Attributes:
        width, height: pixels.
        format: ``jpeg``, ``png`` or ``webp``.
        mode: colour model of the file: ``RGB``, ``RGBA``, ``L``, ``LA``, ``P``, ``CMYK``, ``1``, ...
        bit_depth: bits per channel that are kept: 8 or 16.
        frames: 1, or the number of frames of an animation (only the first is used).
        bytes: size of the encoded file.
        gray: True where the file holds no colour; the result holds none either.
        opaque: True where there is no transparency that a result without alpha would lose.
        colourless: True where a file that could hold colour holds none; the result has equal red, green and blue.
    """

    width: int
    height: int
    format: str
    mode: str
    bit_depth: int
    frames: int
    bytes: int
    gray: bool
    opaque: bool
    colourless: bool = False


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        pixels: uint8 [H, W, 3], RGB, 0..255.
        alpha: uint8 [H, W], or None where the file has no alpha.
        fine: int16 [H, W, 3], -128..128: what ``pixels * 257`` lacks of a 16-bit photo; None for 8 bits.
        icc_profile: profile of ``pixels``, or None for sRGB.
        info: facts about the file.
    """

    pixels: UInt8
    alpha: UInt8 | None
    fine: Int16 | None
    icc_profile: bytes | None
    info: PhotoInfo
