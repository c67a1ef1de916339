"""What the tests of the restorers that work with codes share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from numpy.typing import NDArray

from export.architectures.vqgan import random_faces
from export.models import FACE_SIZE, ModelSpec, model_spec
from export.onnx_export import to_onnx
from export.parity import ExactGraph, Parity, check_parity
from export.tensors import TensorSpec

SMALL_SIDE = 64
"""Side of a face for a network of three levels."""


def small_spec(name: str) -> ModelSpec:
    """The model ``name`` declared for faces of 64×64."""

    def small(tensor: TensorSpec) -> TensorSpec:
        return replace(tensor, shape=tuple(SMALL_SIDE if size == FACE_SIZE else size for size in tensor.shape))

    spec = model_spec(name)
    return replace(spec, inputs=tuple(map(small, spec.inputs)), outputs=tuple(map(small, spec.outputs)))


@dataclass(frozen=True)
class Exported:
    """A small network's graph, and the ONNX model made of it from a batch of two."""

    spec: ModelSpec
    graph: torch.nn.Module
    model: onnx.ModelProto
    parity: tuple[Parity, ...]
    path: Path

    @property
    def operators(self) -> set[str]:
        return {node.op_type for node in self.model.graph.node}

    def exact(self, *given: NDArray[np.generic]) -> NDArray[np.float32]:
        """What PyTorch gives before rounding."""
        with torch.inference_mode():
            return cast("ExactGraph", self.graph).exact(*map(torch.from_numpy, given))[0].numpy()

    def served(self, *given: NDArray[np.generic]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """What ONNX Runtime and OpenVINO give, with the precision that the CPU profile sets."""
        feed = {tensor.name: array for tensor, array in zip(self.spec.inputs, given, strict=True)}
        session = onnxruntime.InferenceSession(self.path, providers=["CPUExecutionProvider"])
        compiled = openvino.Core().compile_model(str(self.path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return session.run(None, feed)[0], next(iter(compiled(feed).values())).copy()


def export_small(name: str, graph: torch.nn.Module, folder: Path, *extra: torch.Tensor) -> Exported:
    """Export ``graph`` from a batch of two faces and ``extra`` inputs, with its parity checked."""
    spec = small_spec(name)
    example = (random_faces(1, 2, SMALL_SIDE), *extra)
    model = to_onnx(spec, graph, example)
    onnx.save(model, folder / "model.onnx")
    parity = check_parity(spec, model, cast("ExactGraph", graph), [example])
    return Exported(spec, graph, model, parity, folder / "model.onnx")


def smallest_margin(scores: torch.Tensor) -> float:
    """How far the best of the last axis is from the second, where they are closest, in units of the scores' spread."""
    best, second = scores.topk(2, dim=-1).values.unbind(dim=-1)
    return float((best - second).min() / scores.std())
