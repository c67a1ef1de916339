"""How large activations become, before the transform of Winograd and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.architectures.rrdbnet import RRDBNet
from export.winograd.domain import largest_values
from export.winograd.network import DENSE_NAMES, Activation, activations


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


def measure_ranges(network: RRDBNet, pictures: Sequence[NDArray[Any]]) -> Ranges:
    """What calibration pictures give, each UINT8 [N, H, W, 3] RGB."""
    ranges = Ranges()
    hooks = [value.reader.register_forward_pre_hook(partial(_see, ranges, value)) for value in activations(network)]
    try:
        with torch.no_grad():
            for picture in pictures:
                levels = torch.from_numpy(np.ascontiguousarray(picture)).permute(0, 3, 1, 2)
                network(levels.float() / 255.0)
    finally:
        for hook in hooks:
            hook.remove()
    return ranges


def _see(ranges: Ranges, value: Activation, reader: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    del reader
    ranges.watch(value.name, value.taken(inputs[0]))


def _raise(largest: dict[str, Tensor], name: str, seen: Tensor) -> None:
    largest[name] = torch.maximum(largest[name], seen) if name in largest else seen
