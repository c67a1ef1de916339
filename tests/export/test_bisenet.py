"""BiSeNet against upstream's, and its graph in every runtime that serves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from export.architectures import bisenet, parsenet
from export.architectures.common import StateDict
from export.checkpoint import save_checkpoint
from export.models import model_spec
from export.onnx_export import to_onnx
from limner.errors import CheckpointMismatch
from tests.export.parsers import Exported, export_small, faces, normalised
from tests.upstream.client import ask_upstream, require_upstream

OPTIONS: dict[str, object] = {"name": "bisenet", "key": "", "layout": "{}"}


@pytest.fixture(scope="module")
def state() -> StateDict:
    return bisenet.seeded_state(1, {})


@pytest.fixture(scope="module")
def small(state: StateDict, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    graph = bisenet.served(bisenet.build(state, "test"))
    return export_small("bisenet", graph, tmp_path_factory.mktemp("bisenet"))


def test_same_as_upstream_with_seeded_weights(state: StateDict, tmp_path: Path) -> None:
    """Upstream takes the published layout's keys strictly."""
    require_upstream()
    save_checkpoint(state, tmp_path / "net.pth", key=None)
    picture = normalised(faces(2, seed=3, side=96), bisenet)[:, :, :64]
    with torch.inference_mode():
        ours = bisenet.build(state, "test")(torch.from_numpy(picture)).numpy()
    theirs = ask_upstream("network", tmp_path / "net.pth", OPTIONS, picture=picture)["logits"]
    assert ours.shape == (2, 19, 64, 96)
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.ptp(theirs))


def test_published_size_end_to_end(state: StateDict, tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    """From an 8-bit picture to classes as upstream makes them."""
    require_upstream()
    save_checkpoint(state, tmp_path / "net.pth", key=None)
    picture = normalised(astronaut[None], bisenet)
    expected = ask_upstream("network", tmp_path / "net.pth", OPTIONS, picture=picture)["logits"].argmax(axis=1)
    (example,) = bisenet.examples(1)
    model = to_onnx(model_spec("bisenet"), bisenet.served(bisenet.build(state, "test")).eval(), example)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (classes,) = session.run(None, {"FACE": astronaut[None]})
    assert classes.shape == (1, 512, 512)
    assert len(np.unique(expected)) > 10
    assert np.mean(classes == expected) >= 0.999


@pytest.mark.parametrize("count", [1, 3])
def test_exported_model_is_the_network(small: Exported, count: int) -> None:
    """ONNX Runtime and OpenVINO against PyTorch, with other batches than the traced one."""
    assert min(small.agreement(faces(count, seed=5))) >= 0.999


def test_exported_graph_is_plain(small: Exported) -> None:
    assert small.operators == {
        "Add", "ArgMax", "Cast", "Concat", "Conv", "Div", "MaxPool", "Mul", "ReduceMean", "Relu", "Resize", "Sigmoid",
        "Sub", "Transpose",
    }  # fmt: skip


def test_both_parsers_tell_the_same_parts_under_other_numbers() -> None:
    assert sorted(bisenet.CLASSES) == sorted(parsenet.CLASSES)
    assert bisenet.CLASSES != parsenet.CLASSES
    assert len(set(bisenet.CLASSES)) == 19


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.pop("ffm.conv1.weight"), "lacks ffm.conv1.weight"),
        (lambda state: state.update({"fc.weight": torch.zeros(1)}), "also has fc.weight"),
        (lambda state: state.update({"cp.resnet.bn1.bias": torch.zeros(5)}), "other shapes for cp.resnet.bn1.bias"),
        (lambda state: state.pop("conv_out.conv_out.weight"), "conv_out.conv_out.weight is missing"),
    ],
)
def test_other_weights_are_refused(state: StateDict, change: Callable[[StateDict], object], what: str) -> None:
    changed = dict(state)
    change(changed)
    with pytest.raises(CheckpointMismatch, match=what) as caught:
        bisenet.build(changed, "mine.pth")
    assert "mine.pth" in caught.value.message


def test_the_other_parsers_weights_are_refused() -> None:
    with pytest.raises(CheckpointMismatch, match=r"parsing_parsenet\.pth"):
        bisenet.build(parsenet.seeded_state(1, {}), "parsing_parsenet.pth")
