"""An ONNX model inside a Python source file, read as data: ``PY<source>``, or the model's bytes alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.packaged import PackagedWeights
from limner.errors import CheckpointMismatch


class _At(PackagedWeights):
    """Weights in files that no package brought."""

    def paths(self) -> tuple[Path, ...]:
        return tuple(map(Path, self.files))


NODES = (
    "/fx/stage1/stage1.1/stage1.1.0/stage1.1.0.0/Conv",
    "/fpn/output1/output1.0/Conv",
    "/class_head/class_head.0/Conv",
)


def seeds() -> list[bytes]:
    constants = [
        numpy_helper.from_array(np.ones((2, 1, 1, 1), np.float32), "w"),
        numpy_helper.from_array(np.zeros(2, np.float32), "b"),
    ]
    nodes = [helper.make_node("Conv", ["x", "w", "b"], [f"y{at}"], name) for at, name in enumerate(NODES)]
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], constants)).SerializeToString()
    assert onnx.load_model_from_string(model).graph.node
    return [model, b"PY\nW = " + repr(model).encode(), b"PYx = [1, {2: b'3'}]\ny = b''\n"]


def check(data: bytes) -> None:
    source = data[2:] if data.startswith(b"PY") else b"W = " + repr(data).encode()
    with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".py") as file:
        file.write(source)
        file.flush()
        try:
            state = _At("limner-fuzzed", (file.name,), "packaged_retinaface", "").read()
        except CheckpointMismatch:
            return
    for value in state.values():
        value.sum()
