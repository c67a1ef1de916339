"""Small seeded ONNX networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from backends.model_config import ModelConfig

BARE_CONFIG = ModelConfig(
    name="m",
    file=Path("model.onnx"),
    max_batch_size=4,
    inputs=(),
    outputs=(),
    parameters={},
    optimization={},
    custom_ops=(),
    kind="CPU",
    device_id=0,
    instances=1,
)
"""Of a model without tensors, on the CPU."""

DTYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
}

Shape = list[int | str]


def _model(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any]) -> ModelProto:
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "network", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def photo_network(batch: int | str = "n", channels: int = 3) -> ModelProto:
    """uint8 [n,h,w,3] to uint8 [n,h,w,channels] and float [n]: a convolution, and the mean of the photo."""
    rng = np.random.default_rng(7)
    nodes = [
        helper.make_node("Cast", ["photo"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weight"], ["mixed"], pads=[1, 1, 1, 1]),
        helper.make_node("Clip", ["mixed", "low", "high"], ["clipped"]),
        helper.make_node("Round", ["clipped"], ["rounded"]),
        helper.make_node("Transpose", ["rounded"], ["pixels"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["pixels"], ["result"], to=TensorProto.UINT8),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2, 3], keepdims=0),
    ]
    return _model(
        nodes,
        [helper.make_tensor_value_info("photo", TensorProto.UINT8, [batch, "h", "w", 3])],
        [
            helper.make_tensor_value_info("result", TensorProto.UINT8, [batch, "h", "w", channels]),
            helper.make_tensor_value_info("mean", TensorProto.FLOAT, [batch]),
        ],
        {
            "weight": rng.uniform(0, 0.07, (channels, 3, 3, 3)).astype(np.float32),
            "low": np.float32(0),
            "high": np.float32(255),
        },
    )


def copy_network() -> ModelProto:
    """Each of Triton's types, handed through: ``in_TYPE`` [k] to ``out_TYPE`` [k]."""
    return _model(
        [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in DTYPES],
        [helper.make_tensor_value_info(f"in_{name}", kind, ["k"]) for name, kind in DTYPES.items()],
        [helper.make_tensor_value_info(f"out_{name}", kind, ["k"]) for name, kind in DTYPES.items()],
        {},
    )


def lookup_network() -> ModelProto:
    """int64 [n,2] to float [n,2]: ``index`` looked up in a table of 10; ONNX Runtime refuses one beyond it."""
    return _model(
        [helper.make_node("Gather", ["table", "index"], ["value"])],
        [helper.make_tensor_value_info("index", TensorProto.INT64, ["n", 2])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["n", 2])],
        {"table": np.arange(10, dtype=np.float32)},
    )


def fold_network() -> ModelProto:
    """float [1,k] to float [1,4,k/4]; fails where 4 does not divide k."""
    return _model(
        [helper.make_node("Reshape", ["flat", "shape"], ["folded"])],
        [helper.make_tensor_value_info("flat", TensorProto.FLOAT, [1, "k"])],
        [helper.make_tensor_value_info("folded", TensorProto.FLOAT, [1, 4, "m"])],
        {"shape": np.array([1, 4, -1], np.int64)},
    )
