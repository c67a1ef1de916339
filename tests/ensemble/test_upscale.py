"""Upscaling: tiles give what the whole picture would, to the pixel."""

from __future__ import annotations

import re
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from ensemble.photo import UInt8
from ensemble.tile import TileGrid
from ensemble.upscale import (
    MAX_OUTPUT_SIDE,
    check_output_size,
    place_tile,
    resize_alpha,
    resize_fine,
    resize_lanczos,
)
from limner.errors import OutputTooLarge
from tests.ensemble.files import assert_advises, noise

NET_SCALE = 4
GRID = TileGrid(32, 8)
Network = Callable[[UInt8], UInt8]


def enlarge(pixels: UInt8, scale: float, interpolation: int) -> UInt8:
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)


def pointwise(pixels: UInt8) -> UInt8:
    """A network that makes 16 different pixels of each, and looks at no other."""
    spread = pixels.repeat(NET_SCALE, axis=0).repeat(NET_SCALE, axis=1)
    pattern = noise(2, NET_SCALE, NET_SCALE, 3)
    return np.asarray(spread ^ np.tile(pattern, (pixels.shape[0], pixels.shape[1], 1)), np.uint8)


def bicubic(pixels: UInt8) -> UInt8:
    """A network that sees two pixels far."""
    return enlarge(pixels, NET_SCALE, cv2.INTER_CUBIC)


def whole(pixels: UInt8, scale: int, network: Network) -> UInt8:
    """As upstream: the network's answer to the whole picture, resized."""
    upscaled = network(pixels)
    return upscaled if scale == NET_SCALE else enlarge(upscaled, scale / NET_SCALE, cv2.INTER_LANCZOS4)


def by_tiles(pixels: UInt8, scale: int, network: Network) -> UInt8:
    """As the background model does."""
    height, width = pixels.shape[:2]
    canvas = np.full((height * scale, width * scale, 3), 77, np.uint8)
    for tile in GRID.tiles(height, width):
        place_tile(canvas, tile, network(GRID.cut(pixels, tile)), GRID, NET_SCALE, scale)
    return canvas


@pytest.mark.parametrize(("height", "width"), [(45, 70), (32, 32), (33, 20), (5, 7), (1, 1), (100, 33)])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_tiles_give_the_whole_pictures_result(scale: int, height: int, width: int) -> None:
    pixels = noise(3, height, width, 3)
    assert np.array_equal(by_tiles(pixels, scale, pointwise), whole(pixels, scale, pointwise))


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_a_network_that_sees_no_further_than_the_margin_leaves_no_seam(scale: int) -> None:
    pixels = noise(4, 75, 130, 3)
    assert np.array_equal(by_tiles(pixels, scale, bicubic), whole(pixels, scale, bicubic))


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_lanczos_alone_is_opencvs(portrait: UInt8, scale: int) -> None:
    assert np.array_equal(resize_lanczos(portrait, scale), enlarge(portrait, scale, cv2.INTER_LANCZOS4))


def test_scale_one_changes_nothing(portrait: UInt8) -> None:
    assert np.array_equal(resize_lanczos(portrait, 1), portrait)


@pytest.mark.parametrize(
    ("width", "height", "scale"), [(1024, 1024, 8), (8192, 1, 1), (1, 2048, 4), (MAX_OUTPUT_SIDE // 2, 10, 2)]
)
def test_results_up_to_the_limit_are_made(width: int, height: int, scale: int) -> None:
    check_output_size(width, height, scale)
    with pytest.raises(OutputTooLarge):
        check_output_size(width, height, scale, max_side=max(width, height) * scale - 1)


@pytest.mark.parametrize(
    ("width", "height", "scale", "advice"),
    [
        (1025, 700, 8, "Send enhancement_level=3 (x4)."),
        (2048, 2048, 8, "Send enhancement_level=3 (x4)."),
        (700, 2049, 8, "Send enhancement_level=2 (x2)."),
        (4097, 3000, 4, "Send enhancement_level=1 (x1)."),
        (8193, 100, 2, "Make the photo at most 8192 pixels on its longer side."),
        (8193, 100, 1, "Make the photo at most 8192 pixels on its longer side."),
    ],
)
def test_too_large_a_result_is_refused_with_what_fits(width: int, height: int, scale: int, advice: str) -> None:
    with pytest.raises(OutputTooLarge, match=re.escape(advice)) as refused:
        check_output_size(width, height, scale)
    assert f"would be {width * scale}x{height * scale}; at most 8192x8192" in refused.value.message
    assert_advises(refused.value)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (56, 72), (112, 144), (13, 300)])
def test_alpha_keeps_shape_type_and_flat_areas(width: int, height: int) -> None:
    alpha = noise(5, 72, 56)
    assert resize_alpha(alpha, width, height).shape == (height, width)
    assert resize_alpha(alpha, width, height).dtype == np.uint8
    assert (resize_alpha(np.full((72, 56), 255, np.uint8), width, height) == 255).all()


def test_alpha_rings_less_than_lanczos_would() -> None:
    edge = np.zeros((16, 16), np.uint8)
    edge[:, 8:] = 255
    enlarged = resize_alpha(edge, 128, 16)
    assert (np.diff(enlarged[0].astype(int)) >= 0).all()


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 9), (72, 56)])
def test_lower_bits_of_some_rows_are_those_of_the_whole(height: int, width: int, scale: int) -> None:
    fine = noise(6, height, width, 3).astype(np.int16) - 128
    whole = cv2.resize(fine, (width * scale, height * scale), interpolation=cv2.INTER_LINEAR)
    for step in (1, 3, 8, 13, 1000):
        tops = range(0, len(whole), step)
        parts = [resize_fine(fine, scale, top, min(top + step, len(whole))) for top in tops]
        assert parts[0].dtype == np.int16
        assert np.array_equal(np.concatenate(parts), whole)


def test_same_size_is_the_same() -> None:
    alpha, fine = noise(7, 9, 11), noise(8, 9, 11, 3).astype(np.int16) - 128
    assert np.array_equal(resize_alpha(alpha, 11, 9), alpha)
    assert np.array_equal(resize_fine(fine, 1, 0, 9), fine)
