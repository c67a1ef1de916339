"""Photos that can be told from each other, and what each is to be enhanced with."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from ensemble.photo import UInt8, UInt16
from perf.photos import group_photo

Value = str | int | bool


@dataclass(frozen=True)
class Case:
    """A photo and its options. ``kind`` is what the file is, ``seed`` what is to be seen in it."""

    kind: str
    seed: int
    width: int
    height: int
    options: tuple[tuple[str, Value], ...] = ()

    @property
    def parameters(self) -> dict[str, Value]:
        return dict(self.options)

    @property
    def fields(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.options}

    @property
    def name(self) -> str:
        """Each case has a file name of its own."""
        return f"人像 {self.kind} {self.seed}.{_ENDINGS.get(self.kind, 'png')}"

    @property
    def photo(self) -> bytes:
        return encoded(self.kind, self.seed, self.width, self.height)


_ENDINGS = {"jpeg": "jpg", "faces": "jpg", "webp": "webp"}
_LIMITED = 24
"""Brightest minus darkest of the noise: less than what tells two patterns apart."""


def pattern(seed: int, width: int, height: int) -> UInt8:
    """Coarse patches of colour, which enlarging keeps, and fine noise, which differs everywhere."""
    random = np.random.default_rng(seed)
    patches = random.integers(30, 226, (5, 5, 3), dtype=np.uint8)
    coarse = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    noise = random.integers(-_LIMITED // 2, _LIMITED // 2, (height, width, 3), dtype=np.int16)
    return np.clip(coarse + noise, 0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=64)
def encoded(kind: str, seed: int, width: int, height: int) -> bytes:
    """``jpeg``, ``png``, ``webp``, ``gray``, ``alpha``, ``deep`` (16 bits), ``faces`` (two), ``cut`` or ``text``."""
    pixels = pattern(seed, width, height)
    if kind == "faces":
        return _lit(group_photo(width, height, 2), seed)
    if kind == "text":
        return b"no photo " * seed
    if kind == "deep":
        deep: UInt16 = np.asarray(pixels.astype(np.uint16) * 257 + seed, np.uint16)
        return bytes(cv2.imencode(".png", deep)[1])
    image = Image.fromarray(pixels)
    if kind == "gray":
        image = image.convert("L")
    if kind == "alpha":
        image.putalpha(Image.fromarray(pattern(seed + 1, width, height)[..., 0]))
    target = io.BytesIO()
    image.save(target, {"jpeg": "JPEG", "webp": "WEBP"}.get(kind, "PNG"))
    content = target.getvalue()
    return content[: len(content) // 2] if kind == "cut" else content


def _lit(photo: bytes, seed: int) -> bytes:
    """The photo in a light of its own, so that no two are alike."""
    image = Image.open(io.BytesIO(photo)).point(lambda value: round(value * (0.7 + 0.02 * (seed % 16))))
    target = io.BytesIO()
    image.save(target, "JPEG", quality=90)
    return target.getvalue()


def _case(kind: str, seed: int, size: tuple[int, int], **options: Value) -> Case:
    return Case(kind, seed, *size, tuple(options.items()))


_NETWORK = {"background": "realesrgan", "restorer": "none"}
_QUICK = {"background": "lanczos"}

CASES: tuple[Case, ...] = (
    # One tile each, all of one size: the network is given tiles of two of them as one batch.
    *(_case("png", seed, (40, 32), **_NETWORK, enhancement_level=1 + seed % 4) for seed in range(1, 5)),
    _case("jpeg", 5, (40, 32), **_NETWORK, output_format="png"),
    _case("webp", 6, (40, 32), **_NETWORK),
    _case("alpha", 7, (40, 32), **_NETWORK),
    _case("deep", 8, (40, 32), **_NETWORK),
    # Two tiles each, of one size, too.
    _case("png", 9, (330, 16), **_NETWORK, enhancement_level=2),
    _case("png", 10, (330, 16), **_NETWORK, enhancement_level=2),
    _case("jpeg", 11, (160, 120), **_QUICK, quality=70),
    _case("jpeg", 12, (160, 120), **_QUICK, quality=100),
    _case("webp", 13, (120, 70), **_QUICK, enhancement_level=3),
    _case("alpha", 14, (120, 90), **_QUICK, output_format="webp"),
    _case("alpha", 15, (120, 90), **_QUICK, output_format="jpeg"),
    _case("gray", 16, (90, 120), **_QUICK, enhancement_level=4),
    _case("deep", 17, (90, 120), **_QUICK, enhancement_level=3),
    _case("deep", 18, (90, 120), **_QUICK, output_format="jpeg"),
    _case("png", 19, (1, 1), **_QUICK, enhancement_level=4),
    _case("faces", 20, (200, 120), **_QUICK),
    _case("faces", 21, (200, 120), **_QUICK, enhancement_level=1, only_center_face=True),
    _case("png", 22, (44, 36)),
    _case("cut", 23, (200, 200), **_QUICK),
    _case("text", 24, (1, 1), **_QUICK),
    _case("png", 25, (64, 48), **_QUICK, quality=0),
    _case("png", 26, (1100, 60), **_QUICK, enhancement_level=4),
)
"""What tasks are drawn from; the last four are refused: cut, no photo, a wrong option, too large a result."""
