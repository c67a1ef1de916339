"""Is it still the same person: alignment as OpenCV has it, likeness, and holding back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.align import TEMPLATE, Float64, alignment, crop_face
from ensemble.identity import SHARES, blend, embedding_input, judge, likeness, similarity
from ensemble.photo import UInt8
from export.architectures import sface

LANDMARKS = np.array([[205.0, 113], [243, 111], [229, 134], [210, 152], [244, 150]], np.float32)
"""In the portrait, by eye."""


def in_crop(matrix: Float64) -> Float64:
    return np.asarray(LANDMARKS @ matrix[:, :2].T + matrix[:, 2])


def test_face_lies_as_opencvs_recogniser_lays_it(astronaut: UInt8, tmp_path: Path) -> None:
    file = tmp_path / "sface.onnx"
    onnx.save(sface.seeded_model(0), file)
    recogniser = cv2.FaceRecognizerSF.create(str(file), "")
    found = np.concatenate([[190.0, 70, 80, 110], LANDMARKS.reshape(-1), [0.9]])[None].astype(np.float32)
    expected = recogniser.alignCrop(astronaut, found)
    matrix = alignment(LANDMARKS)
    assert matrix is not None
    ours = embedding_input(crop_face(astronaut, matrix), in_crop(matrix))
    # Ours has been enlarged and shrunk on the way.
    assert ours.shape == expected.shape == (112, 112, 3)
    inside = np.s_[6:-6, 6:-6]
    error = ours[inside].astype(float) - expected[inside]
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 30
    moved = np.roll(ours, 1, axis=1)[inside].astype(float) - expected[inside]
    assert np.mean(error**2) < 0.5 * np.mean(moved**2), "a pixel aside would show"


@given(angle=st.floats(-3.1, 3.1), scale=st.floats(0.05, 20), x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_similarity_is_found_again(angle: float, scale: float, x: float, y: float) -> None:
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[a, -b, x], [b, a, y]])
    targets = TEMPLATE @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(similarity(TEMPLATE, targets), matrix, rtol=1e-6, atol=1e-6)


def test_similarity_is_nearest_and_never_mirrors() -> None:
    mirrored = TEMPLATE * np.array([-1.0, 1.0])
    matrix = similarity(TEMPLATE, mirrored)
    assert np.linalg.det(matrix[:, :2]) >= 0
    residual = TEMPLATE @ matrix[:, :2].T + matrix[:, 2] - mirrored
    for nudge in np.random.default_rng(0).normal(0, 0.01, (20, 2)):
        a, b = matrix[0, 0] + nudge[0], matrix[1, 0] + nudge[1]
        other = TEMPLATE @ np.array([[a, -b], [b, a]]).T + matrix[:, 2] - mirrored
        assert (residual**2).sum() <= (other**2).sum()


def test_likeness_is_the_cosine() -> None:
    one = np.eye(128, dtype=np.float32)
    assert likeness(one[:2], one[0]).tolist() == [1.0, 0.0]
    assert likeness(-one[:1], one[0]).tolist() == [-1.0]


def test_what_is_not_finite_is_like_nobody() -> None:
    broken = np.full((2, 128), np.nan, np.float32)
    broken[1] = np.inf
    assert likeness(broken, np.eye(128, dtype=np.float32)[0]).tolist() == [-1.0, -1.0]


@pytest.mark.parametrize(
    ("likenesses", "share", "action", "alike"),
    [
        ((0.9, 0.95, 0.97, 0.99), 0.0, "kept", 0.9),
        ((0.363, 0.5, 0.6, 0.7), 0.0, "kept", 0.363),
        ((0.3, 0.37, 0.6, 0.7), 0.25, "blended", 0.37),
        ((0.1, 0.2, 0.3, 0.5), 0.75, "blended", 0.5),
        ((0.1, 0.2, 0.25, 0.3), 1.0, "left out", 0.1),
    ],
)
def test_the_first_share_that_passes(likenesses: tuple[float, ...], share: float, action: str, alike: float) -> None:
    verdict = judge(np.array(likenesses), 0.363)
    assert (verdict.share, verdict.action, verdict.likeness) == (share, action, alike)
    assert verdict.to_json() == {"likeness": alike, "action": action, "share_of_input": share}


def test_blends_go_from_one_face_to_the_other() -> None:
    restored, crop = np.full((4, 4, 3), 200, np.uint8), np.full((4, 4, 3), 100, np.uint8)
    assert [int(blend(restored, crop, share)[0, 0, 0]) for share in (0, *SHARES, 1)] == [200, 175, 150, 125, 100]
