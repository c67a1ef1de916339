"""The JSON of ``quality_metrics``: the contract's keys, finite numbers, means that mean something."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from ensemble.face_quality import NOT_MEASURABLE, FaceQuality
from ensemble.metrics import face_metrics, photo_metrics

KEYS = {"sharpness_score", "face_quality_score", "enhancement_ratio", "identity_preservation"}
BEFORE = FaceQuality(0.22222222, 0.2, 20.0, 20.0, 1.0, 1.0, 0.9, 1.0, ("eyes-too-close",))
AFTER = FaceQuality(0.77777777, 0.7, 80.0, 70.0, 1.0, 1.0, 0.9, 1.0, ())


def test_of_a_face() -> None:
    assert face_metrics(BEFORE, AFTER, 0.654321) == {
        "sharpness_score": 0.7778,
        "face_quality_score": 0.7,
        "enhancement_ratio": 3.5,
        "identity_preservation": 0.6543,
        "before": {"sharpness_score": 0.2222, "face_quality_score": 0.2},
        "usable": {"before": False, "after": True},
        "reasons": {"before": ["eyes-too-close"], "after": []},
        "parts": {
            "inter_eye_distance": 80.0,
            "effective_eye_distance": 70.0,
            "exposure": 1.0,
            "contrast": 1.0,
            "pose": 0.9,
            "visible": 1.0,
        },
    }


def test_nothing_gained_is_one() -> None:
    assert face_metrics(BEFORE, BEFORE, None)["enhancement_ratio"] == 1.0
    assert face_metrics(NOT_MEASURABLE, NOT_MEASURABLE, None)["enhancement_ratio"] == 1.0
    assert photo_metrics(0.4, 0.4, [], None)["enhancement_ratio"] == 1.0
    assert photo_metrics(0.0, 0.0, [], None)["enhancement_ratio"] == 1.0


def test_something_lost_is_less_than_one() -> None:
    assert face_metrics(AFTER, BEFORE, None)["enhancement_ratio"] == pytest.approx(20 / 70, abs=1e-4)


def test_of_a_photo_without_faces() -> None:
    assert photo_metrics(0.2, 0.5, [], "There is no face.") == {
        "sharpness_score": 0.5,
        "face_quality_score": None,
        "enhancement_ratio": 2.5,
        "identity_preservation": None,
        "identity_reason": "There is no face.",
        "before": {"sharpness_score": 0.2, "face_quality_score": None},
    }


def test_large_faces_count_more() -> None:
    small = replace(AFTER, face_quality_score=0.1, inter_eye_distance=20.0, effective_eye_distance=20.0)
    faces = [face_metrics(BEFORE, AFTER, 0.9), face_metrics(BEFORE, small, 0.4)]
    photo = photo_metrics(0.2, 0.5, faces, None)
    assert photo["face_quality_score"] == pytest.approx((0.7 * 80 + 0.1 * 20) / 100)
    assert photo["enhancement_ratio"] == pytest.approx((3.5 * 80 + 1.0 * 20) / 100)
    assert photo["identity_preservation"] == pytest.approx((0.9 * 80 + 0.4 * 20) / 100)
    assert photo["before"] == {"sharpness_score": 0.2, "face_quality_score": 0.2}


def test_identity_is_the_mean_of_the_faces_that_were_compared() -> None:
    faces = [face_metrics(BEFORE, AFTER, 0.8), face_metrics(BEFORE, AFTER, None)]
    assert photo_metrics(0.2, 0.5, faces, None)["identity_preservation"] == 0.8
    assert photo_metrics(0.2, 0.5, faces[1:], "No embedder.")["identity_preservation"] is None


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(odd: float) -> None:
    strange = replace(AFTER, sharpness_score=odd, pose=odd, effective_eye_distance=odd, inter_eye_distance=odd)
    face = face_metrics(strange, strange, odd)
    photo = photo_metrics(odd, odd, [face], None)
    for metrics in (face, photo):
        assert metrics.keys() >= KEYS
        assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
