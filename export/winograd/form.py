"""The form of an RRDBNet that Limner's own kernel reads, kept only where it passes the quality gate of INT8.

model.rrdb              quantised weights
librrdb.so              the kernel, compiled

Both lie beside the other forms, which other machines go on using.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx

from export.models import ModelSpec
from export.precision.forms import Forms
from export.precision.gate import Outputs, judge
from export.precision.recipes import LIMITS
from export.precision.samples import Inputs, calibration_inputs, evaluation_inputs
from export.winograd.build import build_kernel
from export.winograd.quantise import quantise
from limner.cpu import usable_cores
from limner.errors import LimnerError
from limner.rrdb import LIBRARY_FILE, WEIGHTS_FILE, KernelUnusable, RrdbNetwork

RECIPE = "Winograd F(2x2, 3x3) in INT8, ranges by tap and channel"


def add_winograd(
    spec: ModelSpec, model: onnx.ModelProto, forms: Forms, folder: Path, obstacle: str | None = None
) -> Forms:
    """Add ``model.rrdb`` and ``librrdb.so`` to the forms in ``folder``, where they pass the gate.

    What keeps them from being made does not fail an export: the other forms serve, and ``quality`` tells the reason.

    Args:
        spec: the model; its role decides on the limits.
        model: its graph in FP32.
        forms: what was written, with the outputs of FP32 to judge by.
        folder: where to.
        obstacle: why it is not to be tried on this machine; None where it is.

    Raises:
        OSError: where the disk is full.
    """
    if obstacle is not None:
        return _without(forms, obstacle)
    pictures = evaluation_inputs(spec)
    try:
        (folder / WEIGHTS_FILE).write_bytes(quantise(model, [sample[0] for sample in calibration_inputs(spec)]))
        build_kernel(folder / LIBRARY_FILE)
        results = run(folder, pictures)
    except (LimnerError, KernelUnusable) as error:
        _remove(folder)
        return _without(forms, str(error))
    verdict = judge(spec, forms.references, results, LIMITS[spec.role])
    entry = verdict.entry(RECIPE) | {"file": WEIGHTS_FILE}
    if not verdict.passed:
        _remove(folder)
    elif forms.precision != "int8":
        return replace(forms, precision="int8", quality=(*forms.quality, entry), reason=None)
    return replace(forms, quality=(entry, *forms.quality))


def run(folder: Path, inputs: Sequence[Inputs]) -> list[Outputs]:
    """What the kernel gives on this CPU for pictures UINT8 [1, H, W, 3].

    Raises:
        KernelUnusable: where it cannot run here.
    """
    network = RrdbNetwork(folder / WEIGHTS_FILE)
    threads = usable_cores()
    return [(network.run(sample[0][0], threads)[None],) for sample in inputs]


def _without(forms: Forms, reason: str) -> Forms:
    entry: dict[str, object] = {"recipe": RECIPE, "file": WEIGHTS_FILE, "passed": False, "reason": reason}
    return replace(forms, quality=(entry, *forms.quality))


def _remove(folder: Path) -> None:
    for name in (WEIGHTS_FILE, LIBRARY_FILE):
        (folder / name).unlink(missing_ok=True)
