"""How a model is quantised: what is tried, in order, until the quality gate is passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from export.models import ModelSpec
from export.precision.gate import Limits
from limner.catalog import Role


@dataclass(frozen=True)
class Recipe:
    """One way to quantise.

    Attributes:
        name: what the manifest calls it.
        symmetric: whether activations are symmetric too (NNCF's preset ``performance``) or only weights (``mixed``).
        float_sums: whether sums and factors between convolutions (the residual stream) stay in FP32.
        keep_first, keep_last: how many convolutions at the beginning and at the end stay in FP32.
    """

    name: str
    symmetric: bool = False
    float_sums: bool = False
    keep_first: int = 0
    keep_last: int = 0


_RECIPES = (
    Recipe("sums, first and last two convolutions in FP32", float_sums=True, keep_first=1, keep_last=2),
    Recipe("sums, first two and last four convolutions in FP32", float_sums=True, keep_first=2, keep_last=4),
)

LIMITS: Mapping[Role, Limits] = {
    "background": Limits({"psnr_mean": 34.0, "psnr_worst": 31.0, "ssim": 0.96}),
    "face_restorer": Limits({"psnr_mean": 34.0, "psnr_worst": 31.0, "ssim": 0.96}),
    "parser": Limits({"agreement": 0.98, "face_iou": 0.98}),
}
"""The least that INT8 must reach against FP32."""


def recipes_for(spec: ModelSpec) -> tuple[Recipe, ...]:
    """What to try on a model, the fastest first; nothing where its role has no limits to judge by."""
    return _RECIPES if spec.role in LIMITS else ()
