"""A graph in FP16, and what it computes, found out on a CPU."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})

_CHOOSING = frozenset({"ArgMax", "ArgMin", "TopK"})

_EXACT = frozenset(
    {
        *("Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Slice", "Split"),
        *("Squeeze", "Tile", "Transpose", "Unsqueeze", "MaxPool", "Relu"),
    }
)
"""Operators whose results are among their inputs, so that nothing is rounded."""


@dataclass(frozen=True)
class Recipe:
    """One way to halve.

    Attributes:
        name: what the manifest calls it.
        kept: operators that stay in FP32, besides what follows the last convolutions.
        choices: whether all that leads to a choice in the middle of the network stays in FP32 too: which code of a
            codebook is nearest. In FP16 another one wins here and there, and a patch of the face is another.
    """

    name: str
    kept: tuple[str, ...] = ()
    choices: bool = False


def in_half(model: onnx.ModelProto, recipe: Recipe) -> onnx.ModelProto:
    """An FP32 graph with weights and inner values in FP16; its tensors keep their types.

    What no convolution or matrix product follows stays in FP32: boxes in pixels, of which FP16 knows only the even
    ones above 2048; the choice of the likeliest class; rounding to levels.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    for number, node in enumerate(halved.graph.node):
        node.name = f"{node.op_type}_{number}"
    own, tail = {node.name for node in halved.graph.node}, _tail(halved.graph)
    with warnings.catch_warnings():
        # Told of every weight that is rounded to zero or cut off; the gate measures what comes of it.
        warnings.simplefilter("ignore")
        converted: onnx.ModelProto = convert_float_to_float16(
            halved,
            keep_io_types=True,
            op_block_list=[*DEFAULT_OP_BLOCK_LIST, *recipe.kept],
            node_block_list=[*tail, *(_before_choices(halved.graph, set(tail)) if recipe.choices else ())],
        )
    _join(converted.graph, own)
    OnnxModel.graph_topological_sort(converted.graph)  # its casts stand at the end
    return converted


def _join(graph: onnx.GraphProto, own: set[str]) -> None:
    """Let neighbours that are both kept in FP32 pass values on in FP32: the converter halves them on the way.

    ``own`` names the nodes that are not the converter's casts.
    """
    casts = [node for node in graph.node if node.op_type == "Cast" and node.name not in own]
    exact = {cast.output[0]: cast.input[0] for cast in casts if _target(cast) == TensorProto.FLOAT16}
    widened = {cast.output[0]: exact.get(cast.input[0]) for cast in casts if _target(cast) == TensorProto.FLOAT}
    for node in graph.node:
        node.input[:] = [widened.get(name) or name for name in node.input]
    used = {output.name for output in graph.output} | {name for node in graph.node for name in node.input}
    while dead := [cast for cast in casts if cast.output[0] not in used]:
        for cast in dead:
            graph.node.remove(cast)
            casts.remove(cast)
        used = {output.name for output in graph.output} | {name for node in graph.node for name in node.input}


def _tail(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that no weighted operator follows."""
    followed: set[str] = set()
    tail = []
    for node in reversed(graph.node):
        if node.op_type in _WEIGHTED or not followed.isdisjoint(node.output):
            followed.update(node.input)
        if node.op_type not in _WEIGHTED and followed.isdisjoint(node.output):
            tail.append(node.name)
    return tail


def _before_choices(graph: onnx.GraphProto, tail: set[str]) -> list[str]:
    """Names of the nodes that choose something in the middle of the network, and of all before them."""
    needed: set[str] = set()
    found = []
    for node in reversed(graph.node):
        if not needed.isdisjoint(node.output) or (node.op_type in _CHOOSING and node.name not in tail):
            needed.update(node.input)
            found.append(node.name)
    return found


def emulated(halved: onnx.ModelProto) -> onnx.ModelProto:
    """A graph in FP32 that computes what ``halved`` does where sums are FP32 and each result is rounded to FP16.

    GPUs do that. ONNX Runtime on a CPU does not: it has no FP16 convolution and joins the FP32 stand-ins, so that a
    value beyond 65504 between two of them goes unnoticed.
    """
    types = _element_types(halved)
    model = onnx.ModelProto()
    model.CopyFrom(halved)
    graph = model.graph
    half = {name for name, kind in types.items() if kind == TensorProto.FLOAT16}
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float32"), tensor.name))
    nodes: list[Any] = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and attribute.t.data_type == TensorProto.FLOAT16:
                values = numpy_helper.to_array(attribute.t).astype("float32")
                attribute.t.CopyFrom(numpy_helper.from_array(values))
        if node.op_type == "Cast" and _target(node) == TensorProto.FLOAT16:
            (result,) = node.output
            nodes += _rounded(node.input[0], result)
            continue
        results = [] if node.op_type in _EXACT else [name for name in node.output if name in half]
        node.output[:] = [f"{name}/exact" if name in results else name for name in node.output]
        nodes.append(node)
        for name in results:
            nodes += _rounded(f"{name}/exact", name)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    del graph.value_info[:]
    return model


def _rounded(value: str, result: str) -> list[Any]:
    return [
        helper.make_node("Cast", [value], [f"{result}/half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", [f"{result}/half"], [result], to=TensorProto.FLOAT),
    ]


def _target(node: onnx.NodeProto) -> int:
    return next(int(attribute.i) for attribute in node.attribute if attribute.name == "to")


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}
