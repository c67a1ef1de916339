"""Quantises an RRDBNet for Limner's own kernel: 8-bit integers in the domain of Winograd's F(2×2, 3×3).

Each position of a tile and each channel has a range of its own. That costs nothing when running: what a value is
divided by, the weights that meet it are multiplied by, half of a channel's range (by magnitude) moving into the weights
as in SmoothQuant (Xiao et al., 2022, α = 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.architectures.rrdbnet import RESIDUAL, RRDBNet
from export.winograd.domain import transform_weights
from export.winograd.layout import Writer
from export.winograd.network import (
    BODY_NAME,
    DENSE_NAMES,
    FEATURES,
    GROWTH,
    HIGH_NAME,
    LAST_NAME,
    UP_NAMES,
    convolutions,
    dense_blocks,
    growth_name,
    read_network,
    stream_name,
)
from export.winograd.ranges import Ranges, measure_ranges

_LEVELS = 127
"""The largest 8-bit magnitude in use."""

_STORED = 32767 // 4
"""The largest magnitude of a stored activation: four of them are added up in 16 bits."""

_HEADROOM = 1.25
"""By how much an activation may exceed what calibration saw before it is cut off, where it is reduced to 8 bits."""

_WIDE_HEADROOM = 4.0
"""The same where 16 bits are kept."""

_FRACTION = 32768
"""Multipliers count in 1/32768."""

_WIDE_LEVELS = 4095
"""The largest 16-bit weight: 64 products with stored activations are added up in 32 bits."""

_QUARTER = 4
"""What stored activations are divided by behind the transform where they keep 16 bits."""

_LEAST_SCALE = 1e-30
"""Stands for the scale of weights that are all zero."""

_SMALLEST = 1e-6
"""Stands for the range of a channel that is always zero."""


def quantise(model: onnx.ModelProto, calibration: Sequence[NDArray[Any]]) -> bytes:
    """The content of ``model.rrdb`` for an exported RRDBNet.

    Args:
        model: the FP32 graph, UINT8 NHWC in and out, as ``limner export`` writes it.
        calibration: pictures to measure ranges on, each UINT8 [N, H, W, 3] RGB.

    Raises:
        ExportError: where the graph is another network.
    """
    network = read_network(model)
    with torch.no_grad():
        return _Quantiser(network, measure_ranges(network, calibration)).write()


class _Quantiser:
    def __init__(self, network: RRDBNet, ranges: Ranges) -> None:
        self._network = network
        self._blocks = dense_blocks(network)
        self._ranges = ranges
        self._writer = Writer(network.fold, len(self._blocks))

    def write(self) -> bytes:
        network = self._network
        self._writer.floats(network.conv_first.weight.permute(2, 3, 1, 0))
        self._writer.floats(_bias(network.conv_first))
        for number in range(len(self._blocks)):
            self._dense_block(number)
        self._writer.floats(self._stored(BODY_NAME))
        self._layer(BODY_NAME, network.conv_body, None)
        self._writer.floats(self._stored(UP_NAMES[0]))
        self._layer(UP_NAMES[0], network.conv_up1, UP_NAMES[1])
        self._layer(UP_NAMES[1], network.conv_up2, HIGH_NAME)
        self._layer(HIGH_NAME, network.conv_hr, LAST_NAME)
        self._last(network.conv_last)
        return self._writer.content()

    def _stored(self, name: str) -> Tensor:
        """[C]: what an activation is multiplied by to become an integer of 16 bits."""
        headroom = _HEADROOM if name.startswith(DENSE_NAMES) else _WIDE_HEADROOM
        return _STORED / (headroom * self._ranges.activations[name].clamp_min(_SMALLEST))

    def _dense_block(self, number: int) -> None:
        layers = convolutions(self._blocks[number])
        names = [stream_name(number), *(growth_name(number, position) for position in range(len(layers) - 1))]
        widths = [FEATURES, *([GROWTH] * (len(names) - 1))]
        transformed = [transform_weights(layer.weight, doubled=False) for layer in layers]
        steps = []
        self._writer.floats(self._stored(names[0]))
        for position, (name, begin) in enumerate(zip(names, _starts(widths), strict=True)):
            end = begin + widths[position]
            largest = torch.stack([t[:, :, begin:end].abs().amax(1) for t in transformed[position:]]).amax(0)
            steps.append(self._multipliers(name, largest))
        for position, layer in enumerate(layers):
            shared = torch.cat(steps[: position + 1], dim=1)
            if position < len(layers) - 1:
                factor = self._stored(names[position + 1])
            else:
                factor = torch.full((FEATURES,), RESIDUAL)
            self._filters(transformed[position], shared, _bias(layer), factor)

    def _layer(self, name: str, layer: nn.Conv2d, target: str | None) -> None:
        """A convolution in 16 bits; ``target``: who reads what it gives, None where that stays in floats."""
        transformed = transform_weights(layer.weight, doubled=name in UP_NAMES)
        real = transformed * (_QUARTER / self._stored(name).double())
        scale = real.abs().amax(2, keepdim=True).clamp_min(_LEAST_SCALE) / _WIDE_LEVELS
        factor = torch.ones(FEATURES) if target is None else self._stored(target)
        self._writer.filters((real / scale).round(), scale[..., 0] * factor.double(), _bias(layer) * factor, wide=True)

    def _multipliers(self, name: str, weights: Tensor) -> Tensor:
        """Write what takes stored activations to 8 bits; return what an 8-bit unit of each is worth, FP64 [taps, C].

        ``weights``: [taps, C], the largest that meet it.
        """
        largest = self._ranges.values[name].double().clamp_min(_SMALLEST)
        balance = (largest / weights.clamp_min(_SMALLEST)).sqrt()
        unit = balance * (largest / balance).amax(1, keepdim=True) / _LEVELS
        stored = self._stored(name).double()
        multiplier = (_FRACTION / (stored * unit)).round().clamp(1, _FRACTION - 1)
        self._writer.int16(multiplier)
        return _FRACTION / (stored * multiplier)

    def _filters(self, transformed: Tensor, unit: Tensor, bias: Tensor, factor: Tensor) -> None:
        """Write weights FP64 [taps, outputs, inputs] for inputs of these units; ``factor`` multiplies the result."""
        real = transformed * unit[:, None, :]
        scale = real.abs().amax(2, keepdim=True).clamp_min(_LEAST_SCALE) / _LEVELS
        self._writer.filters((real / scale).round(), scale[..., 0] * factor.double(), bias * factor)

    def _last(self, layer: nn.Conv2d) -> None:
        real = layer.weight.double() / self._stored(LAST_NAME).double()[None, :, None, None]
        scale = real.abs().amax(dim=(1, 2, 3)).clamp_min(_LEAST_SCALE) / _WIDE_LEVELS
        levels = (real / scale[:, None, None, None]).round()
        self._writer.int16(levels.permute(2, 3, 0, 1))
        self._writer.floats(_padded(scale * 255.0))
        self._writer.floats(_padded(_bias(layer).double() * 255.0))


def _bias(layer: nn.Conv2d) -> Tensor:
    if layer.bias is None:
        raise ValueError("all convolutions of an RRDBNet have a bias")
    return layer.bias


def _starts(widths: Sequence[int]) -> list[int]:
    return [sum(widths[:position]) for position in range(len(widths))]


def _padded(values: Tensor) -> Tensor:
    padded = torch.zeros(16, dtype=values.dtype)
    padded[: len(values)] = values
    return padded
