"""The weights of an exported RRDBNet, and what its convolutions are given: FP32, in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional

from export.architectures.rrdbnet import RESIDUAL, SLOPE
from limner.errors import ExportError

FEATURES = 64
GROWTH = 32
DENSE = 5
"""Convolutions of a dense block."""

_ENDS = 6
"""Convolutions outside the dense blocks: the first, the body's, two that enlarge, and the last two."""


@dataclass(frozen=True)
class Convolution:
    """``weight`` FP32 [outputs, inputs, 3, 3], ``bias`` FP32 [outputs]."""

    weight: Tensor
    bias: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        return functional.conv2d(values, self.weight, self.bias, padding=1)


@dataclass(frozen=True)
class Weights:
    """All convolutions in the order of the graph. ``fold``: 2 where 2×2 pixels become channels first, else 1."""

    fold: int
    first: Convolution
    dense: tuple[tuple[Convolution, ...], ...]
    body: Convolution
    up: tuple[Convolution, Convolution]
    high: Convolution
    last: Convolution


def read_weights(model: onnx.ModelProto) -> Weights:
    """The weights of an ONNX graph that Limner exported from an RRDBNet.

    Raises:
        ExportError: where it is another network, or one of other widths than 64 features and 32 growth channels.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    found = [
        Convolution(*(torch.from_numpy(numpy_helper.to_array(constants[name]).copy()) for name in node.input[1:3]))
        for node in model.graph.node
        if node.op_type == "Conv"
    ]
    blocks, rest = divmod(len(found) - _ENDS, DENSE)
    dense = tuple(tuple(found[1 + DENSE * i : 1 + DENSE * (i + 1)]) for i in range(max(blocks, 0)))
    widths = [(FEATURES + GROWTH * i, GROWTH if i < DENSE - 1 else FEATURES) for i in range(DENSE)]
    expected = [(width, given) for _ in dense for given, width in widths]
    shapes = [tuple(layer.weight.shape[:2]) for block in dense for layer in block]
    inputs = found[0].weight.shape[1] if found else 0
    if rest or not dense or len(dense) % 3 or shapes != expected or inputs not in (3, 12):
        raise ExportError("This graph is not an RRDBNet of 64 features and 32 growth channels.")
    body, up1, up2, high, last = found[-5:]
    return Weights(1 if inputs == 3 else 2, found[0], dense, body, (up1, up2), high, last)


Watch = Callable[[str, Tensor], None]
"""Called with the name of a value and the value, FP32 [N, C, H, W]."""


def stream_name(block: int) -> str:
    """What the dense block of this number reads."""
    return f"stream {block}"


def growth_name(block: int, number: int) -> str:
    """What convolution ``number`` of a dense block gives, from 0 on."""
    return f"growth {block} {number}"


DENSE_NAMES = ("stream", "growth")
"""How the names of those two begin."""

BODY_NAME = "body"
UP_NAMES = ("up 0", "up 1")
HIGH_NAME = "high"
LAST_NAME = "last"


def forward(weights: Weights, pictures: Tensor, watch: Watch) -> Tensor:
    """FP32 [N, 3, H, W] in [0, 1] → FP32 [N, 3, 4·H / fold, 4·W / fold], showing each convolution's input on the way.

    What is doubled by nearest neighbours is shown before that.
    """
    folded = functional.pixel_unshuffle(pictures, weights.fold) if weights.fold > 1 else pictures
    first = stream = outer = weights.first(folded)
    for number, block in enumerate(weights.dense):
        watch(stream_name(number), stream)
        seen = stream
        for position, layer in enumerate(block[:-1]):
            grown = functional.leaky_relu(layer(seen), SLOPE)
            watch(growth_name(number, position), grown)
            seen = torch.cat((seen, grown), dim=1)
        stream = stream + RESIDUAL * block[-1](seen)
        if number % 3 == 2:
            stream = outer = outer + RESIDUAL * stream
    watch(BODY_NAME, stream)
    features = first + weights.body(stream)
    for name, layer in zip(UP_NAMES, weights.up, strict=True):
        watch(name, features)
        features = functional.leaky_relu(layer(functional.interpolate(features, scale_factor=2.0)), SLOPE)
    watch(HIGH_NAME, features)
    features = functional.leaky_relu(weights.high(features), SLOPE)
    watch(LAST_NAME, features)
    return weights.last(features)
