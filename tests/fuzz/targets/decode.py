"""A photo decoded, and encoded again with the colour profile that it brought."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ensemble.decode import decode_photo
from ensemble.encode import encode_photo
from ensemble.photo import Photo
from limner.errors import DamagedImage, EmptyImage, TooManyPixels, UnsupportedFormat
from limner.header import read_header, without_metadata
from tests.fuzz.corpus.bases import bases

MAX_PIXELS = 1 << 20


def seeds() -> list[bytes]:
    return [case.data for case in bases()]


def check(data: bytes) -> None:
    check_hidden(data)
    try:
        photo = decode_photo(data, MAX_PIXELS)
    except (EmptyImage, UnsupportedFormat, DamagedImage, TooManyPixels) as error:
        assert error.message.isprintable()  # noqa: PT017 - told to whoever sent it
        return
    check_photo(photo, MAX_PIXELS)


def check_hidden(data: bytes) -> None:
    """Pillow, which looks for segments in a way of its own, sees none of a JPEG that it should not."""
    try:
        plain = without_metadata(data, "jpeg") if read_header(data).format == "jpeg" else b""
        with Image.open(io.BytesIO(plain), formats=["JPEG"]) as image:
            seen = set(image.info)
    except Exception:
        return
    assert not seen & {"comment", "exif", "flashpix", "mp", "photoshop", "xmp"}, seen


def check_photo(photo: Photo, max_pixels: int) -> None:
    """Pixels and facts agree, and every format takes both."""
    width, height = photo.info.width, photo.info.height
    assert 0 < width * height <= max_pixels
    assert (photo.pixels.shape, photo.pixels.dtype) == ((height, width, 3), np.dtype(np.uint8))
    assert photo.alpha is None or photo.alpha.shape == (height, width)
    assert photo.fine is None or photo.fine.shape == (height, width, 3)
    for file_format in ("jpeg", "png", "webp"):
        icc = photo.icc_profile
        encoded = encode_photo(photo.pixels[:64, :64], None, file_format, 80, photo.info.gray, icc)
        with Image.open(io.BytesIO(encoded)) as result:
            assert result.size == (min(width, 64), min(height, 64))
