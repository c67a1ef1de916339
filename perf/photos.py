"""Photos of any size, of NASA's public-domain portrait of Eileen Collins: one, or a given number of faces."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image
from skimage import data

from ensemble.photo import UInt8

_FACE = (slice(0, 250), slice(100, 350))
_BACKDROP = (slice(300, 512), slice(0, 512))
"""Where NASA's portrait shows a face, and where it shows none."""

_HEAD_AND_SHOULDERS = (70, 0, 380, 400)
QUALITY = 90


def group_photo(width: int, height: int, faces: int) -> bytes:
    """A JPEG of ``width`` × ``height`` pixels with ``faces`` equal portraits in rows, each in a light of its own."""
    portrait: UInt8 = np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    photo = Image.fromarray(portrait[_BACKDROP]).resize((width, height), Image.Resampling.BICUBIC)
    columns, side = places_of(width, height, faces)
    face = Image.fromarray(portrait[_FACE]).resize((side, side), Image.Resampling.LANCZOS)
    for number in range(faces):
        light = 0.8 + 0.3 * number / max(1, faces)
        place = (number % columns * side, number // columns * side)
        photo.paste(face.point(lambda value, light=light: min(255, round(value * light))), place)
    encoded = io.BytesIO()
    photo.save(encoded, "JPEG", quality=QUALITY)
    return encoded.getvalue()


def places_of(width: int, height: int, faces: int) -> tuple[int, int]:
    """How many columns the portraits stand in, and their side in pixels: as large as fit."""
    sizes = ((columns, min(width // columns, height // math.ceil(faces / columns))) for columns in range(1, faces + 1))
    return max(sizes, key=lambda size: size[1], default=(1, min(width, height)))


def portrait(width: int, height: int) -> bytes:
    """One face, as a JPEG of ``width`` by ``height`` pixels."""
    encoded = io.BytesIO()
    picture = Image.fromarray(data.astronaut()).crop(_HEAD_AND_SHOULDERS)  # type: ignore[no-untyped-call]
    picture.resize((width, height), Image.Resampling.LANCZOS).save(encoded, "JPEG", quality=QUALITY)
    return encoded.getvalue()
