"""What is looked at in a result: its faces, how alike two pictures are, and whether one has moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.registration import phase_cross_correlation

Pixels = NDArray[Any]


def restored_faces(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that a restorer's face was put back for, at least one."""
    faces = [face for face in report["faces"] if face["restored"]]
    assert faces, report
    return faces


def inside(box: Sequence[float], image: Pixels, scale: int = 1) -> tuple[slice, slice]:
    """The part of ``image`` [H, W, ...], enlarged ``scale`` times, that a box of a report covers."""
    left, top, right, bottom = (round(value * scale) for value in box)
    return slice(max(0, top), min(bottom, image.shape[0])), slice(max(0, left), min(right, image.shape[1]))


def decibels(image: Pixels, expected: Pixels, peak: int = 255) -> float:
    """Peak signal-to-noise ratio; infinite where both are the same."""
    error = float(np.mean((image.astype(np.float64) - expected) ** 2))
    return float(10 * np.log10(peak**2 / error)) if error else np.inf


def shift(image: Pixels, expected: Pixels, normalization: str | None = "phase") -> NDArray[np.float64]:
    """How far ``image`` [H, W, 3] has moved down and right, in pixels, by phase correlation; edges count little.

    Without normalization strong frequencies count more than weak ones, which is better where the two differ in what
    is fine, such as two enlargements.
    """
    planes = [cv2.cvtColor(each.astype(np.float32), cv2.COLOR_RGB2GRAY) for each in (image, expected)]
    window = np.outer(*(np.hanning(length) for length in planes[0].shape))
    faded = [(plane - plane.mean()) * window for plane in planes]
    moved, *_ = phase_cross_correlation(faded[1], faded[0], upsample_factor=100, normalization=normalization)  # type: ignore[no-untyped-call]
    return -np.asarray(moved)
