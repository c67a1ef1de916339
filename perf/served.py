"""An exported model in this process, run as Triton's CPU profile runs it: same file, same keys, same code."""

from __future__ import annotations

import json
import time
from pathlib import Path

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from backends.dtypes import Arrays
from backends.model_config import read_model_config
from backends.openvino.keys import read_keys
from backends.openvino.network import OpenVinoNetwork
from limner.settings import PROJECT_ROOT


class ServedModel:
    """``file`` of the exported model in ``folder``, compiled with what ``configs/cpu.pbtxt`` of the model says."""

    def __init__(self, name: str, folder: Path, version: str, file: str) -> None:
        text = (PROJECT_ROOT / "model_repository" / name / "configs" / "cpu.pbtxt").read_text("utf-8")
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
        self._network = OpenVinoNetwork(config, read_keys(config))

    def infer(self, inputs: Arrays) -> Arrays:
        """One call with one batch."""
        return self._network.infer([inputs])[0]

    def seconds(self, inputs: Arrays) -> float:
        """How long one call takes."""
        started = time.perf_counter()
        self.infer(inputs)
        return time.perf_counter() - started
