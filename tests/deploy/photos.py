"""Photos that are sent through nginx, and the options that make them quick or slow to enhance."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image

QUICK = {"background": "lanczos", "restorer": "none"}
SLOW = {"background": "realesrgan", "restorer": "none"}

LARGE = {**QUICK, "output_format": "jpeg", "quality": "100"}
"""For :func:`noise`: results much larger than what connections hold on the way, without much work."""


@functools.lru_cache(maxsize=8)
def noise(side: int, seed: int = 8, image_format: str = "PNG") -> bytes:
    """Three bytes a pixel as a PNG: nothing of it is anywhere by accident."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, image_format)
    return encoded.getvalue()


def form(photo: bytes, name: str = "a.png") -> dict[str, tuple[str, bytes]]:
    """``files`` of httpx."""
    return {"file": (name, photo)}
