"""The Python-based backend ``winograd``: RRDBNet in INT8 on Limner's own kernel; docs/backends.md says more."""

from __future__ import annotations

from backends.instance import Instance
from backends.model_config import ModelConfig
from backends.winograd.keys import read_threads
from backends.winograd.network import WinogradNetwork
from limner.rrdb import WEIGHTS_FILE


class TritonPythonModel(Instance):
    """A model whose config.pbtxt says ``backend: "winograd"``."""

    default_filename = WEIGHTS_FILE

    def load(self, config: ModelConfig) -> WinogradNetwork:
        return WinogradNetwork(config, read_threads(config))
