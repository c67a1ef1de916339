"""Sharpness: detail counts, wherever it is and however large the picture; halos and noise do not."""

from __future__ import annotations

import itertools
import math
from typing import Any

import cv2
import numpy as np
import pytest

from ensemble.photo import Float32, UInt8
from ensemble.sharpness import band_limit, edge_width, resolved_share, sharpness_score
from ensemble.upscale import resize_lanczos
from export.precision.degrade import Damage, damaged

FACE = (slice(50, 178), slice(160, 288))


def damage(pixels: UInt8, **kinds: Any) -> UInt8:
    quality = int(kinds.pop("quality", 100))
    return np.asarray(damaged(pixels, Damage(quality=quality, **kinds), np.random.default_rng(5)), np.uint8)


def sharpened(pixels: UInt8, amount: float, radius: float) -> UInt8:
    """Unsharp masking, as photo editors do it."""
    values = pixels.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), radius)
    return np.asarray((values + amount * detail).round().clip(0, 255), np.uint8)


def slanted_edge(blur: float) -> Float32:
    """A straight edge between two grays, blurred by a Gaussian of ``blur`` pixels: float32 [256, 256]."""
    y, x = np.mgrid[:256, :256]
    distance = (x - 128) * math.cos(0.3) + (y - 128) * math.sin(0.3)
    return np.asarray(128 + 60 * np.vectorize(math.erf)(distance / blur / math.sqrt(2)), np.float32)


@pytest.fixture
def upright(astronaut: UInt8) -> Float32:
    """The face at three times its size: luma float32 [384, 384]."""
    luma = cv2.cvtColor(astronaut[FACE], cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(luma, (384, 384), interpolation=cv2.INTER_CUBIC), np.float32)


@pytest.mark.parametrize("blur", [1.0, 2.0, 3.0, 5.0, 8.0])
def test_width_of_an_edge_is_its_blur(blur: float) -> None:
    assert edge_width(slanted_edge(blur)) == pytest.approx(blur, rel=0.07)


@pytest.mark.parametrize("blur", [2.0, 4.0])
def test_contrast_does_not_change_the_width_of_an_edge(blur: float) -> None:
    strong = slanted_edge(blur)
    assert edge_width(128 + (strong - 128) / 3) == pytest.approx(edge_width(strong), rel=0.02)


def test_noise_fills_the_bands_and_makes_no_edge_narrower(upright: Float32) -> None:
    blurred = np.asarray(cv2.GaussianBlur(upright, (0, 0), 3), np.float32)
    noisy = blurred + np.random.default_rng(3).normal(0, 10, blurred.shape).astype(np.float32)
    narrow, wide = edge_width(noisy), edge_width(blurred)
    assert band_limit(noisy) > 3 * band_limit(blurred)
    assert narrow is not None
    assert wide is not None
    assert narrow > wide


def test_sharpening_narrows_the_edges_and_leaves_the_bands(upright: Float32) -> None:
    blurred = np.asarray(cv2.GaussianBlur(upright, (0, 0), 6), np.float32)
    steeper = sharpened(blurred.round().astype(np.uint8), 4, 9).astype(np.float32)
    narrow, wide = edge_width(steeper), edge_width(blurred)
    assert narrow is not None
    assert wide is not None
    assert narrow < 0.65 * wide
    assert band_limit(steeper) < 1.3 * band_limit(blurred)


@pytest.mark.parametrize(
    "steps",
    [
        [{"blur": value} for value in (0.7, 1, 1.5, 2, 3, 4)],
        [{"blur": 1.5, "noise": 4.0, "shrink": value} for value in (1, 1.5, 2, 3, 4)],
    ],
    ids=["blur", "shrink"],
)
def test_falls_with_growing_damage(astronaut: UInt8, steps: list[dict[str, float]]) -> None:
    scores = [sharpness_score(astronaut), *(sharpness_score(damage(astronaut, **step)) for step in steps)]
    assert all(worse < better for better, worse in itertools.pairwise(scores)), scores


@pytest.mark.parametrize("kinds", [{"noise": 5.0}, {"noise": 10.0}, {"quality": 50}, {"quality": 20}], ids=str)
def test_noise_and_jpeg_are_no_detail(astronaut: UInt8, kinds: dict[str, float]) -> None:
    blurred = damage(astronaut, blur=1.5)
    gap = sharpness_score(astronaut) - sharpness_score(blurred)
    assert sharpness_score(damage(blurred, **kinds)) < sharpness_score(blurred) + 0.2 * gap
    assert sharpness_score(damage(astronaut, **kinds)) <= sharpness_score(astronaut) * 1.02


@pytest.mark.parametrize("amount", [1, 2, 4])
@pytest.mark.parametrize("radius", [1, 2, 3])
def test_sharpening_brings_back_little(astronaut: UInt8, amount: float, radius: float) -> None:
    blurred = damage(astronaut, blur=1.5)
    gap = sharpness_score(astronaut) - sharpness_score(blurred)
    assert sharpness_score(sharpened(blurred, amount, radius)) < sharpness_score(blurred) + 0.33 * gap


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("blur", [0.0, 1.0, 3.0])
def test_enlarging_is_no_detail(astronaut: UInt8, blur: float, scale: int) -> None:
    photo = damage(astronaut, blur=blur)
    assert sharpness_score(resize_lanczos(photo, scale)) == pytest.approx(sharpness_score(photo), rel=0.12)


def test_a_blurred_background_does_not_count(astronaut: UInt8) -> None:
    subject = (slice(0, 256), slice(128, 384))
    photo = damage(astronaut, blur=6.0)
    blurred = sharpness_score(photo)
    photo[subject] = astronaut[subject]
    assert sharpness_score(photo) > 0.7 * sharpness_score(astronaut) > 3 * blurred


def test_a_photo_shows_no_more_than_its_pixels(astronaut: UInt8) -> None:
    score = sharpness_score(np.ascontiguousarray(astronaut[:256, :256]))
    assert 0.7 * 256 / 1024 < score <= 256 / 1024


@pytest.mark.parametrize("gray", [0, 128, 255])
def test_a_flat_picture_has_none(gray: int) -> None:
    assert sharpness_score(np.full((300, 200, 3), gray, np.uint8)) == 0.0
    assert resolved_share(np.full((100, 100), gray, np.uint8)) == 0.0


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (1, 3000), (3000, 2), (7, 7), (33, 31), (257, 255)])
def test_any_size_is_measured(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    score = sharpness_score(pixels)
    assert 0 <= score <= 1
    assert score <= max(size) / 1024
    assert score == sharpness_score(pixels)


def test_leaves_the_photo_alone(astronaut: UInt8) -> None:
    kept = astronaut.copy()
    sharpness_score(astronaut)
    assert np.array_equal(astronaut, kept)
