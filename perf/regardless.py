"""INT8 regardless of the quality gate: random weights are as fast as trained ones, and often fail it."""

from __future__ import annotations

from pathlib import Path

from export.models import ModelSpec
from export.precision.forms import OPENVINO_FILE
from export.precision.openvino_ir import read_onnx, write_openvino
from export.precision.recipes import recipes_for
from limner.rrdb import LIBRARY_FILE, WEIGHTS_FILE


def write_int8_regardless(spec: ModelSpec, graph: Path, folder: Path) -> None:
    """Write ``model.xml`` into ``folder``: the FP32 ``graph`` (ONNX), quantised by the first recipe of its role."""
    from export.precision.int8 import quantise  # noqa: PLC0415 - NNCF takes seconds to import

    write_openvino(quantise(spec, read_onnx(graph), recipes_for(spec)[0]), folder / OPENVINO_FILE)


def write_winograd_regardless(spec: ModelSpec, graph: Path, folder: Path) -> None:
    """Write ``model.rrdb`` and ``librrdb.so`` into ``folder``, of an RRDBNet."""
    from export.precision.samples import calibration_inputs  # noqa: PLC0415 - PyTorch takes seconds to import
    from export.published_onnx import read_published  # noqa: PLC0415
    from export.winograd.build import build_kernel  # noqa: PLC0415
    from export.winograd.quantise import quantise  # noqa: PLC0415

    pictures = [sample[0] for sample in calibration_inputs(spec)]
    (folder / WEIGHTS_FILE).write_bytes(quantise(read_published(graph), pictures))
    build_kernel(folder / LIBRARY_FILE)
