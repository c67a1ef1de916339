"""Random weights in the graph that SFace is published as, so that everything but its judgement can be tested.

The layout is that of ``face_recognition_sface_2021dec.onnx`` as far as it is known from the outside: layers, names,
epsilon and the file's size; opset 8 and format 3 are what MXNet's converter wrote in its time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE: Final = 112
VALUES: Final = 128

_EPSILON: Final = 1e-3
_GAIN: Final = 2.6
"""Keeps seeded activations about even: a PReLU halves the variance, and a little is lost on the even parts of faces."""

_BLOCKS: Final = (
    # (channels, stride) of the depthwise blocks 2 to 14; block 1 is a plain convolution to 32 channels
    ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)) + ((512, 1),) * 5 + ((1024, 2), (1024, 1))
)


class Layers:
    """Collects nodes and weights as MXNet's converter writes them: each node named as its output."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, values: NDArray[np.float64]) -> str:
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, operator: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def drawn(self, outputs: int, *inputs: int) -> NDArray[np.float64]:
        """Filters without a mean, or what all faces have in common would drown what tells them apart."""
        filters = self.random.normal(size=(outputs, math.prod(inputs)))
        filters -= filters.mean(axis=1, keepdims=True)
        return (filters * math.sqrt(_GAIN / filters.shape[1])).reshape(outputs, *inputs)

    def batch_norm(self, name: str, source: str, channels: int) -> str:
        weights = [
            self.weight(f"{name}_{key}", middle + spread * self.random.uniform(-1.0, 1.0, channels))
            for key, middle, spread in (
                ("gamma", 1.0, 0.2),
                ("beta", 0.0, 0.05),
                ("moving_mean", 0.0, 0.05),
                ("moving_var", 1.0, 0.2),
            )
        ]
        return self.node("BatchNormalization", name, [source, *weights], epsilon=_EPSILON, momentum=0.9)

    def convolution(self, name: str, source: str, shape: tuple[int, int, int], stride: int = 1, groups: int = 1) -> str:
        outputs, inputs, kernel = shape
        weights = self.weight(f"{name}_conv2d_weight", self.drawn(outputs, inputs, kernel, kernel))
        made = self.node(
            "Conv",
            f"{name}_conv2d",
            [source, weights],
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[kernel // 2] * 4,
            group=groups,
        )
        made = self.batch_norm(f"{name}_batchnorm", made, outputs)
        slope = self.weight(f"{name}_relu_gamma", self.random.uniform(0.1, 0.4, (outputs, 1, 1)))
        return self.node("PRelu", f"{name}_relu", [made, slope])


def model(seed: int) -> onnx.ModelProto:
    """Random weights in the published graph: the same for the same seed."""
    layers = Layers(seed)
    centred = layers.node("Sub", "_minusscalar0", ["data", layers.weight("scalar_op1", np.array([127.5]))])
    made = layers.node("Mul", "_mulscalar0", [centred, layers.weight("scalar_op2", np.array([0.0078125]))])
    made = layers.convolution("conv_1", made, (32, 3, 3))
    channels = 32
    for number, (outputs, stride) in enumerate(_BLOCKS, start=2):
        made = layers.convolution(f"conv_{number}_dw", made, (channels, 1, 3), stride, groups=channels)
        made = layers.convolution(f"conv_{number}", made, (outputs, channels, 1))
        channels = outputs
    made = layers.node("Dropout", "dropout0", [layers.batch_norm("bn1", made, channels)], ratio=0.4)
    flat = layers.node("Flatten", "pre_fc1_flatten", [made])
    size = channels * 7 * 7
    linear = layers.weight("pre_fc1_weight", layers.drawn(VALUES, size))
    bias = layers.weight("pre_fc1_bias", 0.05 * layers.random.normal(size=VALUES))
    made = layers.node("Gemm", "pre_fc1", [flat, linear, bias], alpha=1.0, beta=1.0, transA=0, transB=1)
    layers.batch_norm("fc1", made, VALUES)
    inputs = [("data", [1, 3, SIDE, SIDE]), *((weight.name, list(weight.dims)) for weight in layers.weights)]
    graph = helper.make_graph(
        layers.nodes,
        "mxnet_converted_model",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name, sizes in inputs],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, VALUES])],
        layers.weights,
    )
    return helper.make_model(graph, ir_version=3, opset_imports=[helper.make_opsetid("", 8)])
