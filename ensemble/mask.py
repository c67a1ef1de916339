"""Where a restored face shows in the enlarged photo, and how strongly.

Follows facexlib 0.3.0 (``FaceRestoreHelper.paste_faces_to_input_image``) and, where a face also has to end within its
square, the same function of CodeFormer's own copy of facexlib.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from ensemble.align import FACE_SIZE, Float64
from ensemble.photo import Float32, UInt8

NOT_FACE = (0, 14, 16, 17, 18)
"""Classes that stay as they are in the photo, by upstream's numbers whichever the parser.

ParseNet's are background, hat, necklace, neck and clothes, so hair is pasted; BiSeNet's are background, neck, clothes,
hair and hat.
"""

_BLUR_SIZE = (101, 101)
_BLUR_SIGMA = 11
_BORDER = 10
"""Pixels along the edges of an aligned face that are never pasted."""

_BAND_PIXELS = 1 << 20
_SQUARE_SIDE = 2048
"""Pixels of the longer side of a face from which the weights of its square are kept shrunk."""


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

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array of the canvas with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def common(self, other: Region) -> Region:
        """What both have; empty where they do not meet."""
        return Region(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.left, other.left),
            min(self.right, other.right),
        )

    def within(self, outer: Region) -> Region:
        """The same rectangle, counted from the corner of another."""
        return Region(self.top - outer.top, self.bottom - outer.top, self.left - outer.left, self.right - outer.left)

    def bands(self) -> Iterator[Region]:
        """From top to bottom in parts of about a million pixels: a face may fill 8192×8192 of them."""
        rows = max(1, _BAND_PIXELS // max(1, self.size[0]))
        for top in range(self.top, self.bottom, rows):
            yield Region(top, min(top + rows, self.bottom), self.left, self.right)


def region_of(way_back: Float64, width: int, height: int) -> Region:
    """The part of a canvas that an aligned face covers, with two pixels around it.

    Args:
        way_back: float64 [2, 3], from the face to the canvas.
        width, height: of the canvas.
    """
    end = FACE_SIZE - 1
    corners = np.array([[0, 0, 1], [end, 0, 1], [0, end, 1], [end, end, 1]], np.float64) @ way_back.T
    left, top = np.floor(corners.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 3
    return Region(max(0, int(top)), min(height, int(bottom)), max(0, int(left)), min(width, int(right)))


def warp(
    picture: UInt8 | Float32, way_back: Float64, region: Region, border: int = cv2.BORDER_CONSTANT
) -> UInt8 | Float32:
    """An aligned picture [512, 512, ...] as it lies in a region of the canvas: [h, w, ...].

    Outside of it there is 0, or what OpenCV's ``border`` makes of its edge.
    """
    moved = way_back - np.array([[0, 0, region.left], [0, 0, region.top]], np.float64)
    return cv2.warpAffine(picture, moved, region.size, borderMode=border)  # type: ignore[return-value]


def pack_face(classes: UInt8) -> UInt8:
    """Which pixels of an aligned face are face, a bit each: uint8 [512, 64] of classes uint8 [512, 512]."""
    return np.packbits(~np.isin(classes, NOT_FACE), axis=1)


def soft_mask(packed: UInt8) -> Float32:
    """Where an aligned face is face, with soft edges: float32 [512, 512] in 0..1 of bits uint8 [512, 64]."""
    mask: Float32 = np.unpackbits(packed, axis=1) * np.float32(255)  # in float64, as upstream, five times as slow
    for _ in range(2):
        mask = np.asarray(cv2.GaussianBlur(mask, _BLUR_SIZE, _BLUR_SIGMA), np.float32)
    mask[:_BORDER] = mask[-_BORDER:] = 0
    mask[:, :_BORDER] = mask[:, -_BORDER:] = 0
    return mask / np.float32(255)


@dataclass(frozen=True)
class FaceMask:
    """The weight of one face on the canvas.

    Attributes:
        packed: uint8 [512, 64], which pixels are face; None where there is no parser, and the whole square is pasted
            with soft edges.
        way_back: float64 [2, 3], from the face to the canvas.
        scale: enlargement of the photo; the edges of the square depend on it.
        width, height: of the canvas.
        ends_in_square: with a parser, too, the face fades out before its square ends, as CodeFormer has it.
    """

    packed: UInt8 | None
    way_back: Float64
    scale: int
    width: int
    height: int
    ends_in_square: bool = False

    @cached_property
    def region(self) -> Region:
        """Outside of it the weight is 0."""
        return region_of(self.way_back, self.width, self.height)

    def weight(self, region: Region) -> Float32:
        """float32 [h, w] in 0..1 of a region of the canvas."""
        if self.packed is None:
            return self._of_square(region)
        parsed = np.asarray(warp(self._soft, self.way_back, region), np.float32)
        return np.minimum(parsed, self._of_square(region)) if self.ends_in_square else parsed

    def forget(self) -> None:
        """Give up the weights that are kept, 1 MiB and up to 16 more; they are made anew where they are asked for."""
        for kept in ("_soft", "_square"):
            self.__dict__.pop(kept, None)

    @cached_property
    def _soft(self) -> Float32:
        return soft_mask(self.packed) if self.packed is not None else np.zeros((FACE_SIZE, FACE_SIZE), np.float32)

    @cached_property
    def _shrunk(self) -> int:
        """How many times smaller the weights of the square are kept: blurring a side of 8192 pixels takes a minute."""
        return max(1, -(-max(self.region.size) // _SQUARE_SIDE))

    @cached_property
    def _square(self) -> Float32:
        """Weights of the whole square, its edges soft: float32 [h, w] of the face's region, shrunk."""
        factor = self._shrunk
        region = self.region
        small = Region(0, -(-(region.bottom - region.top) // factor), 0, -(-(region.right - region.left) // factor))
        way = _shrink(self.way_back, region, factor)
        whole = warp(np.ones((FACE_SIZE, FACE_SIZE), np.float32), way, small)
        fray = max(1, 2 * self.scale // factor)
        inner = np.asarray(cv2.erode(whole, np.ones((fray, fray), np.uint8)), np.float32)
        edge = int(float(inner.sum(dtype=np.float64)) ** 0.5) // 20
        if edge == 0:
            return inner
        centre = cv2.erode(inner, np.ones((2 * edge, 2 * edge), np.uint8))
        return np.asarray(cv2.GaussianBlur(centre, (2 * edge + 1, 2 * edge + 1), 0), np.float32)

    def _of_square(self, region: Region) -> Float32:
        factor = self._shrunk
        if factor > 1:
            middle = (factor - 1) / 2
            back = np.array([[factor, 0, self.region.left + middle], [0, factor, self.region.top + middle]], np.float64)
            return np.asarray(warp(self._square, back, region), np.float32)
        weights = np.zeros((region.bottom - region.top, region.right - region.left), np.float32)
        common = region.common(self.region)
        if not common.is_empty:
            weights[common.within(region).slices] = self._square[common.within(self.region).slices]
        return weights


def _shrink(way_back: Float64, region: Region, factor: int) -> Float64:
    """``way_back`` into a region that is shrunk: the middle of a block becomes the middle of a pixel."""
    corner = np.array([[0, 0, region.left], [0, 0, region.top]], np.float64)
    shrunk = (way_back - corner) / factor
    shrunk[:, 2] -= (factor - 1) / (2 * factor)
    return np.asarray(shrunk, np.float64)
