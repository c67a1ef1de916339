"""What the tests of the two face parsers share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from export.architectures.parser_graph import ParserGraph
from export.models import ModelSpec, model_spec
from export.onnx_export import to_onnx
from export.parity import check_parity
from export.tensors import TensorSpec
from tests.export.runtimes import openvino_session

SMALL_SIDE = 64


def small_spec(name: str) -> ModelSpec:
    """The model ``name`` declared for pictures of 64×64, so that it runs in no time."""
    return replace(
        model_spec(name),
        inputs=(TensorSpec("FACE", "UINT8", ("N", SMALL_SIDE, SMALL_SIDE, 3)),),
        outputs=(TensorSpec("CLASSES", "UINT8", ("N", SMALL_SIDE, SMALL_SIDE)),),
    )


def faces(count: int, seed: int, side: int = SMALL_SIDE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def normalised(face: NDArray[np.uint8], module: ModuleType) -> NDArray[np.float32]:
    """UINT8 [N, H, W, 3] → FP32 [N, 3, H, W], as torchvision's ``normalize`` does after a division by 255."""
    scaled = (face / 255.0 - np.array(module.MEAN)) / np.array(module.DEVIATION)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)


@dataclass(frozen=True)
class Exported:
    """A small network in its graph, the ONNX model made of it and its operators."""

    graph: torch.nn.Module
    model: onnx.ModelProto
    path: Path

    @property
    def operators(self) -> set[str]:
        return {node.op_type for node in self.model.graph.node}

    def agreement(self, face: NDArray[np.uint8]) -> tuple[float, float]:
        """The part of all pixels to which ONNX Runtime and OpenVINO give the same class as PyTorch."""
        with torch.inference_mode():
            reference = self.graph(torch.from_numpy(face)).numpy()
        (ours,) = onnxruntime.InferenceSession(self.path, providers=["CPUExecutionProvider"]).run(None, {"FACE": face})
        (theirs,) = openvino_session(self.path)(face)
        assert ours.dtype == theirs.dtype == reference.dtype == np.uint8
        assert ours.shape == theirs.shape == reference.shape == face.shape[:3]
        return float(np.mean(ours == reference)), float(np.mean(theirs == reference))


def export_small(name: str, graph: ParserGraph, folder: Path) -> Exported:
    """Export ``graph`` for 64×64, traced with two faces, and check it."""
    spec = small_spec(name)
    example = (torch.from_numpy(faces(2, seed=7)),)
    model = to_onnx(spec, graph.eval(), example)
    (parity,) = check_parity(spec, model, graph, [example])
    assert parity.relative < 1e-5
    onnx.save(model, folder / "model.onnx")
    return Exported(graph, model, folder / "model.onnx")
