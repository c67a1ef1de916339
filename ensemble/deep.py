"""A result of 16 bits, made a few rows at a time.

The canvas has 8 bits; what a photo of 16 bits has beyond is enlarged beside it, and fades out where faces were pasted.
Of the largest result that would be 400 MB, and twice as much with both joined; so it never exists whole.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ensemble.depth import join_16_bit
from ensemble.mask import FaceMask, Region
from ensemble.photo import Int16, UInt8, UInt16
from ensemble.upscale import resize_fine


class DeepCanvas:
    """Rows of a 16-bit result, to be sliced like an array uint16 [H, W, 3].

    Args:
        canvas: uint8 [H, W, 3], the result in 8 bits, faces pasted.
        fine: int16 [H / scale, W / scale, 3], what the photo has beyond 8 bits.
        scale: enlargement of the photo.
        masks: of the faces, in the order in which they were pasted.
    """

    def __init__(self, canvas: UInt8, fine: Int16, scale: int, masks: Iterable[FaceMask]) -> None:
        self._canvas = canvas
        self._fine = fine
        self._scale = scale
        self._masks = list(masks)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._canvas.shape

    def __getitem__(self, rows: slice) -> UInt16:
        """uint16 [h, W, 3]."""
        top, bottom, _ = rows.indices(len(self._canvas))
        fine = resize_fine(self._fine, self._scale, top, bottom)
        window = Region(top, bottom, 0, fine.shape[1])
        for mask in self._masks:
            common = mask.region.common(window)
            if common.is_empty:
                mask.forget()  # bands go from top to bottom; of hundreds of faces few meet one
                continue
            part = common.within(window).slices
            # Whole rows of the face: so its weights are, to the last bit, those that it was pasted with.
            fine[part] = np.rint(fine[part] * (1 - mask.weight(common)[..., None])).astype(np.int16)
        return join_16_bit(self._canvas[top:bottom], fine)
