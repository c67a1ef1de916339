"""SFace, which tells how alike two faces are; published as ONNX by the OpenCV zoo.

The published graph, ``face_recognition_sface_2021dec.onnx``, was converted from MXNet: an old opset, weights listed
as inputs, a batch of one. It takes ``data`` FP32 [1, 3, 112, 112] RGB in [0, 255], normalises it itself, and gives
``fc1`` FP32 [1, 128]. It is a MobileNetV1 with PReLU and one linear layer on all of the last map.

What is served takes aligned faces as UINT8 [N, 112, 112, 3] RGB and gives embeddings of length 1, so that the dot
product of two is what ``cv2.FaceRecognizerSF.match`` calls their cosine score. Weights are as published.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, compose, helper, numpy_helper, shape_inference, version_converter
from torch import Tensor
from torch.nn import functional

from export.architectures import sface_seeded
from export.architectures.sface_seeded import SIDE, VALUES
from export.models import OPSET
from limner.errors import CheckpointMismatch

IR_VERSION: Final = 8
"""The file format that goes with opset 18."""

_PREFIX: Final = "published/"


def served_model(published: onnx.ModelProto, origin: str) -> onnx.ModelProto:
    """What is exported: FACE UINT8 [N, 112, 112, 3] RGB → EMBEDDING FP32 [N, 128] of length 1.

    Args:
        published: any graph with the published input and output; its weights may be listed as inputs.
        origin: its source, for errors.

    Raises:
        CheckpointMismatch: naming ``origin``, where the graph is another network's or cannot be brought to opset 18.
    """
    _check(published, origin)
    try:
        raised = version_converter.convert_version(_without_dropout(published), OPSET)
        model = _with_declared_tensors(compose.add_prefix(raised, _PREFIX))
        onnx.checker.check_model(model)
        shape_inference.infer_shapes(model, strict_mode=True)
    except Exception as error:  # the converter and the checkers raise many kinds
        raise CheckpointMismatch(
            f"{origin} holds a graph that cannot be brought to ONNX opset {OPSET} ({type(error).__name__}). "
            "Put the published file in its place."
        ) from None
    return model


class PublishedSFace:
    """The published graph as it is, one face at a time, in ONNX Runtime."""

    def __init__(self, published: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                published.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # it raises a kind of its own for everything that may be wrong
            raise CheckpointMismatch(
                f"The file for SFace holds a graph that ONNX Runtime does not run ({type(error).__name__}). "
                "Put the published file in its place."
            ) from None
        self._input = self._session.get_inputs()[0].name

    def exact(self, face: Tensor) -> tuple[Tensor, ...]:
        """UINT8 [N, 112, 112, 3] RGB → embeddings FP32 [N, 128] of length 1."""
        planes = face.permute(0, 3, 1, 2).to(torch.float32).numpy()
        rows = [self._session.run(None, {self._input: plane[None]})[0] for plane in planes]
        return (functional.normalize(torch.from_numpy(np.concatenate(rows)), dim=1),)


def reference(published: onnx.ModelProto) -> PublishedSFace:
    """Runs the published graph, for parity."""
    return PublishedSFace(published)


def seeded_model(seed: int) -> onnx.ModelProto:
    """Random weights in the published graph: the same for the same seed."""
    return sface_seeded.model(seed)


def examples(seed: int) -> tuple[tuple[Tensor], ...]:
    """Faces to check parity on, in two batches: UINT8 [N, 112, 112, 3]."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        (torch.randint(0, 256, (count, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8),) for count in (2, 3)
    )


def _check(published: onnx.ModelProto, origin: str) -> None:
    """Refuse graphs whose tensors are not SFace's; batches of one and free batches both pass."""
    graph = published.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    wanted = ((inputs, (3, SIDE, SIDE)), (graph.output, (VALUES,)))
    if all(len(values) == 1 and _is_batch_of(values[0], sizes) for values, sizes in wanted) and all(
        node.domain in ("", "ai.onnx") for node in graph.node
    ):
        return
    found = "; ".join(", ".join(_described(value) for value in values) or "nothing" for values, _ in wanted)
    raise CheckpointMismatch(
        f"{origin} holds another network: SFace takes FP32 [1, 3, {SIDE}, {SIDE}] and gives FP32 [1, {VALUES}], "
        f"this one has {found[:200]}. Put the file that belongs to this model in its place."
    )


def _is_batch_of(value: onnx.ValueInfoProto, sizes: tuple[int, ...]) -> bool:
    tensor = value.type.tensor_type
    batch, *rest = tensor.shape.dim or (None,)
    return (
        tensor.elem_type == TensorProto.FLOAT
        and batch is not None
        and batch.dim_value in (0, 1)
        and tuple(dim.dim_value for dim in rest) == sizes
    )


def _described(value: onnx.ValueInfoProto) -> str:
    sizes = ", ".join(str(dim.dim_value or dim.dim_param or "?") for dim in value.type.tensor_type.shape.dim)
    return f"{value.name} [{sizes}]"


def _without_dropout(published: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without dropouts, which do nothing in inference and changed form with several opsets."""
    model = onnx.ModelProto()
    model.CopyFrom(published)
    passed: dict[str, str] = {}
    kept: list[onnx.NodeProto] = []
    outputs = {value.name for value in model.graph.output}
    for node in model.graph.node:
        names = [passed.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(names)
        if node.op_type == "Dropout" and node.output[0] not in outputs:
            passed[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def _with_declared_tensors(published: onnx.ModelProto) -> onnx.ModelProto:
    graph = published.graph
    weights = {tensor.name for tensor in graph.initializer}
    (data,) = (value.name for value in graph.input if value.name not in weights)
    embedding = graph.output[0].name
    nodes = [
        helper.make_node("Cast", ["FACE"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["levels"], [data], perm=[0, 3, 1, 2]),
        *graph.node,
        helper.make_node("ReduceL2", [embedding, "value_axis"], ["length"], keepdims=1),
        helper.make_node("Div", [embedding, "length"], ["EMBEDDING"]),
    ]
    freed = _free_batch(graph, data)
    main = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info("FACE", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("EMBEDDING", TensorProto.FLOAT, ["N", VALUES])],
        [*graph.initializer, *freed, numpy_helper.from_array(np.array([1], np.int64), "value_axis")],
    )
    return helper.make_model(
        main, producer_name="limner", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
    )


def _free_batch(graph: onnx.GraphProto, data: str) -> list[onnx.TensorProto]:
    """Let reshapes of what comes from ``data`` keep the batch they get; their new targets, as initializers."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    follows = {data}
    targets: list[onnx.TensorProto] = []
    for node in graph.node:
        if follows.isdisjoint(node.input):
            continue
        follows.update(node.output)
        if node.op_type == "Reshape" and node.input[0] in follows and node.input[1] in constants:
            target = numpy_helper.to_array(constants[node.input[1]]).copy()
            if target.size > 1 and target[0] == 1:
                target[0] = 0
                targets.append(numpy_helper.from_array(target, f"target_{len(targets)}"))
                node.input[1] = targets[-1].name
    return targets
