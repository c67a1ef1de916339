"""ParseNet against upstream's, and its graph in every runtime that serves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from ensemble import mask
from export.architectures import bisenet, parsenet
from export.architectures.common import StateDict
from export.architectures.parsenet import Hyperparameters
from export.checkpoint import save_checkpoint
from export.models import model_spec
from export.onnx_export import to_onnx
from export.precision import gate
from limner.errors import CheckpointMismatch
from tests.export.parsers import Exported, export_small, faces, normalised
from tests.upstream.client import ask_upstream, require_upstream

SMALL = {"base_ch": 32, "steps": 3, "res_depth": 2}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    graph = parsenet.served(parsenet.build(parsenet.seeded_state(1, SMALL), "test"))
    return export_small("parsenet", graph, tmp_path_factory.mktemp("parsenet"))


@pytest.mark.parametrize("layout", [SMALL, {}])
def test_hyperparameters_are_read_off_the_weights(layout: dict[str, int]) -> None:
    assert Hyperparameters.of(parsenet.seeded_state(1, layout), "test") == Hyperparameters(**layout)


def test_same_as_upstream_with_seeded_weights(tmp_path: Path) -> None:
    require_upstream()
    state = parsenet.seeded_state(2, SMALL)
    save_checkpoint(state, tmp_path / "net.pth", key=None)
    picture = normalised(faces(2, seed=3), parsenet)[:, :, :40]
    with torch.inference_mode():
        ours = parsenet.build(state, "test")(torch.from_numpy(picture)).numpy()
    options: dict[str, object] = {"name": "parsenet", "key": "", "layout": json.dumps(SMALL)}
    theirs = ask_upstream("network", tmp_path / "net.pth", options, picture=picture)["logits"]
    assert ours.shape == (2, 19, 40, 64)
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.ptp(theirs))


def test_published_size_end_to_end(tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    """From an 8-bit picture to classes as upstream makes them; upstream takes the published layout's keys strictly."""
    require_upstream()
    state = parsenet.seeded_state(4, {})
    save_checkpoint(state, tmp_path / "net.pth", key=None)
    options: dict[str, object] = {"name": "parsenet", "key": "", "layout": "{}"}
    picture = normalised(astronaut[None], parsenet)
    expected = ask_upstream("network", tmp_path / "net.pth", options, picture=picture)["logits"].argmax(axis=1)
    (example,) = parsenet.examples(1)
    model = to_onnx(model_spec("parsenet"), parsenet.served(parsenet.build(state, "test")).eval(), example)
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
    """Batch norms are folded, sizes constant: what INT8 and TensorRT are fast with."""
    assert small.operators == {
        "Add", "ArgMax", "Cast", "Conv", "DepthToSpace", "Div", "LeakyRelu", "Pad", "Slice", "Sub", "Transpose",
    }  # fmt: skip


def test_classes_follow_upstreams_mask() -> None:
    """What stays as it is in the photo is one set of numbers, whichever the parser; its names are not."""
    kept = (0, 14, 16, 17, 18)
    assert mask.NOT_FACE == gate.NOT_FACE == kept
    assert [parsenet.CLASSES[number] for number in kept] == ["background", "hat", "necklace", "neck", "cloth"]
    assert [bisenet.CLASSES[number] for number in kept] == ["background", "neck", "cloth", "hair", "hat"]


def test_head_that_inference_does_not_need_may_be_missing() -> None:
    state = parsenet.seeded_state(1, SMALL)
    lean = {key: value for key, value in state.items() if not key.startswith("out_img_conv.")}
    assert len(lean) == len(state) - 2
    parsenet.build(lean, "test")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.pop("body.1.conv2.norm.norm.bias"), "lacks body.1.conv2.norm.norm.bias"),
        (lambda state: state.update({"out_img_conv.extra": torch.zeros(1)}), "also has out_img_conv.extra"),
        (lambda state: state.update({"out_mask_conv.conv2d.bias": torch.zeros(5)}), "other shapes for out_mask_conv"),
        (lambda state: state.pop("encoder.0.conv2d.weight"), "encoder.0.conv2d.weight is missing"),
        (lambda state: state.clear(), "holds weights of another network"),
    ],
)
def test_other_weights_are_refused(change: Callable[[StateDict], object], what: str) -> None:
    state = parsenet.seeded_state(1, SMALL)
    change(state)
    with pytest.raises(CheckpointMismatch, match=what) as caught:
        parsenet.build(state, "mine.pth")
    assert "mine.pth" in caught.value.message
