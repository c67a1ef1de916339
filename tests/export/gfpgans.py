"""Small GFPGANs for tests, with what goes with them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import onnx
import torch

from export.architectures import gfpgan
from export.architectures.common import StateDict
from export.architectures.face_graph import FaceGraph
from export.models import ModelSpec, model_spec
from export.onnx_export import to_onnx
from export.tensors import TensorSpec

SMALL = {"out_size": 64, "num_style_feat": 32, "narrowing": 8}
TINY = {"out_size": 8, "num_style_feat": 16, "narrowing": 16}


def spec_for(layout: dict[str, int]) -> ModelSpec:
    shape = ("N", layout["out_size"], layout["out_size"], 3)
    return replace(
        model_spec("gfpgan"),
        inputs=(TensorSpec("FACE", "UINT8", shape),),
        outputs=(TensorSpec("RESTORED", "UINT8", shape),),
    )


def faces(layout: dict[str, int], seed: int = 1) -> torch.Tensor:
    return gfpgan.examples(seed, layout["out_size"])[0][0]


def with_styles_in_the_thousands(state: StateDict) -> StateDict:
    """The same function: demodulation cancels the factor, and RGB's weights are divided by it."""

    def factor(key: str) -> float:
        if ".modulation." in key:
            return 4000.0
        return 1 / 4000.0 if "to_rgb" in key and key.endswith("modulated_conv.weight") else 1.0

    return {key: value * factor(key) for key, value in state.items()}


@lru_cache(maxsize=1)
def small_export() -> tuple[FaceGraph, onnx.ModelProto]:
    """A small network with large styles, in PyTorch and exported. It is shared: copy before changing it."""
    graph = gfpgan.served(gfpgan.build(with_styles_in_the_thousands(gfpgan.seeded_state(0, SMALL)), "test"))
    return graph, to_onnx(spec_for(SMALL), graph.eval(), (faces(SMALL),))
