"""The quality gate: how close a smaller precision must come to FP32, measured on pictures it was not tuned on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from export.models import ModelSpec
from limner.catalog import Role

Outputs = tuple[NDArray[Any], ...]
"""One array for each declared output."""

IDENTICAL = 100.0
"""PSNR of equal pictures, in dB, instead of infinity."""

NOT_FACE = (0, 14, 16, 17, 18)
"""Classes that are not pasted, whichever the parser: those of ``ensemble.mask``, whose masks are compared here."""

_CANDIDATES = 20


@dataclass(frozen=True)
class Limits:
    """The least that each figure must reach; figures that are not named are told but do not decide."""

    minima: Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """What was measured on so many ``pictures``."""

    figures: dict[str, float]
    limits: Limits
    pictures: int

    @property
    def passed(self) -> bool:
        """Whether every figure reaches its limit and none is NaN."""
        return not self._missed

    @property
    def shortfall(self) -> str:
        """The figures that do not, such as ``ssim 0.95 instead of 0.96``."""
        return ", ".join(f"{name} {self.figures[name]:.3g} instead of {least:g}" for name, least in self._missed)

    def entry(self, recipe: str) -> dict[str, object]:
        """What the manifest says of the ``recipe`` that was judged."""
        return {
            "recipe": recipe,
            "figures": self.figures,
            "limits": dict(self.limits.minima),
            "pictures": self.pictures,
            "passed": self.passed,
        }

    @property
    def _missed(self) -> list[tuple[str, float]]:
        # NaN compares as false, so it is among them.
        return [(name, least) for name, least in self.limits.minima.items() if not self.figures[name] >= least]


def judge(spec: ModelSpec, references: Sequence[Outputs], results: Sequence[Outputs], limits: Limits) -> Verdict:
    """Compare ``results`` with the ``references`` of FP32, picture by picture.

    Figures by role. Background and face restorer: ``psnr_mean`` and ``psnr_worst`` in dB, ``ssim`` (mean). Parser:
    ``agreement``, the share of equal pixels, and ``face_iou``, the overlap of the masks. Identity: ``cosine_worst``.
    Detector: ``box_iou_worst`` of the best candidates and ``score_agreement``, 1 minus the largest difference.
    """
    figures = _MEASURES[spec.role](references, results)
    missing = [name for name in limits.minima if name not in figures]
    if missing:
        raise ValueError(f"A {spec.role} has no figure {missing[0]}.")
    return Verdict(figures, limits, len(references))


def psnr(reference: NDArray[Any], result: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio in dB of two UINT8 pictures, at most ``IDENTICAL``."""
    error = float(np.mean((reference.astype(np.float64) - result) ** 2))
    return min(IDENTICAL, 10.0 * float(np.log10(255.0**2 / error))) if error > 0 else IDENTICAL


def ssim(reference: NDArray[Any], result: NDArray[Any]) -> float:
    """Structural similarity of two UINT8 RGB pictures, at most 1: luma, Gaussian window (Wang et al., 2004)."""
    planes = (cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[..., 0] for picture in (reference, result))
    return float(
        structural_similarity(*planes, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)  # type: ignore[no-untyped-call]
    )


def _images(references: Sequence[Outputs], results: Sequence[Outputs]) -> dict[str, float]:
    pairs = [
        (reference, result)
        for before, after in zip(references, results, strict=True)
        for reference, result in zip(before[0], after[0], strict=True)
    ]
    ratios = [psnr(reference, result) for reference, result in pairs]
    likeness = [ssim(reference, result) for reference, result in pairs]
    return {"psnr_mean": float(np.mean(ratios)), "psnr_worst": min(ratios), "ssim": float(np.mean(likeness))}


def _classes(references: Sequence[Outputs], results: Sequence[Outputs]) -> dict[str, float]:
    agreement = [float(np.mean(before[0] == after[0])) for before, after in zip(references, results, strict=True)]
    overlaps = []
    for before, after in zip(references, results, strict=True):
        one, other = (~np.isin(classes[0], NOT_FACE) for classes in (before, after))
        union = int((one | other).sum())
        overlaps.append(float((one & other).sum()) / union if union else 1.0)
    return {"agreement": float(np.mean(agreement)), "face_iou": float(np.mean(overlaps))}


def _embeddings(references: Sequence[Outputs], results: Sequence[Outputs]) -> dict[str, float]:
    before, after = (np.concatenate([outputs[0] for outputs in side]) for side in (references, results))
    norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return {"cosine_worst": float(((before * after).sum(axis=1) / norms).min())}


def _detections(references: Sequence[Outputs], results: Sequence[Outputs]) -> dict[str, float]:
    overlaps: list[float] = []
    differences: list[float] = []
    for (boxes, scores, _), (found, sureness, _) in zip(references, results, strict=True):
        for box, score in zip(boxes[:_CANDIDATES], scores[:_CANDIDATES], strict=True):
            shared = _iou(box, found)
            nearest = int(shared.argmax())
            overlaps.append(float(shared[nearest]))
            differences.append(abs(float(score) - float(sureness[nearest])))
    return {"box_iou_worst": min(overlaps), "score_agreement": 1.0 - max(differences)}


def _iou(box: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = (high - low).clip(min=0).prod(axis=1)
    area = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1)
    return np.asarray(shared / (area - shared))


_MEASURES: dict[Role, Callable[[Sequence[Outputs], Sequence[Outputs]], dict[str, float]]] = {
    "background": _images,
    "face_restorer": _images,
    "parser": _classes,
    "identity": _embeddings,
    "detector": _detections,
}
