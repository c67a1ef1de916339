"""A portrait to work on."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from ensemble.photo import UInt8


@pytest.fixture(scope="session")
def portrait() -> UInt8:
    """uint8 [72, 56, 3], RGB: the public-domain portrait of Eileen Collins, small and not square."""
    whole = data.astronaut()  # type: ignore[no-untyped-call]
    small = Image.fromarray(whole[0:216, 140:308]).resize((56, 72), Image.Resampling.BOX)
    pixels = np.asarray(small)
    pixels.flags.writeable = False
    return pixels
