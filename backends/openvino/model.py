"""The Python-based backend ``openvino``; docs/backends.md says how it compares with the native one."""

from __future__ import annotations

from backends.instance import Instance
from backends.model_config import ModelConfig
from backends.openvino.keys import read_keys
from backends.openvino.network import OpenVinoNetwork


class TritonPythonModel(Instance):
    """A model whose config.pbtxt says ``backend: "openvino"``."""

    default_filename = "model.xml"

    def load(self, config: ModelConfig) -> OpenVinoNetwork:
        return OpenVinoNetwork(config, read_keys(config))
