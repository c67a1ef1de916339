"""RRDBNet against upstream's, and its graph in every runtime that serves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from ensemble.photo import UInt8
from export.architectures import rrdbnet
from export.architectures.common import StateDict
from export.architectures.image_graph import ImageGraph
from export.architectures.rrdbnet import Hyperparameters
from export.checkpoint import load_checkpoint, save_checkpoint
from export.parity import TOLERANCE
from limner.errors import CheckpointMismatch
from tests.export.runtimes import openvino_session
from tests.upstream.client import ask_upstream, require_upstream

SMALL = {scale: {"scale": scale, "num_feat": 16, "num_block": 2, "num_grow_ch": 8} for scale in (4, 2)}


@pytest.mark.parametrize("scale", SMALL)
def test_hyperparameters_are_read_off_the_weights(scale: int) -> None:
    state = rrdbnet.seeded_state(1, SMALL[scale])
    assert Hyperparameters.of(state, "test") == Hyperparameters(**SMALL[scale])


def test_published_hyperparameters(x4plus_state: StateDict) -> None:
    assert Hyperparameters.of(x4plus_state, "test") == Hyperparameters()


@pytest.mark.parametrize("scale", SMALL)
def test_same_as_upstream_with_seeded_weights(scale: int, tmp_path: Path) -> None:
    require_upstream()
    state = rrdbnet.seeded_state(2, SMALL[scale])
    save_checkpoint(state, tmp_path / "net.pth")
    tile = torch.rand((2, 3, 18, 26), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        ours = rrdbnet.build(state, "test")(tile).numpy()
    theirs = ask_upstream("rrdbnet", tmp_path / "net.pth", {"scale": scale}, tile=tile.numpy())["result"]
    assert ours.shape == (2, 3, 18 * scale, 26 * scale)
    assert np.ptp(theirs) > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.ptp(theirs))


def test_same_as_upstream_with_real_weights(x4plus_state: StateDict, x4plus_file: Path, astronaut: UInt8) -> None:
    require_upstream()
    tile = torch.from_numpy(astronaut[100:132, 200:240] / np.float32(255)).permute(2, 0, 1)[None].contiguous()
    with torch.inference_mode():
        ours = rrdbnet.build(load_checkpoint(x4plus_file, ("params_ema",)), "test")(tile).numpy()
    theirs = ask_upstream("rrdbnet", x4plus_file, tile=tile.numpy())["result"]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_seeded_activations_stay_sane() -> None:
    network = rrdbnet.build(rrdbnet.seeded_state(0, {}), "test")
    with torch.inference_mode():
        result = network(torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert 0.05 < result.std() < 20
    assert torch.isfinite(result).all()


def test_exported_model_is_the_network(models_dir: Path, x4plus_state: StateDict, astronaut: UInt8) -> None:
    """ONNX Runtime and OpenVINO against PyTorch, on a 64×64 tile of a photo, with the real weights."""
    tile = np.ascontiguousarray(astronaut[80:144, 180:244])[None]
    path = models_dir / "realesrgan_x4" / "1" / "model.onnx"
    graph = rrdbnet.served(rrdbnet.build(x4plus_state, "test"))
    with torch.inference_mode():
        (exact,) = graph.exact(torch.from_numpy(tile))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (ours,) = session.run(None, {"TILE": tile})
    (theirs,) = openvino_session(path)(tile)
    for result in (ours, theirs):
        assert result.dtype == np.uint8
        assert result.shape == (1, 256, 256, 3)
        # Rounding moves a value by up to half a level.
        assert np.abs(result - exact.numpy()).max() <= 0.5 + TOLERANCE * 255
    assert np.mean(ours != theirs) < 0.01


def test_exported_model_does_what_realesrganer_does(models_dir: Path, x4plus_file: Path, astronaut: UInt8) -> None:
    """Normalisation, clamping and rounding included: uint8 in, uint8 out, at the network's own scale."""
    require_upstream()
    photo = np.ascontiguousarray(astronaut[90:122, 200:241])
    theirs = ask_upstream("realesrgan", x4plus_file, {"outscale": 4}, photo=photo)["result"]
    path = models_dir / "realesrgan_x4" / "1" / "model.onnx"
    (ours,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"TILE": photo[None]})
    assert np.abs(ours[0].astype(int) - theirs).max() <= 1
    assert np.mean(ours[0] != theirs) < 0.01


def test_exported_model_takes_any_size_and_batch(models_dir: Path) -> None:
    path = models_dir / "realesrgan_x4" / "1" / "model.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    run = openvino_session(path)
    for shape in ((1, 7, 9, 3), (3, 8, 5, 3)):
        tile = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
        (ours,) = session.run(None, {"TILE": tile})
        (theirs,) = run(tile)
        assert ours.shape == theirs.shape == (shape[0], shape[1] * 4, shape[2] * 4, 3)
        assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_rounding_is_half_to_even() -> None:
    class Halves(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tensor([0.5, 1.5, 2.5]).reshape(1, 3, 1, 1) / 255 + 0 * x

    graph = ImageGraph(Halves())
    assert graph(torch.zeros(1, 1, 1, 3, dtype=torch.uint8)).flatten().tolist() == [0, 2, 2]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.pop("conv_last.bias"), "lacks conv_last.bias"),
        (lambda state: state.update({"extra.weight": torch.zeros(1)}), "also has extra.weight"),
        (lambda state: state.update({"conv_hr.bias": torch.zeros(5)}), "other shapes for conv_hr.bias"),
        (lambda state: state.pop("conv_first.weight"), "conv_first.weight is missing"),
    ],
)
def test_other_weights_are_refused(change: Callable[[StateDict], object], what: str) -> None:
    state = rrdbnet.seeded_state(1, SMALL[4])
    change(state)
    with pytest.raises(CheckpointMismatch, match=what) as caught:
        rrdbnet.build(state, "mine.pth")
    assert "mine.pth" in caught.value.message
