"""An exported model in this process, run as Triton's CPU profile runs it: same file, same keys, same code."""

from __future__ import annotations

import json
import time
from pathlib import Path

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from backends.batching import Network
from backends.dtypes import Arrays
from backends.model_config import read_model_config
from backends.openvino.keys import read_keys
from backends.openvino.network import OpenVinoNetwork
from backends.winograd.keys import read_threads
from backends.winograd.network import WinogradNetwork
from export.precision.forms import OPENVINO_FILE
from limner.rrdb import WEIGHTS_FILE
from limner.settings import PROJECT_ROOT, Settings
from serving.winograd import WINOGRAD_CONFIG, can_use_winograd, wants_winograd


def served_file(name: str, version: Path) -> str:
    """Which file of an exported version folder Triton's CPU profile runs on this machine."""
    model = PROJECT_ROOT / "model_repository" / name
    own = wants_winograd(Settings(profile="cpu")) and can_use_winograd(model, [version])
    return WEIGHTS_FILE if own else OPENVINO_FILE


class ServedModel:
    """``file`` of the exported model in ``folder``, run with what the model's configuration for CPUs says."""

    def __init__(self, name: str, folder: Path, version: str, file: str) -> None:
        own = file == WEIGHTS_FILE
        configuration = f"{WINOGRAD_CONFIG if own else 'cpu'}.pbtxt"
        text = (PROJECT_ROOT / "model_repository" / name / "configs" / configuration).read_text("utf-8")
        declared = text_format.Parse(text, model_config_pb2.ModelConfig())
        declared.default_model_filename = file
        arguments = {
            "model_config": json.dumps(json_format.MessageToDict(declared, preserving_proto_field_name=True)),
            "model_repository": str(folder),
            "model_version": version,
            "model_instance_kind": "CPU",
            "model_instance_device_id": "0",
        }
        config = read_model_config(arguments, file)
        self._network: Network = (
            WinogradNetwork(config, read_threads(config)) if own else OpenVinoNetwork(config, read_keys(config))
        )

    def infer(self, inputs: Arrays) -> Arrays:
        """One call with one batch."""
        return self._network.infer([inputs])[0]

    def seconds(self, inputs: Arrays) -> float:
        """How long one call takes."""
        started = time.perf_counter()
        self.infer(inputs)
        return time.perf_counter() - started
