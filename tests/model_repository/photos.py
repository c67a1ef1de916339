"""Encoded photos for tests, small and quick."""

from __future__ import annotations

import io

from PIL import Image

from ensemble.photo import UInt8


def encode(pixels: UInt8, file_format: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(target, file_format, **options)
    return target.getvalue()


def decode(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
