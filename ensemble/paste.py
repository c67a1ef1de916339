"""Put restored faces back into the enlarged photo, each within its own region.

Follows facexlib 0.3.0 (``FaceRestoreHelper.paste_faces_to_input_image``). Upstream warps and blends the whole canvas
for every face; here only the rectangle that the face covers is touched, so the cost grows with the faces' area. The
mask is zero outside it, so the result is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from ensemble.align import FACE_SIZE, Float64
from ensemble.photo import Float32, Int16, UInt8

NOT_FACE = (0, 14, 16, 17, 18)
"""Classes of the parser that stay as they are in the photo: background, neck, clothes, hair, hat."""

_BLUR_SIZE = (101, 101)
_BLUR_SIGMA = 11
_BAND_PIXELS = 1 << 20
_BORDER = 10
"""Pixels along the edges of an aligned face that are never pasted."""


@dataclass(frozen=True)
class Region:
    """A rectangle of the canvas: rows ``top`` to ``bottom``, columns ``left`` to ``right``, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def is_empty(self) -> bool:
        return self.top >= self.bottom or self.left >= self.right

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, as OpenCV has it."""
        return self.right - self.left, self.bottom - self.top


def parsed_mask(classes: UInt8) -> Float32:
    """Where an aligned face is face, with soft edges: float32 [512, 512] in 0..1 of classes uint8 [512, 512]."""
    mask = np.where(np.isin(classes, NOT_FACE), 0.0, 255.0)
    for _ in range(2):
        mask = cv2.GaussianBlur(mask, _BLUR_SIZE, _BLUR_SIGMA)
    mask[:_BORDER] = mask[-_BORDER:] = 0
    mask[:, :_BORDER] = mask[:, -_BORDER:] = 0
    return np.asarray(mask / 255.0, np.float32)


def region_of(inverse: Float64, width: int, height: int) -> Region:
    """The part of a canvas that an aligned face covers, with a pixel around it.

    Args:
        inverse: float64 [2, 3], from the face to the canvas.
        width, height: of the canvas.
    """
    end = FACE_SIZE - 1
    corners = np.array([[0, 0, 1], [end, 0, 1], [0, end, 1], [end, end, 1]], np.float64) @ inverse.T
    left, top = np.floor(corners.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 3
    return Region(max(0, int(top)), min(height, int(bottom)), max(0, int(left)), min(width, int(right)))


def paste_face(
    canvas: UInt8, face: UInt8, mask: Float32 | None, inverse: Float64, scale: int, fine: Int16 | None = None
) -> None:
    """Blend a restored face into the canvas, in place.

    Args:
        canvas: uint8 [H, W, 3], the enlarged photo.
        face: uint8 [512, 512, 3], restored.
        mask: float32 [512, 512] in 0..1; None pastes the whole square with soft edges, as upstream does without a
            parser.
        inverse: float64 [2, 3], from the face to the canvas.
        scale: enlargement of the photo; without a parser the edges depend on it.
        fine: int16 [H, W, 3], what a 16-bit photo has beyond the canvas; it fades out where the face goes.
    """
    region = region_of(inverse, canvas.shape[1], canvas.shape[0])
    if region.is_empty:
        return
    square = _square(inverse, region, scale) if mask is None else ()
    for band in _bands(region):
        moved = _moved(inverse, band)
        warped = cv2.warpAffine(face, moved, band.size).astype(np.float32)
        if mask is not None:
            weight = cv2.warpAffine(mask, moved, band.size)[..., None]
        else:
            here = slice(band.top - region.top, band.bottom - region.top)
            weight, inner = (each[here, :, None] for each in square)
            warped *= inner
        rows, columns = slice(band.top, band.bottom), slice(band.left, band.right)
        behind = canvas[rows, columns].astype(np.float32)
        # Upstream truncates too; the small number keeps what is nearly whole from losing a level.
        canvas[rows, columns] = np.clip(weight * warped + (1 - weight) * behind + 1e-3, 0, 255).astype(np.uint8)
        if fine is not None:
            fine[rows, columns] = np.rint(fine[rows, columns] * (1 - weight)).astype(np.int16)


def _moved(inverse: Float64, region: Region) -> Float64:
    """``inverse`` into the region instead of the canvas."""
    return inverse - np.array([[0, 0, region.left], [0, 0, region.top]], np.float64)


def _bands(region: Region) -> Iterator[Region]:
    """The region from top to bottom in parts of about a million pixels: a face may fill 8192×8192 of them."""
    rows = max(1, _BAND_PIXELS // region.size[0])
    for top in range(region.top, region.bottom, rows):
        yield Region(top, min(top + rows, region.bottom), region.left, region.right)


def _square(inverse: Float64, region: Region, scale: int) -> tuple[Float32, Float32]:
    """Weights of a whole aligned face, and the face without its frayed border: both float32 [h, w] of the region."""
    whole = cv2.warpAffine(np.ones((FACE_SIZE, FACE_SIZE), np.float32), _moved(inverse, region), region.size)
    inner = np.asarray(cv2.erode(whole, np.ones((2 * scale, 2 * scale), np.uint8)), np.float32)
    edge = int(float(inner.sum(dtype=np.float64)) ** 0.5) // 20
    if edge == 0:
        return inner, inner
    centre = cv2.erode(inner, np.ones((2 * edge, 2 * edge), np.uint8))
    return np.asarray(cv2.GaussianBlur(centre, (2 * edge + 1, 2 * edge + 1), 0), np.float32), inner
