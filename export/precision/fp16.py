"""FP16 for GPUs: kept only where it passes the quality gate, by what it computes, not by how it looks on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import onnxruntime

from export.models import ModelSpec
from export.precision.forms import ONNX_FILE, Forms
from export.precision.gate import Limits, Outputs, judge
from export.precision.half import Recipe, emulated, in_half
from export.precision.samples import Inputs, evaluation_inputs
from limner.catalog import Role
from limner.errors import ExportError

_SENSITIVE = (
    *("Div", "Erf", "Exp", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "Pow"),
    *("Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceSum", "ReduceSumSquare", "Softmax", "Sqrt"),
)

RECIPES = (
    Recipe("FP16"),
    Recipe("FP16, choice of codes in FP32", choices=True),
    Recipe("FP16, norms, softmax and the choice of codes in FP32", kept=_SENSITIVE, choices=True),
)
"""What is tried, in order: the fastest first. A network without codes makes no difference between the first two."""

LIMITS: Mapping[Role, Limits] = {
    "background": Limits({"psnr_mean": 40.0, "psnr_worst": 36.0}),
    "face_restorer": Limits({"psnr_mean": 40.0, "psnr_worst": 36.0}),
    "parser": Limits({"agreement": 0.995}),
    "identity": Limits({"cosine_worst": 0.999}),
    "detector": Limits({"box_iou_worst": 0.95, "score_agreement": 0.99}),
}
"""The least that FP16 must reach against FP32. A face that became a flat colour has some 10 dB."""


def write_fp16(spec: ModelSpec, model: onnx.ModelProto, folder: Path) -> Forms:
    """Write ``model.onnx`` in FP16 by the first recipe that passes the gate, or in FP32 where none does.

    Args:
        spec: the model; its role decides on the limits.
        model: its graph in FP32. It stays as it is.
        folder: where to.

    Raises:
        ExportError: where ONNX Runtime refuses the graph.
        OSError: where the disk is full.
    """
    limits = LIMITS.get(spec.role)
    if limits is None:
        (folder / ONNX_FILE).write_bytes(model.SerializeToString())
        return Forms("fp32", (), f"There are no limits to judge FP16 of the role {spec.role} by.")
    pictures = evaluation_inputs(spec)
    references = run(spec, model, pictures)
    tried: list[dict[str, object]] = []
    halved: onnx.ModelProto | None = None
    for recipe in RECIPES:
        before, halved = halved, in_half(model, recipe)
        if halved == before:
            continue
        run(spec, halved, ())  # types that do not fit together are found here, not on the GPU
        verdict = judge(spec, references, run(spec, emulated(halved), pictures), limits)
        tried.append(verdict.entry(recipe.name))
        if verdict.passed:
            (folder / ONNX_FILE).write_bytes(halved.SerializeToString())
            return Forms("fp16", tuple(tried))
    (folder / ONNX_FILE).write_bytes(model.SerializeToString())
    return Forms("fp32", tuple(tried), f"FP16 did not pass the quality gate: {verdict.shortfall}.")


def run(spec: ModelSpec, model: onnx.ModelProto, inputs: Sequence[Inputs]) -> list[Outputs]:
    """What a graph gives on this CPU.

    Raises:
        ExportError: where ONNX Runtime refuses it.
    """
    names = [given.name for given in spec.inputs]
    outputs = [output.name for output in spec.outputs]
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return [tuple(session.run(outputs, dict(zip(names, given, strict=True)))) for given in inputs]
    except Exception as error:  # ONNX Runtime raises many kinds
        raise ExportError(
            f"{spec.name} could not be run in ONNX Runtime ({type(error).__name__}). "
            "Check that the pinned version of onnxruntime is installed (limner doctor), or use --precision fp32."
        ) from error
