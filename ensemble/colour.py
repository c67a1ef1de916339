"""Colour that restoration must not change: how far that of a face has drifted, and none where there was none."""

from __future__ import annotations

import cv2
import numpy as np

from ensemble.align import FACE_SIZE
from ensemble.photo import UInt8

VISIBLE_SHIFT = 6.0
"""Difference of mean colours from which a report notes it: about the smallest that one sees without comparing."""

_MIDDLE = np.s_[FACE_SIZE // 4 : 7 * FACE_SIZE // 8, FACE_SIZE // 4 : 3 * FACE_SIZE // 4]
"""Brow to chin, ear to ear in an aligned face."""


def colour_shift(cropped: UInt8, restored: UInt8) -> float:
    """Distance of the mean colours of two aligned faces uint8 [512, 512, 3] RGB: CIE 1976 ΔE, 0 for the same."""
    means = [
        cv2.cvtColor(face[_MIDDLE].astype(np.float32).mean((0, 1), keepdims=True) / 255, cv2.COLOR_RGB2LAB)[0, 0]
        for face in (cropped, restored)
    ]
    return float(np.linalg.norm(means[0] - means[1]))


def drain_colour(pixels: UInt8) -> None:
    """Make uint8 [H, W, 3] RGB gray, in place: what networks tint of a black-and-white photo."""
    pixels[:] = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
