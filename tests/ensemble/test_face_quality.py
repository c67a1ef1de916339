"""Quality of a face: what a recognition system would gain, measured on one real face in many states."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from ensemble.align import TEMPLATE
from ensemble.face_quality import FaceQuality, measure_face, pose_score
from ensemble.photo import Float32, UInt8
from ensemble.upscale import resize_lanczos
from tests.ensemble.test_sharpness import damage, sharpened

BOX = np.array([177.9, 56.8, 273.1, 177.2], np.float32)
LANDMARKS = np.array([[204.8, 100.8], [247.4, 103.4], [223.6, 129.2], [202.5, 138.1], [244.2, 140.6]], np.float32)
"""Of the portrait's face, as the detector finds them."""

LARGE = TEMPLATE.astype(np.float32)
HEAD = np.array([-0.5, 0, 0, 0.5, 0, 0, 0, 0.59, 0.4, -0.44, 1.04, 0, 0.44, 1.04, 0]).reshape(5, 3)
"""Landmarks of a head that looks into the camera: x, y, z in eye distances."""


def measured(pixels: UInt8, scale: float = 1) -> FaceQuality:
    """The portrait's face in a photo ``scale`` times as large."""
    return measure_face(pixels, BOX * scale, ((LANDMARKS + 0.5) * scale - 0.5).astype(np.float32))


def turned(x: float = 0, y: float = 0, z: float = 0) -> Float32:
    """Landmarks of a head turned by degrees: nodding, shaking, tilting."""
    rotation = cv2.Rodrigues(np.radians([x, y, z]))[0]
    return ((HEAD @ rotation.T)[:, :2] * 60 + 200).astype(np.float32)


@pytest.mark.parametrize(
    "steps",
    [
        [{"blur": value} for value in (0.5, 1, 1.5, 2, 3, 4)],
        [{"blur": 1.0, "noise": 10.0}, {"blur": 2.0, "noise": 10.0}],
        [{"quality": value} for value in (60, 30, 15)],
    ],
    ids=["blur", "noisy blur", "jpeg"],
)
def test_falls_with_growing_damage(astronaut: UInt8, steps: list[dict[str, float]]) -> None:
    faces = [measured(astronaut), *(measured(damage(astronaut, **step)) for step in steps)]
    for better, worse in itertools.pairwise(faces):
        assert worse.sharpness_score < better.sharpness_score
        assert worse.face_quality_score < better.face_quality_score


def test_falls_with_shrinking_whatever_enlarges_it_again(astronaut: UInt8) -> None:
    shrunk = {factor: damage(astronaut, shrink=factor) for factor in (2, 4, 8)}
    scores = [measured(astronaut).sharpness_score]
    scores += [measured(resize_lanczos(small, factor)).sharpness_score for factor, small in shrunk.items()]
    assert all(worse < 0.7 * better for better, worse in itertools.pairwise(scores)), scores


@pytest.mark.parametrize("noise", [5, 10, 20])
@pytest.mark.parametrize("blur", [0, 1, 2])
def test_noise_is_no_detail(astronaut: UInt8, blur: float, noise: float) -> None:
    clean = measured(damage(astronaut, blur=blur))
    noisy = measured(damage(astronaut, blur=blur, noise=noise))
    assert noisy.effective_eye_distance < clean.effective_eye_distance * 1.02 + 3 * (noise == 20)


@pytest.mark.parametrize("amount", [1, 2, 4])
@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize(("blur", "share"), [(1.0, 0.5), (1.5, 0.27), (2.0, 0.13), (3.0, 0.1)])
def test_sharpening_brings_back_little(
    astronaut: UInt8, blur: float, share: float, amount: float, radius: float
) -> None:
    original = measured(astronaut).sharpness_score
    blurred = damage(astronaut, blur=blur)
    lost = original - measured(blurred).sharpness_score
    assert measured(sharpened(blurred, amount, radius)).sharpness_score < original - (1 - share) * lost


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("shrink", [1, 2, 3])
def test_enlarging_is_no_improvement(astronaut: UInt8, shrink: float, scale: int) -> None:
    small = damage(astronaut, shrink=shrink)
    before, after = measured(small, 1 / shrink), measured(resize_lanczos(small, scale), scale / shrink)
    assert after.inter_eye_distance == pytest.approx(scale * before.inter_eye_distance)
    assert after.effective_eye_distance == pytest.approx(before.effective_eye_distance, rel=0.16)
    assert after.face_quality_score == pytest.approx(before.face_quality_score, abs=0.04)
    assert not after.usable
    assert "eyes-too-close" in before.reasons


