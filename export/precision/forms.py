"""Writes the files of a model in the wanted precision, or in FP32 where that fails its quality gate.

model.onnx              every precision: FP32, or FP16; read by the backend ``onnxruntime``
model.xml, model.bin    ``fp32`` and ``int8``: read by the backend ``openvino``
model.plan              where it was asked for, by ``export.precision.tensorrt``
model.rrdb, librrdb.so  ``int8`` of an RRDBNet, by ``export.winograd.form``
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from export.models import ModelSpec
from export.precision.value_names import named_by_content
from export.precisions import Precision

if TYPE_CHECKING:
    from export.precision.gate import Outputs

ONNX_FILE = "model.onnx"
OPENVINO_FILE = "model.xml"
PLAN_FILE = "model.plan"


@dataclass(frozen=True)
class Forms:
    """What was written.

    Attributes:
        precision: that of the form which was asked for.
        quality: what the gate measured against FP32, one entry for each recipe tried, the last one deciding.
        reason: why it is not the precision that was wanted; None where it is.
        references: where ``int8`` was wanted, what FP32 gives on the pictures to judge by, for further forms.
    """

    precision: Precision
    quality: tuple[dict[str, object], ...] = ()
    reason: str | None = None
    references: tuple[Outputs, ...] = ()


def write_forms(spec: ModelSpec, model: onnx.ModelProto, wanted: Precision, folder: Path) -> Forms:
    """Write ``model`` into ``folder``.

    Raises:
        ExportError: where a tool fails.
        OSError: where the disk is full.
    """
    model = named_by_content(model)
    if wanted == "fp16":
        from export.precision.fp16 import write_fp16  # noqa: PLC0415 - each precision brings its own tools

        return write_fp16(spec, model, folder)
    from export.precision.openvino_ir import read_onnx, write_openvino  # noqa: PLC0415

    (folder / ONNX_FILE).write_bytes(onnx.ModelProto.SerializeToString(model))
    float_model = read_onnx(folder / ONNX_FILE)
    if wanted == "fp32":
        write_openvino(float_model, folder / OPENVINO_FILE)
        return Forms("fp32")
    from export.precision.int8 import write_int8  # noqa: PLC0415

    return write_int8(spec, float_model, folder)
