"""What the users do, how often: which photos they hand in, and what they look at meanwhile."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

from PIL import Image, ImageOps
from skimage import data

SCALE = 2
"""Of every result; the default of ``enhancement_level``."""


@dataclass(frozen=True)
class Kind:
    """One kind of photo.

    Attributes:
        size: width and height in pixels.
        background: what enlarges the picture.
        share: how often it is handed in, of 100 photos.
    """

    size: tuple[int, int]
    background: str
    share: int

    @property
    def name(self) -> str:
        return "{}x{} {}".format(*self.size, self.background)

    @property
    def photo(self) -> bytes:
        """The photo as a JPEG."""
        return _portrait(self.size)

    def is_result(self, image: bytes) -> bool:
        """Whether ``image`` is a whole JPEG of the size that was asked for."""
        if not (image.startswith(b"\xff\xd8") and image.endswith(b"\xff\xd9")):
            return False
        with Image.open(io.BytesIO(image)) as result:
            return result.size == (SCALE * self.size[0], SCALE * self.size[1])


MIX = (
    Kind((160, 200), "lanczos", 45),
    Kind((160, 200), "realesrgan", 7),
    Kind((248, 320), "lanczos", 25),
    Kind((248, 320), "realesrgan", 3),
    Kind((512, 512), "lanczos", 12),
    Kind((1024, 768), "lanczos", 8),
)
"""Most photos are small, and most backgrounds are enlarged by Lanczos: Real-ESRGAN takes seconds on two cores."""

DELETED, LISTENERS = 0.1, 0.4
"""Of the photos: those that are deleted before they are fetched; of the others, those whose events are listened to."""

LOOKS = {"state": 0.6, "models": 0.2, "healthz": 0.15, "page": 0.05}
"""What users look at between photos; who had no photo yet, at ``/healthz`` in place of its state."""

BACKGROUNDS = ("lanczos", "realesrgan")


@functools.cache
def _portrait(size: tuple[int, int]) -> bytes:
    encoded = io.BytesIO()
    astronaut = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    ImageOps.fit(astronaut, size, Image.Resampling.LANCZOS).save(encoded, "JPEG", quality=80)
    return encoded.getvalue()
