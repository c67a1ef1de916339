"""Whether a restored face is still the same person, and how far it is held back where it is not.

SFace turns a face into an embedding of length 1; the dot product of two is their likeness, -1..1. Faces are laid under
its template as ``cv2.FaceRecognizerSF.alignCrop`` of OpenCV 4.11 does it, from the aligned face of 512 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ensemble.align import FACE_SIZE, Float64
from ensemble.photo import Float32, UInt8

EMBEDDED_SIZE = 112
"""Side of the face that SFace takes, in pixels."""

SHARES = (0.25, 0.5, 0.75)
"""How much of the unrestored face is blended in, step by step, until the likeness is reached."""

_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
_BETWEEN = 144
"""Side that faces are shrunk to by area first: taking every fourth pixel of a sharp face would alias."""


@dataclass(frozen=True)
class Verdict:
    """What became of a restored face.

    Attributes:
        likeness: to the face in the photo, -1..1, of what is pasted, or of the restored face where it is left out.
        share: of the unrestored face in what is pasted, 0..1; 1 where the restored face is left out.
    """

    likeness: float
    share: float

    @property
    def action(self) -> str:
        """``kept``, ``blended`` or ``left out``."""
        if self.share == 0:
            return "kept"
        return "blended" if self.share < 1 else "left out"

    def to_json(self) -> dict[str, object]:
        return {"likeness": round(self.likeness, 4), "action": self.action, "share_of_input": self.share}


def embedding_input(face: UInt8, landmarks: Float64) -> UInt8:
    """An aligned face uint8 [512, 512, 3] RGB as SFace takes it: uint8 [112, 112, 3].

    Args:
        face: aligned, restored or not.
        landmarks: float64 [5, 2], x, y in the aligned face, in the order of ``ensemble.align.TEMPLATE``.
    """
    small = cv2.resize(face, (_BETWEEN, _BETWEEN), interpolation=cv2.INTER_AREA)
    factor = _BETWEEN / FACE_SIZE
    # The middle of a pixel stays the middle of a pixel.
    matrix = similarity((landmarks + 0.5) * factor - 0.5, _TEMPLATE)
    return np.asarray(cv2.warpAffine(small, matrix, (EMBEDDED_SIZE, EMBEDDED_SIZE)), np.uint8)


def similarity(points: Float64, targets: Float64) -> Float64:
    """The similarity float64 [2, 3] that takes points float64 [N, 2] nearest to targets, in least squares."""
    x, y = points.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    (a, b, right, down), *_ = np.linalg.lstsq(rows, np.concatenate([targets[:, 0], targets[:, 1]]), rcond=None)
    return np.array([[a, -b, right], [b, a, down]])


def blend(restored: UInt8, cropped: UInt8, share: float) -> UInt8:
    """``share`` of the unrestored face in the restored one, both uint8 [512, 512, 3]."""
    return np.asarray(cv2.addWeighted(cropped, share, restored, 1 - share, 0), np.uint8)


def likeness(embeddings: Float32, of: Float32) -> Float64:
    """Of each embedding float32 [N, 128] to one, float32 [128]: float64 [N] in -1..1; -1 where one is not finite."""
    with np.errstate(invalid="ignore"):
        products = embeddings.astype(np.float64) @ of.astype(np.float64)
    return np.clip(np.where(np.isfinite(products), products, -1.0), -1.0, 1.0)


def judge(likenesses: Float64, threshold: float) -> Verdict:
    """The first of the shares that passes, or the restored face left out.

    Args:
        likenesses: float64 [1 + len(SHARES)], of the restored face and of its blends.
        threshold: likeness that is wanted.
    """
    for share, value in zip((0.0, *SHARES), likenesses, strict=True):
        if value >= threshold:
            return Verdict(float(value), share)
    return Verdict(float(likenesses[0]), 1.0)
