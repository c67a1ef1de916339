"""RetinaFace with ResNet-50 against facexlib's, and its graph in both CPU runtimes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from ensemble.photo import UInt8
from export.architectures import retinaface, retinaface_resnet50
from export.architectures.common import StateDict
from export.architectures.retinaface_graph import DetectorGraph
from export.architectures.retinaface_resnet50 import Hyperparameters
from export.checkpoint import load_checkpoint, save_checkpoint
from export.models import model_spec
from export.onnx_export import to_onnx
from export.parity import check_parity
from export.registry import FLAT
from limner.errors import CheckpointMismatch
from tests.export.runtimes import openvino_session
from tests.upstream.client import ask_upstream, require_upstream

OPTIONS: dict[str, object] = {"name": "retinaface_resnet50", "key": ""}
SPEC = model_spec("retinaface")


SMALL = {"width": 16, "depth": 2, "features": 128}


@pytest.fixture(scope="module")
def state() -> StateDict:
    return retinaface_resnet50.seeded_state(0, SMALL)


@pytest.fixture(scope="module")
def graph(state: StateDict) -> DetectorGraph:
    return retinaface_resnet50.served(retinaface_resnet50.build(state, "test"))


@pytest.fixture(scope="module")
def model_file(graph: DetectorGraph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported graph, proved equal to PyTorch's on an even and on an odd size."""
    examples = retinaface_resnet50.examples(1)
    model = to_onnx(SPEC, graph, examples[0])
    check_parity(SPEC, model, graph, examples)
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_hyperparameters_are_read_off_the_weights(state: StateDict) -> None:
    assert Hyperparameters.of(state, "test") == Hyperparameters(16, (2, 2, 2, 2), 128)


def test_same_as_facexlibs(tmp_path: Path, astronaut: UInt8) -> None:
    """At full size: the raw heads of a batch, and boxes and landmarks decoded to pixels; all sides are odd.

    The checkpoint is as published, with the prefix of DataParallel; facexlib loads it strictly.
    """
    require_upstream()
    state = retinaface_resnet50.seeded_state(0, {})
    assert Hyperparameters.of(state, "test") == Hyperparameters()
    checkpoint = tmp_path / "detection_Resnet50_Final.pth"
    save_checkpoint({f"module.{key}": value for key, value in state.items()}, checkpoint, key=None)
    network = retinaface_resnet50.build(load_checkpoint(checkpoint, FLAT), "test")
    photo = np.ascontiguousarray(astronaut[40:115, 150:289])
    planes = 70 * torch.randn((2, 3, 77, 101), generator=torch.Generator().manual_seed(1))
    theirs = ask_upstream("network", checkpoint, OPTIONS, planes=planes.numpy(), photo=photo)
    with torch.inference_mode():
        offsets, logits, landmarks = network(planes)
        boxes, _, points = retinaface_resnet50.served(network).exact(torch.from_numpy(photo))
    for name, value in (("offsets", offsets), ("scores", logits.softmax(-1)), ("landmarks", landmarks)):
        assert value.std() > 0.1
        assert (value[0] - value[1]).abs().max() > 0.1
        np.testing.assert_allclose(value.numpy(), theirs[name], atol=1e-5 * np.ptp(theirs[name]))
    for name, value in (("boxes", boxes), ("points", points)):
        np.testing.assert_allclose(value.numpy(), theirs[name], atol=1e-5 * np.ptp(theirs[name]))


@pytest.mark.parametrize("size", [(97, 33), (128, 160)])
def test_exported_model_in_both_runtimes(
    size: tuple[int, int], graph: DetectorGraph, model_file: Path, astronaut: UInt8
) -> None:
    photo = np.ascontiguousarray(astronaut[: size[0], : size[1]])
    session = onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        boxes, scores, points = (value.numpy() for value in graph(torch.from_numpy(photo)))
    for results in (session.run(None, {"IMAGE": photo}), openvino_session(model_file)(photo)):
        np.testing.assert_allclose(results[1], scores, atol=1e-5)
        # Near ties may swap places, so rows are compared only where the score stands alone.
        alone = np.flatnonzero((np.diff(scores, prepend=2.0) < -1e-4) & (np.diff(scores, append=-1.0) < -1e-4))
        assert len(alone) > len(scores) / 4
        np.testing.assert_allclose(results[0][alone], boxes[alone], atol=0.01)
        np.testing.assert_allclose(results[2][alone], points[alone], atol=0.01)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.pop("body.layer4.1.bn3.running_var"), "lacks body.layer4.1.bn3.running_var"),
        (lambda state: state.update({"body.fc.bias": torch.zeros(1000)}), "also has body.fc.bias"),
        (
            lambda state: state.update({"body.conv1.weight": torch.zeros(64, 3, 3, 3)}),
            r"shapes for body\.conv1\.weight",
        ),
    ],
)
def test_other_weights_are_refused(change: Callable[[StateDict], object], what: str, state: StateDict) -> None:
    changed = dict(state)
    change(changed)
    with pytest.raises(CheckpointMismatch, match=rf"mine\.pth.*{what}"):
        retinaface_resnet50.build(changed, "mine.pth")


def test_each_backbone_refuses_the_others_weights(state: StateDict) -> None:
    with pytest.raises(CheckpointMismatch, match=r"mine\.pth does not fit RetinaFace"):
        retinaface.build(state, "mine.pth")
    with pytest.raises(CheckpointMismatch, match=r"mine\.pth holds weights of another network"):
        retinaface_resnet50.build(retinaface.seeded_state(0, {}), "mine.pth")
