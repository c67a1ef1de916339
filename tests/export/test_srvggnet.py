"""SRVGGNetCompact against upstream's, and its graph in both CPU runtimes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from export.architectures import rrdbnet, srvggnet
from export.architectures.common import StateDict
from export.architectures.srvggnet import Hyperparameters
from export.blend import blend
from export.checkpoint import save_checkpoint
from export.models import model_spec
from export.onnx_export import to_onnx
from export.parity import check_parity
from limner.errors import CheckpointMismatch
from tests.export.runtimes import openvino_session
from tests.upstream.client import ask_upstream, require_upstream

SMALL = {"num_feat": 16, "num_conv": 3}


def tile_of(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("layout", [{}, SMALL, {"num_feat": 8, "num_conv": 16, "upscale": 2}])
def test_hyperparameters_are_read_off_the_weights(layout: dict[str, int]) -> None:
    state = srvggnet.seeded_state(1, layout)
    assert Hyperparameters.of(state, "test") == Hyperparameters(**layout)


def test_same_as_upstream(tmp_path: Path) -> None:
    """The published network, which upstream loads strictly; and what RealESRGANer makes of two checkpoints."""
    require_upstream()
    states = [srvggnet.seeded_state(seed, {}) for seed in (1, 2)]
    paths = [tmp_path / "general.pth", tmp_path / "wdn.pth"]
    for state, path in zip(states, paths, strict=True):
        save_checkpoint(state, path, "params")
    tile = tile_of(2, 3, 18, 26)
    strong, weak = (np.frombuffer(str(path).encode(), np.uint8) for path in paths)
    given: dict[str, Any] = {"tile": tile.numpy(), "strong": strong, "weak": weak, "denoise": np.float64(0.3)}
    theirs = ask_upstream("network", paths[0], {"name": "srvggnet", "key": "params"}, **given)

    blended = blend(states[0], states[1], 0.3, ("general.pth", "wdn.pth"))
    np.testing.assert_array_equal(blended["body.2.weight"], theirs["blended_weight"])
    np.testing.assert_array_equal(blended["body.1.weight"], theirs["blended_slope"])
    for name, state in (("result", states[0]), ("blended", blended)):
        with torch.inference_mode():
            ours = srvggnet.build(state, "test")(tile).numpy()
        assert ours.shape == (2, 3, 72, 104)
        np.testing.assert_allclose(ours, theirs[name], atol=1e-5 * np.ptp(theirs[name]))
    assert np.abs(theirs["result"] - theirs["blended"]).max() > 0.05


def test_seeded_activations_stay_sane() -> None:
    network = srvggnet.build(srvggnet.seeded_state(0, {}), "test")
    tile = tile_of(1, 3, 24, 24)
    with torch.inference_mode():
        details = network(tile) - torch.nn.functional.interpolate(tile, scale_factor=4.0)
    assert 0.03 < details.std() < 0.5
    # The details follow the picture: they are not the same everywhere.
    assert (details - details.mean(dim=(2, 3), keepdim=True)).std() > 0.03


def test_exported_model_in_both_runtimes(tmp_path: Path) -> None:
    """Parity on the examples, then batches and sizes that the graph was not traced with."""
    spec = model_spec("realesr_general_x4v3")
    graph = srvggnet.served(srvggnet.build(srvggnet.seeded_state(3, SMALL), "test"))
    examples = srvggnet.examples(1)
    model = to_onnx(spec, graph, examples[0])
    (parity,) = check_parity(spec, model, graph, examples)
    assert parity.relative < 1e-5
    assert {node.op_type for node in model.graph.node}.isdisjoint({"If", "Loop", "NonZero"})
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    run = openvino_session(path)
    for shape in ((1, 7, 9, 3), (3, 8, 5, 3)):
        tile = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
        with torch.inference_mode():
            (exact,) = graph.exact(torch.from_numpy(tile))
        for result in (session.run(None, {"TILE": tile})[0], run(tile)[0]):
            assert result.shape == (shape[0], shape[1] * 4, shape[2] * 4, 3)
            assert result.dtype == np.uint8
            # Rounding moves a value by up to half a level.
            assert np.abs(result - exact.numpy()).max() < 0.51


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.pop("body.8.bias"), "lacks body.8.bias"),
        (lambda state: state.pop("body.1.weight"), "body"),
        (lambda state: state.update({"extra.weight": torch.zeros(1)}), "also has extra.weight"),
        (lambda state: state.update({"body.3.weight": torch.zeros(5)}), "other shapes for body.3.weight"),
        (lambda state: state.pop("body.0.weight"), "body.0.weight is missing"),
    ],
)
def test_other_weights_are_refused(change: Callable[[StateDict], object], what: str) -> None:
    state = srvggnet.seeded_state(1, SMALL)
    change(state)
    with pytest.raises(CheckpointMismatch, match=rf"mine\.pth.*{what}"):
        srvggnet.build(state, "mine.pth")


def test_weights_of_another_architecture_are_refused() -> None:
    state = rrdbnet.seeded_state(1, {"num_feat": 8, "num_block": 1, "num_grow_ch": 4})
    with pytest.raises(CheckpointMismatch, match=r"mine\.pth holds weights of another network"):
        srvggnet.build(state, "mine.pth")
