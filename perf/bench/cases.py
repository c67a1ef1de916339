"""The photos that all sides enhance, as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from perf.photos import group_photo


@dataclass(frozen=True)
class Case:
    """One photo and what is made of it.

    Attributes:
        name: for tables.
        width, height: of the photo, in pixels.
        faces: that the photo shows.
        background: the network behind the faces, a Triton model; None for Lanczos.
        rounds: how many times each side runs, after a warm-up where there is more than one.
        sides: names of the sides that run, in turn.
        scale: of the result.
    """

    name: str
    width: int
    height: int
    faces: int
    background: str | None
    rounds: int
    sides: tuple[str, ...]
    scale: int = 2

    @cached_property
    def photo(self) -> bytes:
        """A JPEG, made once: making it is not to be measured."""
        return group_photo(self.width, self.height, self.faces)


UPSTREAM, PLAIN, FP32, INT8, HTTP = "upstream", "onnxruntime", "limner fp32", "limner int8", "limner int8, http"
ALL = (UPSTREAM, PLAIN, FP32, INT8, HTTP)
X4, X2 = "realesrgan_x4", "realesrgan_x2"

CASES = (
    Case("248x320, x4plus", 248, 320, 1, X4, 3, ALL),
    Case("248x320, x2plus", 248, 320, 1, X2, 3, ALL),
    Case("512x512, x2plus", 512, 512, 1, X2, 1, ALL),
    Case("512x512, x4plus", 512, 512, 1, X4, 1, (UPSTREAM, INT8, HTTP)),
    Case("1024x768, x2plus", 1024, 768, 3, X2, 1, ALL),
    Case("4000x3000, lanczos", 4000, 3000, 20, None, 1, (UPSTREAM, INT8)),
)
"""Upstream takes minutes for the large ones: these run once, and some of the sides are left out."""

SHORT = (Case("96x120, x4plus", 96, 120, 1, X4, 1, (PLAIN, INT8, HTTP)),)
"""In two minutes, with the models that are served here anyway."""
