"""Picking faces: thresholds, overlaps, order."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ensemble.detect import (
    MIN_SIDE,
    NMS_IOU,
    NO_FACES,
    SCORE_THRESHOLD,
    Faces,
    detection_scale,
    is_detectable,
    scale_faces,
    select_faces,
    suppress_overlaps,
)
from ensemble.photo import Float32


def random_boxes(seed: int, count: int) -> Float32:
    generator = np.random.default_rng(seed)
    corners = generator.uniform(0, 200, (count, 2))
    return np.hstack([corners, corners + generator.uniform(0, 90, (count, 2))]).astype(np.float32)


def landmarks(count: int, eye_distance: float = 20.0) -> Float32:
    """float32 [count, 10], eyes side by side and ``eye_distance`` apart."""
    points = np.array([30, 30, 30 + eye_distance, 30, 40, 40, 33, 50, 47, 50], np.float32)
    return np.tile(points, (count, 1))


def apart(count: int) -> Float32:
    """Boxes that do not touch."""
    left = np.arange(count, dtype=np.float32) * 100
    return np.stack([left, left, left + 50, left + 50], axis=1)


def iou(a: Float32, b: Float32) -> float:
    """Overlap of two boxes, border pixels included."""
    width = min(float(a[2]), float(b[2])) - max(float(a[0]), float(b[0])) + 1
    height = min(float(a[3]), float(b[3])) - max(float(a[1]), float(b[1])) + 1
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(float(box[2]) - float(box[0]) + 1) * (float(box[3]) - float(box[1]) + 1) for box in (a, b)]
    return shared / (sum(areas) - shared)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("threshold", [0.1, NMS_IOU, 0.7])
def test_suppression_is_that_of_a_plain_loop(seed: int, threshold: float) -> None:
    alone = random_boxes(seed, 40)
    shift = np.random.default_rng(seed).uniform(-4, 4, (40, 2)).astype(np.float32)
    boxes = np.concatenate([alone, alone + np.hstack([shift, shift])])
    kept: list[int] = []
    for candidate in range(len(boxes)):
        if all(iou(boxes[candidate], boxes[better]) <= threshold for better in kept):
            kept.append(candidate)
    assert suppress_overlaps(boxes, threshold).tolist() == kept
    assert 1 < len(kept) < len(boxes)


def test_overlap_counts_border_pixels() -> None:
    """Of 10 pixels each, 4 are shared by neighbours: 4/16 is not above 0.25."""
    boxes = np.array([[0, 0, 9, 0], [6, 0, 15, 0]], np.float32)
    assert suppress_overlaps(boxes, 0.25).tolist() == [0, 1]
    assert suppress_overlaps(boxes, 0.249).tolist() == [0]


def test_suppression_of_nothing() -> None:
    kept = suppress_overlaps(np.zeros((0, 4), np.float32), NMS_IOU)
    assert kept.shape == (0,)
    assert np.issubdtype(kept.dtype, np.integer)


def test_scores_must_exceed_the_threshold() -> None:
    limit = np.float32(SCORE_THRESHOLD)
    scores = np.array([limit, np.nextafter(limit, np.float32(1)), np.nextafter(limit, np.float32(0))], np.float32)
    assert select_faces(apart(3), scores, landmarks(3)).scores.tolist() == [scores[1]]


def test_scores_that_are_no_number_are_no_faces() -> None:
    assert len(select_faces(apart(2), np.array([np.nan, 0.99], np.float32), landmarks(2))) == 1


@pytest.mark.parametrize(("distance", "kept"), [(0.0, 0), (4.99, 0), (5.0, 1), (80.0, 1)])
def test_eyes_must_be_five_pixels_apart(distance: float, kept: int) -> None:
    assert len(select_faces(apart(1), np.array([0.99], np.float32), landmarks(1, distance))) == kept


def test_eye_distance_is_measured_at_any_angle() -> None:
    points = landmarks(2)
    points[0, 2:4] = [33, 34]  # 3 across, 4 down
    points[1, 2:4] = [33, 33]
    assert len(select_faces(apart(2), np.full(2, 0.99, np.float32), points)) == 1


def test_a_face_with_eyes_too_close_still_suppresses_its_double() -> None:
    """As upstream does, which drops small faces last."""
    boxes = np.array([[0, 0, 50, 50], [1, 1, 51, 51]], np.float32)
    points = np.vstack([landmarks(1, 1.0), landmarks(1)])
    assert len(select_faces(boxes, np.array([0.999, 0.98], np.float32), points)) == 0


def test_best_score_comes_first_and_rows_stay_together() -> None:
    boxes, scores = apart(4), np.array([0.98, 0.999, 0.5, 0.99], np.float32)
    points = landmarks(4) + np.arange(4, dtype=np.float32)[:, None]
    faces = select_faces(boxes, scores, points)
    order = [1, 3, 0]
    assert np.array_equal(faces.scores, scores[order])
    assert np.array_equal(faces.boxes, boxes[order])
    assert np.array_equal(faces.landmarks, points[order].reshape(-1, 5, 2))


def test_equal_scores_keep_the_detectors_order() -> None:
    boxes = apart(5)
    assert np.array_equal(select_faces(boxes, np.full(5, 0.99, np.float32), landmarks(5)).boxes, boxes)


@pytest.mark.parametrize("count", [0, 7])
def test_no_sure_candidate_gives_no_faces(count: int) -> None:
    faces = select_faces(apart(count), np.full(count, 0.5, np.float32), landmarks(count))
    assert len(faces) == len(NO_FACES) == 0
    assert (faces.boxes.shape, faces.landmarks.shape) == (NO_FACES.boxes.shape, NO_FACES.landmarks.shape)
    assert faces.to_json() == []


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.7])
def test_scaled_faces_keep_their_scores(factor: float) -> None:
    faces = Faces(random_boxes(9, 3), np.array([0.99, 0.98, 0.975], np.float32), landmarks(3).reshape(3, 5, 2))
    scaled = scale_faces(faces, factor)
    np.testing.assert_allclose(scaled.boxes, faces.boxes * factor, rtol=1e-6)
    np.testing.assert_allclose(scaled.landmarks, faces.landmarks * factor, rtol=1e-6)
    assert np.array_equal(scaled.scores, faces.scores)
    assert {scaled.boxes.dtype, scaled.landmarks.dtype} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1000, 1000), (1001, 1000), (8000, 6000), (50_000, 1000)])
def test_detection_scale_shrinks_to_the_limit_and_no_further(width: int, height: int) -> None:
    scale = detection_scale(width, height, 1_000_000)
    assert width * height * scale**2 == pytest.approx(min(width * height, 1_000_000))
    assert 0 < scale <= 1


@pytest.mark.parametrize(
    ("height", "width", "detectable"),
    [(MIN_SIDE, MIN_SIDE, True), (MIN_SIDE - 1, 500, False), (500, MIN_SIDE - 1, False), (1, 1, False)],
)
def test_tiny_pictures_are_not_given_to_the_detector(height: int, width: int, detectable: bool) -> None:
    assert is_detectable(np.zeros((height, width, 3), np.uint8)) is detectable


def test_json_is_rounded() -> None:
    faces = Faces(
        np.array([[0.04, 1.26, 100.349, 200]], np.float32),
        np.array([0.98765], np.float32),
        landmarks(1, 10.55).reshape(1, 5, 2),
    )
    (face,) = json.loads(json.dumps(faces.to_json()))
    assert face["box"] == [0.0, 1.3, 100.3, 200.0]
    assert face["score"] == pytest.approx(0.9876, abs=1e-4)
    assert face["landmarks"] == [[30.0, 30.0], [40.5, 30.0], [40.0, 40.0], [33.0, 50.0], [47.0, 50.0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", ["box", "landmark"])
def test_what_is_not_finite_is_no_face(value: float, place: str) -> None:
    boxes = np.array([[0, 0, 40, 40], [100, 0, 140, 40]], np.float32)
    landmarks = np.tile(np.array([10, 10, 30, 10, 20, 20, 12, 30, 28, 30], np.float32), (2, 1))
    (boxes if place == "box" else landmarks)[0, 2] = value
    found = select_faces(boxes, np.array([0.999, 0.99], np.float32), landmarks)
    assert found.boxes[:, 0].tolist() == [100.0]
