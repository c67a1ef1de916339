"""Put restored faces back into the enlarged photo, each within its own region.

Follows facexlib 0.3.0 (``FaceRestoreHelper.paste_faces_to_input_image``). Upstream warps and blends the whole canvas
for every face; here only the rectangle that the face covers is touched, so the cost grows with the faces' area. The
mask is zero outside it, so the result is the same. Only where there is no parser it differs: upstream then draws a dark
rim around the square, because it takes what lies beside the face for black.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from ensemble.align import Float64
from ensemble.mask import FaceMask, warp
from ensemble.photo import UInt8


@dataclass(frozen=True)
class RestoredFaces:
    """The restored faces of a photo and where they go.

    Attributes:
        faces: uint8 [F, 512, 512, 3].
        packed: uint8 [F, 512, 64], which of their pixels are face; [0, 512, 64] where there is no parser.
        ways_back: float64 [F, 2, 3], from each to the enlarged photo; [0, 2, 3] where the photo is itself an aligned
            face.
        scale: enlargement of the photo.
        ends_in_square: see :class:`FaceMask`.
    """

    faces: UInt8
    packed: UInt8
    ways_back: Float64
    scale: int
    ends_in_square: bool = False

    def __len__(self) -> int:
        return len(self.faces)

    def masks(self, width: int, height: int) -> Iterator[FaceMask]:
        """Of each face on a canvas of that size; none where the photo is itself a face."""
        for number, way in enumerate(self.ways_back):
            packed = self.packed[number] if len(self.packed) else None
            yield FaceMask(packed, way, self.scale, width, height, self.ends_in_square)

    @property
    def are_all(self) -> bool:
        """Whether nothing of the photo remains beside them: it is itself a face."""
        return len(self.faces) > 0 and not len(self.ways_back)

    def paste(self, canvas: UInt8, masks: Iterable[FaceMask] | None = None) -> None:
        """Put all of them into the enlarged photo uint8 [H, W, 3], in place.

        ``masks`` are those that :meth:`masks` gives, where the caller needs them again; else each is made here and
        forgotten.
        """
        height, width = canvas.shape[:2]
        if self.are_all:
            canvas[:] = cv2.resize(self.faces[0], (width, height), interpolation=cv2.INTER_LANCZOS4)
        for face, mask in zip(self.faces, self.masks(width, height) if masks is None else masks, strict=False):
            paste_face(canvas, face, mask)


def paste_face(canvas: UInt8, face: UInt8, mask: FaceMask) -> None:
    """Blend a restored face into the canvas, in place.

    Args:
        canvas: uint8 [H, W, 3], the enlarged photo.
        face: uint8 [512, 512, 3], restored.
        mask: where it goes, and how strongly it shows.
    """
    if mask.region.is_empty:
        return
    for band in mask.region.bands():
        warped = warp(face, mask.way_back, band, cv2.BORDER_REPLICATE).astype(np.float32)
        weight = mask.weight(band)[..., None]
        behind = canvas[band.slices].astype(np.float32)
        # Upstream truncates too; the small number keeps what is nearly whole from losing a level.
        canvas[band.slices] = np.clip(weight * warped + (1 - weight) * behind + 1e-3, 0, 255).astype(np.uint8)
