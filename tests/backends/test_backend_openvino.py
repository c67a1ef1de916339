"""The OpenVINO network by itself, without Triton."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from backends.model_config import ModelConfig, TensorSpec
from backends.openvino.keys import read_keys
from backends.openvino.network import OpenVinoNetwork
from tests.backends.networks import BARE_CONFIG, fold_network, photo_network


def photo_config(folder: Path, **parameters: str) -> ModelConfig:
    onnx.save(photo_network(), folder / "model.onnx")
    uint8 = np.dtype(np.uint8)
    return replace(
        BARE_CONFIG,
        file=folder / "model.onnx",
        inputs=(TensorSpec("photo", uint8, (16, 16, 3)),),
        outputs=(TensorSpec("result", uint8, (16, 16, 3)),),
        parameters=parameters,
    )


@pytest.mark.parametrize(
    ("parameters", "shape"),
    [
        ({}, (-1, -1, -1, 3)),
        ({"RESHAPE_IO_LAYERS": "YES"}, (-1, 16, 16, 3)),
        ({"SKIP_OV_DYNAMIC_BATCHSIZE": "YES"}, (1, -1, -1, 3)),
        ({"ENABLE_BATCH_PADDING": "YES"}, (4, -1, -1, 3)),
        ({"ENABLE_BATCH_PADDING": "YES", "RESHAPE_IO_LAYERS": "YES"}, (4, 16, 16, 3)),
    ],
)
def test_keys_shape_what_is_compiled(tmp_path: Path, parameters: dict[str, str], shape: tuple[int, ...]) -> None:
    config = photo_config(tmp_path, **parameters)
    network = OpenVinoNetwork(config, read_keys(config))
    assert network.file_inputs[0].shape == shape
    assert network.fixed_batch == (None if shape[0] == -1 else shape[0])


def test_a_failed_inference_does_not_spoil_the_next(tmp_path: Path) -> None:
    onnx.save(fold_network(), tmp_path / "model.onnx")
    float32 = np.dtype(np.float32)
    config = replace(
        BARE_CONFIG,
        file=tmp_path / "model.onnx",
        inputs=(TensorSpec("flat", float32, (-1,)),),
        outputs=(TensorSpec("folded", float32, (4, -1)),),
        parameters={"NUM_STREAMS": "2", "INFERENCE_NUM_THREADS": "2"},
    )
    network = OpenVinoNetwork(config, read_keys(config))
    good, bad = {"flat": np.arange(8, dtype=np.float32)[None]}, {"flat": np.zeros((1, 7), np.float32)}
    with pytest.raises(RuntimeError):
        network.infer([good, bad, good])
    for result in network.infer([good, good, good]):
        np.testing.assert_array_equal(result["folded"], good["flat"].reshape(1, 4, 2))
