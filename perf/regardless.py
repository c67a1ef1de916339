"""INT8 regardless of the quality gate: random weights are as fast as trained ones, and often fail it."""

from __future__ import annotations

from pathlib import Path

from export.models import ModelSpec
from export.precision.forms import OPENVINO_FILE
from export.precision.openvino_ir import read_onnx, write_openvino
from export.precision.recipes import recipes_for


def write_int8_regardless(spec: ModelSpec, graph: Path, folder: Path) -> None:
    """Write ``model.xml`` into ``folder``: the FP32 ``graph`` (ONNX), quantised by the first recipe of its role."""
    from export.precision.int8 import quantise  # noqa: PLC0415 - NNCF takes seconds to import

    write_openvino(quantise(spec, read_onnx(graph), recipes_for(spec)[0]), folder / OPENVINO_FILE)
