"""The domain of F(2×2, 3×3), Winograd's convolution (Lavin and Gray, 2016): tiles of 4×4 inputs for 2×2 outputs.

Values along an axis are ``Bᵀd``, weights ``Gg``, outputs ``Aᵀm``; of a row that was doubled by nearest neighbours the
third value is always 0, so that 3×3 positions are left of 4×4.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TAPS = 16
DOUBLED_TAPS = 9

_WEIGHTS = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]])
_KEPT = torch.tensor([0, 1, 3])


def transform_weights(weights: Tensor, *, doubled: bool) -> Tensor:
    """FP32 [outputs, inputs, 3, 3] → FP64 [taps, outputs, inputs]."""
    transformed = torch.einsum("ai,ocij,bj->aboc", _WEIGHTS.double(), weights.double(), _WEIGHTS.double())
    if doubled:
        transformed = transformed[_KEPT][:, _KEPT]
    return transformed.flatten(0, 1)


def largest_values(activations: Tensor) -> Tensor:
    """FP32 [N, C, H, W] → FP32 [16, C]: the largest magnitude at each position, the picture's edges included."""
    height, width = activations.shape[2:]
    padded = functional.pad(activations, (1, 1 + width % 2, 1, 1 + height % 2))
    return torch.stack([value.abs().amax(dim=(0, 2, 3)) for row in _along(padded, 2) for value in _along(row, 3)])


def _along(values: Tensor, axis: int) -> tuple[Tensor, ...]:
    """The four values of each tile along an axis of even length, border included."""
    tiles = values.unfold(axis, 4, 2)
    d0, d1, d2, d3 = tiles.unbind(-1)
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3
