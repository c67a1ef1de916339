"""The Python-based backend ``onnxruntime``; docs/backends.md says how it compares with the native one."""

from __future__ import annotations

from backends.instance import Instance
from backends.model_config import ModelConfig
from backends.onnxruntime.keys import read_keys
from backends.onnxruntime.network import OnnxRuntimeNetwork


class TritonPythonModel(Instance):
    """A model whose config.pbtxt says ``backend: "onnxruntime"``."""

    default_filename = "model.onnx"

    def load(self, config: ModelConfig) -> OnnxRuntimeNetwork:
        return OnnxRuntimeNetwork(config, read_keys(config))
