"""The convolutions of an OpenVINO model: which there are, what they cost, how far the ranges around them reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from openvino import opset13

from export.precision.recipes import Recipe

_CONVOLUTIONS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData")
_PICTURE_CHANNELS = 4


def kept_convolutions(model: Any, recipe: Recipe, shapes: Sequence[Sequence[int]]) -> list[str]:
    """Names of the convolutions that a recipe leaves in FP32.

    Args:
        model: an ``openvino.Model`` in FP32. It stays as it is.
        recipe: which to keep.
        shapes: of one call's inputs, by which to count multiplications.
    """
    fixed = model.clone()
    fixed.reshape({given.any_name: list(shape) for given, shape in zip(fixed.inputs, shapes, strict=True)})
    nodes = [node for node in fixed.get_ordered_ops() if node.get_type_name() in _CONVOLUTIONS]
    names = [node.get_friendly_name() for node in nodes]
    kept = {*names[: recipe.keep_first], *names[len(names) - recipe.keep_last :]}
    if recipe.keep_pictures:
        kept |= {node.get_friendly_name() for node in nodes if _is_at_a_picture(node)}
    costs = sorted((_multiplications(node), node.get_friendly_name()) for node in nodes)
    allowed = recipe.keep_cheapest * sum(cost for cost, _ in costs)
    for cost, name in costs:
        allowed -= cost
        if allowed < 0:
            break
        kept.add(name)
    return [name for name in names if name in kept]


def widen_ranges(model: Any, margin: float) -> None:
    """Multiply the ranges of all quantised activations of an ``openvino.Model``, in place. Zero stays where it is."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "FakeQuantize" or node.input_value(0).get_node().get_type_name() == "Constant":
            continue
        for port in range(1, 5):
            bound = node.input_value(port).get_node().data * np.float32(margin)
            node.input(port).replace_source_output(opset13.constant(bound, np.float32).output(0))


def _is_at_a_picture(node: Any) -> bool:
    channels = (shape[1].get_length() for shape in (node.get_input_partial_shape(0), node.get_output_partial_shape(0)))
    return any(count <= _PICTURE_CHANNELS for count in channels)


def _multiplications(node: Any) -> int:
    """Of one call: size of the output times what each of its values is made of."""
    *_, height, width = node.get_output_shape(0)
    return int(height) * int(width) * int(np.prod(node.get_input_shape(1)))
