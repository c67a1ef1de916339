"""What happens to a photo before Limner sees it: blur, shrinking, noise, JPEG.

The kinds and ranges are those of the first-order degradations that Real-ESRGAN (its ``options``) and GFPGAN (its
``ffhq_degradation_dataset``) were trained on; calibrating on them puts activations where they will be in use.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]

_INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


@dataclass(frozen=True)
class Damage:
    """How much of each kind.

    Attributes:
        blur: standard deviation of a Gaussian, in pixels; 0 for none.
        shrink: factor by which the sides shrink; 1 for none.
        noise: standard deviation of Gaussian noise, in levels of 255; 0 for none.
        quality: of JPEG, 1 to 100.
        interpolation: of the shrinking, a flag of OpenCV.
    """

    blur: float = 0.0
    shrink: float = 1.0
    noise: float = 0.0
    quality: int = 95
    interpolation: int = cv2.INTER_AREA


def draw_damage(random: np.random.Generator, max_shrink: float) -> Damage:
    """A damage from light to heavy; ``max_shrink`` is the largest factor."""
    return Damage(
        blur=float(random.uniform(0.2, 3.0)) if random.random() < 0.7 else 0.0,
        shrink=float(np.exp(random.uniform(0.0, np.log(max_shrink)))),
        noise=float(random.uniform(1.0, 25.0)) if random.random() < 0.6 else 0.0,
        quality=int(random.integers(30, 96)),
        interpolation=_INTERPOLATIONS[int(random.integers(len(_INTERPOLATIONS)))],
    )


def damaged(photo: UInt8, damage: Damage, random: np.random.Generator) -> UInt8:
    """UINT8 [H, W, 3] RGB → UINT8 [H / shrink, W / shrink, 3] RGB: blur, shrink, noise, JPEG, in this order."""
    height, width = photo.shape[:2]
    result = photo.astype(np.float32)
    if damage.blur:
        result = cv2.GaussianBlur(result, (0, 0), damage.blur).astype(np.float32)
    if damage.shrink > 1.0:
        size = (max(1, round(width / damage.shrink)), max(1, round(height / damage.shrink)))
        result = cv2.resize(result, size, interpolation=damage.interpolation).astype(np.float32)
    if damage.noise:
        result = result + random.normal(0.0, damage.noise, result.shape).astype(np.float32)
    levels = result.round().clip(0, 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", levels[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, damage.quality))[1]
    return np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]).astype(np.uint8)
