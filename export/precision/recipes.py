"""How a model is quantised: what is tried, in order, until the quality gate is passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from export.models import ModelSpec
from export.precision.gate import Limits
from limner.catalog import Role

_SUMS = ("Add", "Multiply")

_ALL_BUT_CONVOLUTIONS = (
    *("Add", "Subtract", "Multiply", "Divide", "Power", "Sqrt", "Abs", "Minimum", "Maximum"),
    *("MatMul", "ReduceMax", "ReduceMean", "AvgPool", "Interpolate"),
)


@dataclass(frozen=True)
class Recipe:
    """One way to quantise.

    Attributes:
        name: what the manifest calls it.
        float_types: types of OpenVINO operations that stay in FP32, such as the sums of a residual stream.
        keep_first, keep_last: how many convolutions at the beginning and at the end stay in FP32.
        keep_cheapest: the cheapest convolutions stay in FP32 up to this share of all multiplications.
        keep_pictures: whether convolutions from or to a picture (at most four channels) stay in FP32.
        equalised: whether a channel's range is moved from activations into weights, up to half of it (SmoothQuant,
            Xiao et al., 2022, with α = 0.5).
        margin: by how much ranges of activations are wider than what calibration saw.
    """

    name: str
    float_types: tuple[str, ...] = ()
    keep_first: int = 0
    keep_last: int = 0
    keep_cheapest: float = 0.0
    keep_pictures: bool = False
    equalised: bool = False
    margin: float = 1.0


_FACES = Recipe(
    "convolutions only, equalised; the cheapest 4 % of them in FP32",
    float_types=_ALL_BUT_CONVOLUTIONS,
    keep_cheapest=0.04,
    keep_pictures=True,
    equalised=True,
    margin=1.25,
)

_ENDS = Recipe("sums, first and last two convolutions in FP32", float_types=_SUMS, keep_first=1, keep_last=2)

_LONGER_ENDS = Recipe(
    "sums, first two and last four convolutions in FP32", float_types=_SUMS, keep_first=2, keep_last=4
)

_RECIPES: Mapping[Role, tuple[Recipe, ...]] = {
    "background": (_ENDS, _LONGER_ENDS),
    "parser": (_ENDS, _LONGER_ENDS),
    "face_restorer": (
        _FACES,
        replace(_FACES, name="convolutions only, equalised; the cheapest 20 % of them in FP32", keep_cheapest=0.2),
    ),
}

LIMITS: Mapping[Role, Limits] = {
    "background": Limits({"psnr_mean": 34.0, "psnr_worst": 31.0, "ssim": 0.96}),
    "face_restorer": Limits({"psnr_mean": 34.0, "psnr_worst": 31.0, "ssim": 0.96}),
    "parser": Limits({"agreement": 0.98, "face_iou": 0.98}),
}
"""The least that INT8 must reach against FP32."""


def recipes_for(spec: ModelSpec) -> tuple[Recipe, ...]:
    """What to try on a model, the fastest first; nothing where its role has no limits to judge by."""
    return _RECIPES.get(spec.role, ())
