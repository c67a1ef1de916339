"""``quality_metrics`` of a report: what a photo and its faces were worth before and after.

Definitions, units and ranges: docs/metrics.md. Everything is JSON: numbers are finite, rounded to four decimals; null
is what could not be measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ensemble.face_quality import FaceQuality
from ensemble.sharpness import FULL_DETAIL

Metrics = dict[str, Any]

_LEAST = 1.0
"""Effective pixels that a ratio takes for nothing: no finite number says how much better than nothing a result is."""


def face_metrics(before: FaceQuality, after: FaceQuality, identity: float | None) -> Metrics:
    """Metrics of one face.

    Args:
        before: the face in the photo as it was sent.
        after: the face in the result.
        identity: cosine between the embeddings of both, -1..1; None where nothing compared them.
    """
    return {
        "sharpness_score": _rounded(after.sharpness_score),
        "face_quality_score": _rounded(after.face_quality_score),
        "enhancement_ratio": _ratio(before.effective_eye_distance, after.effective_eye_distance),
        "identity_preservation": None if identity is None else _rounded(identity),
        "before": {
            "sharpness_score": _rounded(before.sharpness_score),
            "face_quality_score": _rounded(before.face_quality_score),
        },
        "usable": {"before": before.usable, "after": after.usable},
        "reasons": {"before": list(before.reasons), "after": list(after.reasons)},
        "parts": {
            "inter_eye_distance": _rounded(after.inter_eye_distance, 1),
            "effective_eye_distance": _rounded(after.effective_eye_distance, 1),
            "exposure": _rounded(after.exposure),
            "contrast": _rounded(after.contrast),
            "pose": _rounded(after.pose),
            "visible": _rounded(after.visible),
        },
    }


def photo_metrics(
    before_sharpness: float, after_sharpness: float, faces: Sequence[Metrics], identity_reason: str | None
) -> Metrics:
    """Metrics of a photo: its own sharpness, and of its faces the mean, weighted by the distance between the eyes.

    Args:
        before_sharpness, after_sharpness: ``sharpness_score`` of the whole photo, 0..1.
        faces: what ``face_metrics`` gave.
        identity_reason: why no identity was compared; None where it was.
    """
    before = [{**face["before"], "parts": face["parts"]} for face in faces]
    return {
        "sharpness_score": _rounded(after_sharpness),
        "face_quality_score": _mean(faces, "face_quality_score"),
        "enhancement_ratio": _mean(faces, "enhancement_ratio")
        if faces
        else _ratio(before_sharpness * FULL_DETAIL, after_sharpness * FULL_DETAIL),
        "identity_preservation": _mean(faces, "identity_preservation"),
        "identity_reason": identity_reason,
        "before": {
            "sharpness_score": _rounded(before_sharpness),
            "face_quality_score": _mean(before, "face_quality_score"),
        },
    }


def _rounded(value: float, digits: int = 4) -> float:
    return round(float(value), digits) if math.isfinite(value) else 0.0


def _ratio(before: float, after: float) -> float:
    return _rounded(max(after, _LEAST) / max(before, _LEAST))


def _mean(faces: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Weighted mean over the faces that have a value; None where none has."""
    held = [(face[name], max(face["parts"]["inter_eye_distance"], _LEAST)) for face in faces if face[name] is not None]
    if not held:
        return None
    return _rounded(sum(value * weight for value, weight in held) / sum(weight for _, weight in held))
