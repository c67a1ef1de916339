"""The canary's photo and options."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from limner.canary import LIGHT_PARAMETERS, SIDE, canary_png
from limner.options import parse_options


def test_canary_is_a_whole_rgb_photo() -> None:
    with Image.open(io.BytesIO(canary_png()), formats=["PNG"]) as image:
        image.load()
        assert (image.mode, image.size) == ("RGB", (32, 32))
        pixels = np.asarray(image)
    ramp = np.arange(SIDE) * 8
    assert (pixels[..., 0] == ramp[None, :]).all()
    assert (pixels[..., 1] == ramp[:, None]).all()
    assert (pixels[..., 2] == 128).all()


def test_canary_has_good_checksums() -> None:
    with Image.open(io.BytesIO(canary_png())) as image:
        image.verify()


def test_canary_is_the_same_each_time() -> None:
    assert canary_png() == canary_png()


def test_light_parameters_are_options_that_call_no_network() -> None:
    options = parse_options(LIGHT_PARAMETERS)
    assert (options.background, options.restorer) == ("lanczos", "none")
    assert options.to_parameters() == LIGHT_PARAMETERS
