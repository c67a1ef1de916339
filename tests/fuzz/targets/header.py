"""Format and size of a photo, and what is left out of it before a decoder sees it."""

from __future__ import annotations

from limner.errors import DamagedImage, EmptyImage, UnsupportedFormat
from limner.header import MAX_PIXELS, check_pixels, read_header, without_animation, without_metadata
from tests.fuzz.corpus.bases import bases


def seeds() -> list[bytes]:
    return [case.data for case in bases()]


def check(data: bytes) -> None:
    try:
        header = read_header(data)
        assert header == read_header(memoryview(data))
    except (EmptyImage, UnsupportedFormat, DamagedImage) as error:
        assert error.message.isprintable()  # noqa: PT017 - told to whoever sent it
        return
    assert 0 < header.width <= 0xFFFF_FFFF
    assert 0 < header.height <= 0xFFFF_FFFF
    plain = without_metadata(data, header.format)
    assert len(plain) <= len(data)
    if header.width * header.height <= MAX_PIXELS:
        check_pixels(header.width, header.height)
    # What a decoder is given must be read as what was checked.
    assert read_header(plain) == header, "leaving metadata out has changed the header"
    if header.format == "png":
        assert read_header(without_animation(plain)) == header
