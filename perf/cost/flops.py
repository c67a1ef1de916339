"""How many floating-point operations a network takes for one input, counted in its graph.

A multiplication and the addition that follows are two. Only convolutions and matrix products count: the rest is some
percent of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openvino as ov

from ensemble.align import FACE_SIZE
from export.manifest import Manifest
from export.precision.forms import ONNX_FILE

TILE_SIDE = 128
BACKGROUNDS = frozenset({"realesrgan_x4", "realesrgan_x2"})
_FACE_NETWORKS = ("gfpgan", "parsenet", "bisenet")
"""Networks that take most of the time: those for tiles, and those for faces of 512 pixels."""

_CONVOLUTIONS = {
    "Convolution": 1,
    "GroupConvolution": 2,
    "ConvolutionBackpropData": 1,
    "GroupConvolutionBackpropData": 2,
}
"""Types, and how many leading dimensions of their weights do not go into one output value."""


def flops_of_file(file: Path, shape: Sequence[int]) -> int:
    """Of the graph in ``file`` (ONNX or OpenVINO) for an input of ``shape``, the batch included."""
    model = ov.Core().read_model(file)
    model.reshape({model.inputs[0]: list(shape)})
    return flops_of(model)


def flops_of(model: Any) -> int:
    """Of an OpenVINO model with static shapes."""
    return sum(map(_flops, model.get_ops()))


def _flops(operation: Any) -> int:
    kind = str(operation.get_type_name())
    if kind == "MatMul":
        *_, rows, columns = _shape(operation.input(0))
        inner = rows if operation.get_attributes()["transpose_a"] else columns
        return 2 * math.prod(_shape(operation.output(0))) * inner
    if kind not in _CONVOLUTIONS:
        return 0
    weights = _shape(operation.input(1))[_CONVOLUTIONS[kind] :]
    # A transposed convolution spreads each value of its input, where a convolution gathers each of its output.
    values = operation.input(0) if "Backprop" in kind else operation.output(0)
    return 2 * math.prod(_shape(values)) * math.prod(weights)


def _shape(port: Any) -> list[int]:
    return [int(length) for length in port.get_shape()]


def network_flops(models: Path) -> dict[str, int]:
    """Of the networks that are served and take most of the time, for one tile of ``TILE_SIDE`` or one face, by model.

    Args:
        models: the exported models.
    """
    found: dict[str, int] = {}
    sides = dict.fromkeys(sorted(BACKGROUNDS), TILE_SIDE) | dict.fromkeys(_FACE_NETWORKS, FACE_SIZE)
    for name, side in sides.items():
        manifest = Manifest.load(models / name)
        if manifest is not None:
            found[name] = flops_of_file(models / name / manifest.version / ONNX_FILE, (1, side, side, 3))
    return found
