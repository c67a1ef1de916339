"""The transforms of Winograd's convolution, by the convolution that they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from export.winograd.domain import DOUBLED_TAPS, TAPS, largest_values, transform_weights

_OUTPUTS = torch.tensor([[1.0, 1.0, 1.0, 0.0], [0.0, 1.0, -1.0, -1.0]], dtype=torch.float64)
_INPUTS = torch.tensor(
    [[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, -1.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0]], dtype=torch.float64
)


def _tiles(values: Tensor) -> Tensor:
    """[N, C, H, W] → [N, C, H / 2, W / 2, 4, 4]."""
    return functional.pad(values, (1, 1, 1, 1)).unfold(2, 4, 2).unfold(3, 4, 2)


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


@pytest.mark.parametrize("doubled", [False, True])
def test_products_of_the_transforms_are_the_convolution(doubled: bool) -> None:
    weights = _random(5, 3, 3, 3)
    small = _random(2, 3, 6, 8)
    values = functional.interpolate(small, scale_factor=2.0) if doubled else small
    transformed = torch.einsum("ai,nchwij,bj->abnchw", _INPUTS, _tiles(values), _INPUTS)
    filters = transform_weights(weights, doubled=doubled)
    assert filters.shape == (DOUBLED_TAPS if doubled else TAPS, 5, 3)
    if doubled:
        assert transformed[2].abs().max() == transformed[:, 2].abs().max() == 0.0
        kept = torch.tensor([0, 1, 3])
        transformed = transformed[kept][:, kept]
    sums = torch.einsum("toc,tnchw->tnohw", filters, transformed.flatten(0, 1))
    outputs = _OUTPUTS[:, [0, 1, 3]] if doubled else _OUTPUTS
    square = sums.unflatten(0, (outputs.shape[1],) * 2)  # type: ignore[no-untyped-call]
    result = torch.einsum("ia,abnohw,jb->nohiwj", outputs, square, outputs).flatten(4, 5).flatten(2, 3)
    torch.testing.assert_close(result, functional.conv2d(values, weights, padding=1))


@pytest.mark.parametrize("size", [(6, 8), (7, 8), (6, 9), (1, 1), (2, 1)])
def test_largest_values_are_those_of_all_tiles(size: tuple[int, int]) -> None:
    values = _random(2, 3, *size)
    even = functional.pad(values, (0, size[1] % 2, 0, size[0] % 2))
    transformed = torch.einsum("ai,nchwij,bj->abnchw", _INPUTS, _tiles(even), _INPUTS)
    torch.testing.assert_close(largest_values(values), transformed.abs().amax(dim=(2, 4, 5)).flatten(0, 1))
