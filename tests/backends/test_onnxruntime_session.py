"""What keeps ONNX Runtime from loading a model is an error with its reason: it does not go on by its own fallback."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from backends.model_config import ModelConfig, TensorSpec
from backends.onnxruntime.keys import read_keys
from backends.onnxruntime.network import OnnxRuntimeNetwork
from limner.errors import ServingError
from tests.backends.networks import BARE_CONFIG, lookup_network

CONFIG = replace(
    BARE_CONFIG,
    name="lookup",
    inputs=(TensorSpec("index", np.dtype(np.int64), (2,)),),
    outputs=(TensorSpec("value", np.dtype(np.float32), (2,)),),
)


@pytest.fixture
def config(tmp_path: Path) -> ModelConfig:
    onnx.save(lookup_network(), tmp_path / "model.onnx")
    return replace(CONFIG, file=tmp_path / "model.onnx")


def test_a_provider_that_fails_is_not_replaced(
    config: ModelConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options of a wrong form fail on every build as an engine does that cannot be built: with a ValueError."""
    chosen = [("CPUExecutionProvider", ["no options"])]
    monkeypatch.setattr("backends.onnxruntime.network.choose_providers", lambda *_: chosen)
    with pytest.raises(ServingError, match=r"'lookup': ONNX Runtime cannot load 'model.onnx': 'providers' values must"):
        OnnxRuntimeNetwork(config, read_keys(config))
    assert capsys.readouterr().out == ""


def test_nor_is_one_that_fails_in_the_runtime_tried_twice(
    config: ModelConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = replace(read_keys(config), session_entries={"session.intra_op_thread_affinities": "core"})
    with pytest.raises(ServingError, match="Processor id must consist of only digits: core"):
        OnnxRuntimeNetwork(config, keys)
    assert capsys.readouterr().out == ""
