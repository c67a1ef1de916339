"""RRDBNets of one block with seeded weights, quantised for Limner's own kernel, and the kernel, compiled once."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from importlib import util
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from export.architectures import rrdbnet
from export.architectures.image_graph import ImageGraph
from export.models import ModelSpec, model_spec
from export.onnx_export import to_onnx
from export.precision.samples import calibration_inputs
from export.winograd.build import build_kernel
from export.winograd.quantise import quantise
from limner.cpu import cpu_flags, winograd_obstacle
from limner.rrdb import LIBRARY_FILE, WEIGHTS_FILE

UInt8 = NDArray[np.uint8]


def spec_of(scale: int) -> ModelSpec:
    return model_spec(f"realesrgan_x{scale}")


def require_compiler() -> None:
    """Skip where the package ziglang is missing."""
    if util.find_spec("ziglang") is None:
        if os.environ.get("LIMNER_REQUIRE_ALL") == "1":
            pytest.fail("the package ziglang is missing")
        pytest.skip("the package ziglang is missing")


def require_kernel() -> None:
    """Skip where the kernel cannot be compiled, or not be run by this CPU."""
    require_compiler()
    obstacle = winograd_obstacle(cpu_flags() - {"amx_int8"})
    if obstacle:
        pytest.skip(obstacle)


@lru_cache(maxsize=2)
def network(scale: int) -> ImageGraph:
    """In FP32, with a result around the middle of the range."""
    state = rrdbnet.seeded_state(1, {"scale": scale, "num_block": 1})
    state["conv_last.weight"] *= 4.0
    state["conv_last.bias"] = state["conv_last.bias"] * 0 + 0.5
    return rrdbnet.served(rrdbnet.build(state, "test")).eval()


def in_fp32(scale: int, pictures: UInt8) -> UInt8:
    """What the network gives for pictures UINT8 [N, H, W, 3]."""
    with torch.inference_mode():
        return np.asarray(network(scale)(torch.from_numpy(pictures)).numpy(), np.uint8)


@lru_cache(maxsize=2)
def graph(scale: int) -> onnx.ModelProto:
    """The exported graph. It is shared: copy before changing it."""
    return to_onnx(spec_of(scale), network(scale), rrdbnet.examples(1)[0])


@lru_cache(maxsize=2)
def weights(scale: int) -> bytes:
    """The content of ``model.rrdb``, calibrated on a few tiles."""
    return quantise(graph(scale), [sample[0] for sample in islice(calibration_inputs(spec_of(scale)), 6)])


@lru_cache(maxsize=1)
def library() -> bytes:
    """The content of ``librrdb.so``."""
    with tempfile.TemporaryDirectory() as folder:
        build_kernel(Path(folder) / LIBRARY_FILE)
        return (Path(folder) / LIBRARY_FILE).read_bytes()


def write_version(folder: Path, scale: int) -> Path:
    """Write both files into ``folder``; the path of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LIBRARY_FILE).write_bytes(library())
    (folder / WEIGHTS_FILE).write_bytes(weights(scale))
    return folder / WEIGHTS_FILE


def tiles(count: int, height: int, width: int, seed: int = 0) -> UInt8:
    """Smooth random pictures UINT8 [N, H, W, 3]."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (count, height // 4 + 1, width // 4 + 1, 3))
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :height, :width]
    return np.ascontiguousarray(fine.round(), np.uint8)
