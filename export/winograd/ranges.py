"""How large activations become, before the transform of Winograd and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.winograd.domain import largest_values
from export.winograd.network import DENSE_NAMES, Weights, forward


@dataclass
class Ranges:
    """The largest magnitudes that were seen, by name.

    Attributes:
        activations: FP32 [C].
        values: FP32 [taps, C], of the same after the transform, where they are reduced to 8 bits: in dense blocks.
    """

    activations: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, Tensor] = field(default_factory=dict)

    def watch(self, name: str, seen: Tensor) -> None:
        """Take in an activation, FP32 [N, C, H, W]."""
        _raise(self.activations, name, seen.abs().amax(dim=(0, 2, 3)))
        if name.startswith(DENSE_NAMES):
            _raise(self.values, name, largest_values(seen))


def measure_ranges(weights: Weights, pictures: Sequence[NDArray[Any]]) -> Ranges:
    """What calibration pictures give, each UINT8 [N, H, W, 3] RGB."""
    ranges = Ranges()
    with torch.no_grad():
        for picture in pictures:
            levels = torch.from_numpy(np.ascontiguousarray(picture)).permute(0, 3, 1, 2)
            forward(weights, levels.float() / 255.0, ranges.watch)
    return ranges


def _raise(largest: dict[str, Tensor], name: str, seen: Tensor) -> None:
    largest[name] = torch.maximum(largest[name], seen) if name in largest else seen
