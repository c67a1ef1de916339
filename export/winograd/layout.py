"""The file ``model.rrdb``, which ``kernels/rrdb/network.cc`` reads: sections that begin at multiples of 64 bytes."""

from __future__ import annotations

import struct

import numpy as np
from torch import Tensor

from limner.rrdb import MAGIC

_ALIGNMENT = 64
_OUTPUTS = 32
"""Output channels that the kernel computes together."""

_QUAD = 4
"""Inputs of 8 bits that one instruction multiplies and adds up."""

_PAIR = 2
"""Those of 16 bits."""

_OFFSET = 128
"""The kernel's 8-bit activations are unsigned: 128 more than they are."""


class Writer:
    """Collects the sections in the order in which the kernel takes them."""

    def __init__(self, fold: int, blocks: int) -> None:
        self._sections = [struct.pack("<8sII48x", MAGIC, fold, blocks)]

    def content(self) -> bytes:
        """All that was written."""
        return b"".join(self._sections)

    def floats(self, values: Tensor) -> None:
        """A section of FP32."""
        self._write(values, "<f4")

    def int16(self, values: Tensor) -> None:
        """A section of whole numbers."""
        self._write(values, "<i2")

    def filters(self, levels: Tensor, scale: Tensor, bias: Tensor, *, wide: bool = False) -> None:
        """A convolution, 32 output channels at a time.

        Args:
            levels: whole numbers, [taps, outputs, inputs], up to 127, or 4095 where they are ``wide``.
            scale: [taps, outputs], what one of their products is worth.
            bias: [outputs].
            wide: whether weights, and the activations that they meet, have 16 bits instead of 8.
        """
        taps, outputs, inputs = levels.shape
        together, dtype = (_PAIR, "<i2") if wide else (_QUAD, "<i1")
        for begin in range(0, outputs, _OUTPUTS):
            part = levels[:, begin : begin + _OUTPUTS]
            self._write(part.reshape(taps, _OUTPUTS, inputs // together, together).permute(0, 2, 1, 3), dtype)
            if not wide:
                self._write(-_OFFSET * part.sum(2), "<i4")
            self.floats(scale[:, begin : begin + _OUTPUTS])
            self.floats(bias[begin : begin + _OUTPUTS])

    def _write(self, values: Tensor, dtype: str) -> None:
        data = np.ascontiguousarray(values.detach().numpy()).astype(dtype).tobytes()
        self._sections.append(data + bytes(-len(data) % _ALIGNMENT))