def test_a_face_enlarged_is_called_blurred(astronaut: UInt8) -> None:
    assert measured(astronaut).reasons == ("eyes-too-close",)
    assert measured(resize_lanczos(astronaut, 4), 4).reasons == ("blurred",)
    assert measured(damage(astronaut, blur=2)).reasons == ("eyes-too-close", "blurred")


def test_a_large_sharp_face_is_usable(astronaut: UInt8) -> None:
    face = measure_face(astronaut, (100, 100, 400, 480), LARGE)
    assert face.usable
    assert face.reasons == ()
    assert face.sharpness_score > 0.9
    assert face.face_quality_score <= face.sharpness_score


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda pixels: pixels // 8, "too-dark"),
        (lambda pixels: 255 - (255 - pixels) // 8, "too-bright"),
        (lambda pixels: 118 + pixels // 16, "low-contrast"),
    ],
)
def test_light(astronaut: UInt8, change: Callable[[UInt8], UInt8], reason: str) -> None:
    face, original = measured(change(astronaut)), measured(astronaut)
    assert reason in face.reasons
    assert reason not in original.reasons
    assert face.face_quality_score < 0.5 * original.face_quality_score


def test_dark_skin_is_not_too_dark(astronaut: UInt8) -> None:
    face = measured(np.asarray(astronaut * 0.4, np.uint8))
    assert face.exposure > 0.9
    assert not {"too-dark", "low-contrast"} & set(face.reasons)


def test_template_looks_into_the_camera() -> None:
    assert pose_score(LARGE) == 1.0


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("side", [-1, 1])
def test_pose_falls_as_a_head_turns(axis: str, side: int) -> None:
    scores = [pose_score(turned(**{axis: side * angle})) for angle in (0, 25, 35, 45, 55)]
    assert scores[0] == 1.0
    assert all(worse < better for better, worse in itertools.pairwise(scores)), scores


@pytest.mark.parametrize("angle", [0, 20, 40])
def test_yaw_is_read_off_the_nose(angle: float) -> None:
    assert pose_score(turned(y=angle)) == pytest.approx(min(1, (60 - angle) / 50), abs=0.02)


def test_a_turned_face_is_called_so(astronaut: UInt8) -> None:
    upright, tilted = turned(), turned(z=50)
    assert "turned" not in measure_face(astronaut, BOX, upright).reasons
    assert "turned" in measure_face(astronaut, BOX, tilted).reasons
    assert pose_score(-upright) == 0.0  # upside down


def test_a_face_over_the_border_is_cut_off(astronaut: UInt8) -> None:
    faces = [measured(np.ascontiguousarray(astronaut[:, :right])) for right in (300, 250, 220, 190)]
    visible = [face.visible for face in faces]
    assert visible[0] == 1.0
    assert all(worse < better for better, worse in itertools.pairwise(visible)), visible
    assert ["cut-off" in face.reasons for face in faces] == [False, True, True, True]


@pytest.mark.parametrize(
    "landmarks",
    [
        np.zeros((5, 2)),
        np.full((5, 2), math.nan),
        np.full((5, 2), math.inf),
        LANDMARKS - 5000,
        LANDMARKS + 1e9,
        LANDMARKS * 1e30,
        np.arange(10.0).reshape(5, 2) // 2,
    ],
    ids=["one point", "nan", "infinite", "beside", "far", "enormous", "a line"],
)
def test_landmarks_that_make_no_face_score_nothing(astronaut: UInt8, landmarks: Float32) -> None:
    face = measure_face(astronaut, BOX, landmarks.astype(np.float32))
    assert face.face_quality_score == 0.0
    assert not face.usable


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (9, 9, 3, 3), (math.nan,) * 4, (900, 900, 999, 999)], ids=str)
def test_a_box_without_area_in_the_photo_shows_nothing(astronaut: UInt8, box: tuple[float, ...]) -> None:
    face = measure_face(astronaut, box, LANDMARKS)
    assert face.visible == 0.0
    assert face.face_quality_score == 0.0


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (9, 9)])
def test_the_smallest_pictures_are_measured(size: tuple[int, int]) -> None:
    face = measure_face(np.zeros((*size, 3), np.uint8), (0, 0, 1, 1), LARGE / 512)
    assert face.face_quality_score == 0.0
    assert "eyes-too-close" in face.reasons


def test_a_very_large_face_is_shrunk_before_it_is_measured(astronaut: UInt8) -> None:
    ordinary = measured(resize_lanczos(astronaut, 2), 2)
    assert measured(resize_lanczos(astronaut, 16), 16).effective_eye_distance == pytest.approx(
        ordinary.effective_eye_distance, rel=0.05
    )
