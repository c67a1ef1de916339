"""Convolutions computed on a map before it is doubled, against those of the doubled map."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from export.architectures.doubling import DoubledConvolution


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 3)])
@pytest.mark.parametrize("border", ["constant", "replicate"])
@pytest.mark.parametrize(("bias", "slope"), [(True, 1.0), (False, 0.2)])
def test_same_as_of_the_doubled_map(size: tuple[int, int], border: str, bias: bool, slope: float) -> None:
    torch.manual_seed(7)
    convolution = nn.Conv2d(3, 5, 3, bias=bias)
    picture = torch.randn(2, 3, *size)
    doubled = functional.interpolate(picture, scale_factor=2.0, mode="nearest")
    with torch.inference_mode():
        expected = functional.leaky_relu(convolution(functional.pad(doubled, (1, 1, 1, 1), border)), slope)
        result = DoubledConvolution(convolution, slope)(functional.pad(picture, (1, 1, 1, 1), border))
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


def test_mirrored_border_is_that_of_copies() -> None:
    """Of a doubled map, the pixel behind the outermost is the outermost once more."""
    doubled = functional.interpolate(torch.randn(1, 2, 4, 3), scale_factor=2.0, mode="nearest")
    mirrored, copied = (functional.pad(doubled, (1, 1, 1, 1), mode) for mode in ("reflect", "replicate"))
    assert torch.equal(mirrored, copied)
