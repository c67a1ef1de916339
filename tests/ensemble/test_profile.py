"""A gray profile and its like for colour."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ensemble.profile import rgb_from_gray
from tests.ensemble.files import profile_for, rgb_profile
from tests.model_repository.profiles import as_seen, gray_profile


def test_equal_red_green_and_blue_look_as_the_gray_does() -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    profile = rgb_from_gray(gray_profile())
    assert profile is not None
    assert profile[16:20] == b"RGB "
    assert int.from_bytes(profile[:4], "big") == len(profile)
    coloured = ramp.convert("RGB")
    coloured.info["icc_profile"] = profile
    light = np.arange(256)[None, :, None] / 255
    # The profile's values are proportional to light, and sRGB's curve (IEC 61966-2-1) makes of that:
    seen = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(as_seen(coloured) - seen).max() <= 1
    ramp.info["icc_profile"] = gray_profile()
    # Pillow's own way from gray is coarse where it is dark.
    np.testing.assert_allclose(as_seen(coloured)[:, 40:], as_seen(ramp)[:, 40:], atol=2)


@pytest.mark.parametrize("profile", [b"", bytes(128), profile_for(b"GRAY"), rgb_profile(), gray_profile()[:140]])
def test_a_profile_without_a_gray_curve_has_none(profile: bytes) -> None:
    assert rgb_from_gray(profile) is None
