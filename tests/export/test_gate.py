"""The quality gate, the photos it uses and the degradations they go through."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from export.models import MODELS, model_spec
from export.precision.degrade import Damage, damaged, draw_damage
from export.precision.gate import IDENTICAL, Limits, judge, psnr
from export.precision.recipes import LIMITS
from export.precision.samples import calibration_inputs, evaluation_inputs

BACKGROUND, PARSER = model_spec("realesrgan_x4"), model_spec("parsenet")
RANDOM = np.random.default_rng(0)
PICTURE = cv2.GaussianBlur(RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8), (0, 0), 2)


def noisy(sigma: float) -> NDArray[np.uint8]:
    random = np.random.default_rng(1)
    return (PICTURE + random.normal(0, sigma, PICTURE.shape)).round().clip(0, 255).astype(np.uint8)


def test_psnr_is_the_textbook_formula() -> None:
    assert psnr(PICTURE, PICTURE) == IDENTICAL
    assert psnr(np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)) == 0
    assert psnr(np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 5, np.uint8)) == pytest.approx(34.151, abs=1e-3)


@pytest.mark.parametrize(("sigma", "passed"), [(0.0, True), (1.5, True), (12.0, False)])
def test_pictures_pass_only_when_they_are_close(sigma: float, passed: bool) -> None:
    verdict = judge(BACKGROUND, [(PICTURE[None],)], [(noisy(sigma)[None],)], LIMITS["background"])
    assert verdict.passed is passed
    assert set(verdict.figures) == {"psnr_mean", "psnr_worst", "ssim"}


def test_one_bad_picture_fails_many_good_ones() -> None:
    references = [(PICTURE[None],)] * 8
    results = [*references[:7], (noisy(20.0)[None],)]
    verdict = judge(BACKGROUND, references, results, LIMITS["background"])
    assert verdict.figures["psnr_mean"] > 60
    assert not verdict.passed


def test_a_flat_colour_fails() -> None:
    flat = np.full_like(PICTURE, int(PICTURE.mean()))
    assert not judge(BACKGROUND, [(PICTURE[None],)], [(flat[None],)], LIMITS["background"]).passed


@pytest.mark.parametrize(("shift", "passed"), [(0, True), (4, False)])
def test_masks_must_overlap(shift: int, passed: bool) -> None:
    classes = np.zeros((1, 100, 100), np.uint8)
    classes[:, 20:80, 20:80] = 1
    verdict = judge(PARSER, [(classes,)], [(np.roll(classes, shift, axis=2),)], LIMITS["parser"])
    assert verdict.passed is passed
    if shift:
        assert verdict.figures["face_iou"] == pytest.approx(56 / 64)


def test_nan_fails_and_unknown_figures_are_an_error() -> None:
    sface = model_spec("sface")
    limits = Limits({"cosine_worst": 0.9})
    good = np.eye(2, 128, dtype=np.float32)
    assert judge(sface, [(good,)], [(good,)], limits).passed
    assert not judge(sface, [(good,)], [(good * np.float32("nan"),)], limits).passed
    with pytest.raises(ValueError, match="has no figure ssim"):
        judge(sface, [(good,)], [(good,)], Limits({"ssim": 1.0}))


def test_detections_are_matched_by_place() -> None:
    detector = model_spec("retinaface")
    boxes = np.array([[0, 0, 10, 10], [20, 20, 40, 40]], np.float32)
    scores, points = np.array([0.9, 0.8], np.float32), np.zeros((2, 10), np.float32)
    limits = Limits({"box_iou_worst": 0.95, "score_agreement": 0.99})
    swapped = (boxes[::-1], scores[::-1], points)
    assert judge(detector, [(boxes, scores, points)], [swapped], limits).passed
    moved = (boxes + 2, scores, points)
    assert not judge(detector, [(boxes, scores, points)], [moved], limits).passed


@pytest.mark.parametrize("name", [spec.name for spec in MODELS])
def test_samples_fit_the_model_and_are_the_same_each_time(name: str) -> None:
    spec = model_spec(name)
    samples = evaluation_inputs(spec)
    assert len(samples) >= 4
    for sample in samples:
        sizes: dict[str, int] = {}
        for given, array in zip(spec.inputs, sample, strict=True):
            assert given.fits(array.shape, sizes)
            assert array.dtype == {"UINT8": np.uint8, "FP32": np.float32}[given.dtype]
    for one, other in zip(samples, evaluation_inputs(spec), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", ["realesrgan_x4", "gfpgan"])
def test_nothing_is_judged_on_what_it_was_calibrated_on(name: str) -> None:
    spec = model_spec(name)
    calibration = {sample[0].tobytes() for sample in calibration_inputs(spec)}
    assert len(calibration) == {"realesrgan_x4": 24, "gfpgan": 12}[name]
    assert not calibration & {sample[0].tobytes() for sample in evaluation_inputs(spec)}


def sharpness(picture: NDArray[np.uint8]) -> float:
    return float(cv2.Laplacian(picture.astype(np.float32), cv2.CV_32F).std())


@pytest.mark.parametrize(
    ("damage", "changed"),
    [
        (Damage(), lambda before, after: psnr(before, after) > 30),
        (Damage(blur=2.0), lambda before, after: sharpness(after) < 0.5 * sharpness(before)),
        (Damage(noise=20.0), lambda before, after: sharpness(after) > 1.5 * sharpness(before)),
        (Damage(quality=10), lambda before, after: 15 < psnr(before, after) < 35),
        (Damage(shrink=4.0), lambda before, after: after.shape == (64, 64, 3)),
    ],
)
def test_damages(
    astronaut: NDArray[np.uint8], damage: Damage, changed: Callable[[NDArray[np.uint8], NDArray[np.uint8]], bool]
) -> None:
    before = np.ascontiguousarray(astronaut[0:256, 100:356])
    after = damaged(before, damage, np.random.default_rng(2))
    assert after.dtype == np.uint8
    assert after.flags.c_contiguous
    assert changed(before, after)


def test_damages_are_drawn_within_bounds() -> None:
    random = np.random.default_rng(3)
    drawn = [draw_damage(random, max_shrink=8.0) for _ in range(200)]
    assert all(0 <= d.blur <= 3 and 1 <= d.shrink <= 8 and 0 <= d.noise <= 25 and 30 <= d.quality <= 95 for d in drawn)
    assert {bool(d.blur) for d in drawn} == {bool(d.noise) for d in drawn} == {True, False}
