"""``quality_metrics`` of real results: sharper by a network, not by enlarging alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from ensemble.photo import UInt8
from gateway.report import REPORT_HEADER_BYTES, compact_report
from tests.model_repository.photos import decode, encode

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]
Result = tuple[UInt8, dict[str, Any]]

pytest_plugins = ["tests.model_repository.identity_servers"]

BOTH = {"sharpness_score", "face_quality_score", "enhancement_ratio", "identity_preservation", "before"}
PARTS = {"inter_eye_distance", "effective_eye_distance", "exposure", "contrast", "pose", "visible"}
REASONS = {"eyes-too-close", "blurred", "too-dark", "too-bright", "low-contrast", "turned", "cut-off"}


def is_share(value: object) -> bool:
    return isinstance(value, float) and 0 <= value <= 1


@pytest.fixture(scope="module")
def results(enhance: Enhance, portrait: UInt8) -> dict[str, Result]:
    """The damaged portrait, four times as large, by each of two backgrounds."""

    def enlarged(background: str) -> Result:
        photo = encode(portrait, "JPEG", quality=60)
        result, report = enhance(photo, {"enhancement_level": 3, "background": background})
        return np.asarray(decode(result)), report

    return {background: enlarged(background) for background in ("realesrgan", "lanczos")}


@pytest.mark.parametrize(("background", "low", "high"), [("realesrgan", 1.5, 8), ("lanczos", 0.8, 1.25)])
def test_enhancement_ratio_tells_detail_from_pixels(
    results: dict[str, Result], background: str, low: float, high: float
) -> None:
    pixels, report = results[background]
    assert pixels.shape == (400, 360, 3)
    (face,) = report["faces"]
    ratio = report["quality_metrics"]["enhancement_ratio"]
    assert low < ratio < high
    assert face["quality_metrics"]["enhancement_ratio"] == ratio
    eyes = np.subtract(*face["landmarks"][:2])
    distance = face["quality_metrics"]["parts"]["inter_eye_distance"]
    assert distance == pytest.approx(4 * np.linalg.norm(eyes), rel=0.01), "in pixels of the result"


@pytest.mark.parametrize("background", ["realesrgan", "lanczos"])
def test_keys_and_types_are_those_of_the_documentation(results: dict[str, Result], background: str) -> None:
    report = results[background][1]
    photo = report["quality_metrics"]
    assert set(photo) == BOTH | {"identity_reason"}
    assert set(photo["before"]) == {"sharpness_score", "face_quality_score"}
    (face,) = (each["quality_metrics"] for each in report["faces"])
    assert set(face) == BOTH | {"usable", "reasons", "parts"}
    assert set(face["parts"]) == PARTS
    for metrics in (photo, face, photo["before"], face["before"]):
        assert is_share(metrics["sharpness_score"])
        assert is_share(metrics["face_quality_score"])
    assert all(is_share(face["parts"][name]) for name in PARTS if not name.endswith("distance"))
    assert face["parts"]["effective_eye_distance"] <= face["parts"]["inter_eye_distance"]
    for when in ("before", "after"):
        assert set(face["reasons"][when]) <= REASONS
        assert face["usable"][when] is (not face["reasons"][when])
    assert photo["identity_preservation"] is face["identity_preservation"] is None
    assert photo["identity_reason"] == report["models"]["identity"]["reason"]
    assert isinstance(photo["identity_reason"], str)


def test_before_is_the_photo_as_it_was_sent(results: dict[str, Result]) -> None:
    """The same for both, and worse than after the network; enlarging alone gains little."""
    network, lanczos = (results[name][1]["quality_metrics"] for name in ("realesrgan", "lanczos"))
    assert network["before"] == lanczos["before"]
    for metrics in (network, results["realesrgan"][1]["faces"][0]["quality_metrics"]):
        for name in ("sharpness_score", "face_quality_score"):
            assert metrics[name] > 1.5 * metrics["before"][name] > 0
            assert metrics[name] > 1.3 * lanczos[name]
    (face,) = results["realesrgan"][1]["faces"]
    assert "eyes-too-close" in face["quality_metrics"]["reasons"]["before"], "17 pixels"


def test_without_faces_the_photo_is_measured_alone(enhance: Enhance, astronaut: UInt8) -> None:
    photo = np.ascontiguousarray(astronaut[300:500, 300:500])
    _, report = enhance(encode(photo), {"enhancement_level": 3, "background": "lanczos"})
    assert report["faces"] == []
    metrics = report["quality_metrics"]
    assert metrics["face_quality_score"] is None
    assert metrics["before"]["face_quality_score"] is None
    assert metrics["identity_preservation"] is None
    assert metrics["identity_reason"]
    assert is_share(metrics["sharpness_score"])
    assert 0.8 < metrics["enhancement_ratio"] < 1.25


def test_nothing_changed_gains_nothing(enhance_with_identity: Enhance, face: UInt8) -> None:
    options = {"enhancement_level": 1, "background": "lanczos", "restorer": "none"}
    _, report = enhance_with_identity(encode(face), options)
    for metrics in (report["quality_metrics"], report["faces"][0]["quality_metrics"]):
        assert metrics["enhancement_ratio"] == 1
        assert {name: metrics[name] for name in metrics["before"]} == metrics["before"]


def test_aligned_faces_are_measured(enhance_with_identity: Enhance, face: UInt8) -> None:
    photo = np.asarray(cv2.resize(face[20:220, 44:244], (256, 256), interpolation=cv2.INTER_CUBIC), np.uint8)
    _, report = enhance_with_identity(encode(photo), {"aligned": True, "enhancement_level": 1})
    metrics = report["faces"][0]["quality_metrics"]
    assert metrics["parts"]["inter_eye_distance"] == pytest.approx(63, abs=0.5), "the template's 126 of 512"
    assert metrics["parts"]["visible"] == 1
    assert metrics["enhancement_ratio"] > 0.8


@pytest.fixture(scope="module")
def thirty(astronaut: UInt8) -> UInt8:
    """uint8 [650, 780, 3]: five rows of six portraits, each in a light of its own."""
    portrait = cv2.resize(astronaut[0:250, 100:350], (130, 130), interpolation=cv2.INTER_AREA)
    lights = np.random.default_rng(0).uniform(0.8, 1, 30)
    people = [np.rint(portrait * light).astype(np.uint8) for light in lights]
    return np.vstack([np.hstack(people[first : first + 6]) for first in range(0, 30, 6)])


def test_thirty_faces_fit_a_header(enhance_with_stand_ins: Enhance, thirty: UInt8) -> None:
    """All of them, with their places; what the faces' metrics are made of goes first."""
    options = {"enhancement_level": 1, "background": "lanczos"}
    _, report = enhance_with_stand_ins(encode(thirty), options)
    assert sum(face["restored"] for face in report["faces"]) >= 28
    assert all(set(face["quality_metrics"]) == BOTH | {"usable", "reasons", "parts"} for face in report["faces"])
    text = compact_report(report)
    assert len(text.encode()) <= REPORT_HEADER_BYTES < len(json.dumps(report))
    compact = json.loads(text)
    assert compact["quality_metrics"] == report["quality_metrics"]
    assert len(compact["faces"]) == len(report["faces"])
    assert not compact["truncated"]
    for short, face in zip(compact["faces"], report["faces"], strict=True):
        assert (short["box"], short["score"]) == (face["box"], face["score"])
