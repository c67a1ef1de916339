"""Where faces go back to: with a restorer that changes nothing, the photo comes back as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
import pytest
import tritonclient.grpc as triton
from openvino import opset13
from skimage.registration import phase_cross_correlation

from ensemble.photo import UInt8
from limner.catalog import Catalog, CatalogEntry
from limner.settings import Settings
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.conftest import enhancing
from tests.model_repository.photos import decode, encode

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]


@pytest.fixture(scope="module")
def enhance_with_identity(fp32_models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enhance]:
    """A server whose restorer gives each face back, and which has no parser."""
    settings = Settings(data=tmp_path_factory.mktemp("identity"))
    shutil.copytree(fp32_models_dir / "retinaface", settings.models_dir / "retinaface")
    folder = settings.models_dir / "gfpgan" / "1"
    folder.mkdir(parents=True)
    face = opset13.parameter([-1, 512, 512, 3], np.uint8, name="FACE")
    face.output(0).set_names({"FACE"})
    same = opset13.convert(opset13.convert(face, "f32"), "u8")
    same.output(0).set_names({"RESTORED"})
    openvino.save_model(openvino.Model([same], [face]), folder / "model.xml")
    catalog = Catalog.load(fp32_models_dir / "catalog.json")
    entries = [asdict(entry) for entry in catalog.entries if entry.model == "retinaface"]
    entries.append(asdict(CatalogEntry("face_restorer", "gfpgan", "identity", available=True)))
    (settings.models_dir / "catalog.json").write_text(json.dumps({"models": entries}))
    with (
        Supervisor(settings, Endpoint(free_port(), free_port())) as running,
        triton.InferenceServerClient(running.endpoint.url) as client,
    ):
        yield enhancing(client)


def turned(photo: UInt8, angle: float, scale: float, move: tuple[float, float] = (0, 0)) -> UInt8:
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    matrix[:, 2] += move
    return cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)


@pytest.mark.parametrize(
    ("angle", "size", "move"),
    [(0, 1.0, (0, 0)), (30, 1.0, (0, 0)), (-20, 0.5, (20, 0)), (0, 0.2, (0, 0)), (0, 1.0, (-75, -45))],
    ids=["as it is", "turned", "small and turned", "tiny", "over the border"],
)
def test_a_face_goes_back_where_it_was(
    enhance_with_identity: Enhance, astronaut: UInt8, angle: float, size: float, move: tuple[float, float]
) -> None:
    photo = turned(cv2.resize(astronaut[0:300, 80:380], (300, 300)), angle, size, move)
    result, report = enhance_with_identity(encode(photo), {"enhancement_level": 1, "background": "lanczos"})
    restored = [face for face in report["faces"] if face["restored"]]
    assert restored
    assert report["models"]["parser"]["name"] is None
    ours = np.asarray(decode(result))
    assert (ours != photo).any(), "nothing was pasted"
    for face in restored:
        left, top, right, bottom = (round(value) for value in face["box"])
        inside = np.s_[max(0, top) : bottom, max(0, left) : right]
        before, after = (image[inside].astype(np.float32) for image in (photo, ours))
        assert 10 * np.log10(255**2 / np.mean((before - after) ** 2)) >= 35
        planes = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (before, after)]
        window = np.outer(*(np.hanning(length) for length in planes[0].shape))
        shift, *_ = phase_cross_correlation(*(plane * window for plane in planes), upsample_factor=100)
        assert np.abs(shift).max() <= 0.1
