"""SwinIR against upstream's, and its graph in both CPU runtimes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from export.architectures import rrdbnet, swinir
from export.architectures.common import StateDict
from export.architectures.swinir import Hyperparameters
from export.architectures.windows import MASKED, Grid, shift_mask, shifted, unshifted
from export.checkpoint import load_checkpoint, save_checkpoint
from export.models import model_spec
from export.onnx_export import to_onnx
from export.parity import check_parity
from export.registry import weight_file
from limner.errors import CheckpointMismatch
from tests.export.runtimes import openvino_session
from tests.upstream.client import ask_upstream, require_upstream

SMALL = {"groups": 2, "depth": 3, "embed_dim": 24, "num_heads": 4, "convolutions": 3}
BLOCK = "layers.0.residual_group.blocks.1"
L_FILE = weight_file("003_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN")


def tile_of(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


def compare_with_upstream(layout: dict[str, int], folder: Path, *sizes: tuple[int, int]) -> None:
    """On a batch of two for each size; upstream loads the checkpoint strictly."""
    path = folder / "net.pth"
    save_checkpoint(swinir.seeded_state(2, layout), path)
    network = swinir.build(load_checkpoint(path, ("params_ema",)), "test")
    tiles = {f"tile{index}": tile_of(2, 3, *size) for index, size in enumerate(sizes)}
    options: dict[str, object] = {"name": "swinir", "key": "params_ema", "layout": json.dumps(layout)}
    theirs = ask_upstream("network", path, options, **{name: tile.numpy() for name, tile in tiles.items()})
    for name, tile in tiles.items():
        with torch.inference_mode():
            ours = network(tile).numpy()
        assert ours.shape == (2, 3, 4 * tile.shape[2], 4 * tile.shape[3])
        assert np.ptp(theirs[name]) > 0.5
        np.testing.assert_allclose(ours, theirs[name], atol=1e-5 * np.ptp(theirs[name]))


@pytest.mark.parametrize("layout", [{"groups": 1, "depth": 1}, SMALL, dict(L_FILE.layout)], ids=["M", "small", "L"])
def test_hyperparameters_are_read_off_the_weights(layout: dict[str, int]) -> None:
    state = swinir.seeded_state(1, layout)
    assert Hyperparameters.of(state, "test") == Hyperparameters(**layout)


def test_small_network_is_upstreams(tmp_path: Path) -> None:
    """At the size that official masks are for, and at another; a single window in one direction."""
    require_upstream()
    compare_with_upstream(SMALL, tmp_path, (64, 64), (48, 72), (8, 24))


def test_published_m_is_upstreams(tmp_path: Path) -> None:
    require_upstream()
    compare_with_upstream({}, tmp_path, (16, 24))


def test_published_l_is_upstreams(tmp_path: Path) -> None:
    """Constants included: the keys of random weights are those of the constructor that the registry names."""
    require_upstream()
    assert "depths=[6] * 9, embed_dim=240, num_heads=[8] * 9" in L_FILE.published_as
    compare_with_upstream(dict(L_FILE.layout), tmp_path, (8, 16))


def test_windows_of_a_shifted_grid() -> None:
    picture = torch.arange(2 * 3 * 24 * 16, dtype=torch.float32).reshape(2, 3, 24, 16)
    grid = Grid(picture)
    windows = grid.windows(picture)
    assert windows.shape == (2, 3, 2, 64, 3)
    assert torch.equal(windows[1, 2, 0, :, 1].reshape(8, 8), picture[1, 1, 16:, :8])
    assert torch.equal(grid.picture(windows), picture)
    assert torch.equal(grid.picture(shifted(windows)), picture.roll((-4, -4), dims=(2, 3)))
    assert torch.equal(unshifted(shifted(windows)), windows)


def test_mask_keeps_apart_what_the_roll_brought_together() -> None:
    """By the definition: pixels of one window may meet where they came from the same side of the picture's ends."""
    rows, columns = torch.arange(24), torch.arange(16)
    sides = ((rows >= 20).int()[:, None] * 2 + (columns >= 12).int()).float()[None, None]
    (tokens,) = Grid(sides).windows(sides)[..., 0]
    expected = MASKED * (tokens[..., :, None] != tokens[..., None, :])
    assert torch.equal(shift_mask(3, 2), expected)


def test_constants_of_official_files_play_no_part() -> None:
    state = swinir.seeded_state(1, SMALL)
    assert state[f"{BLOCK}.attn_mask"].shape == (64, 64, 64)
    bare = {key: value for key, value in state.items() if not key.endswith(swinir.CONSTANTS)}
    assert len(state) - len(bare) == 6 + 2
    tile = tile_of(1, 3, 8, 16)
    with torch.inference_mode():
        assert torch.equal(swinir.build(state, "test")(tile), swinir.build(bare, "test")(tile))


def test_seeded_activations_stay_sane() -> None:
    network = swinir.build(swinir.seeded_state(0, {}), "test")
    with torch.inference_mode():
        results = network(tile_of(2, 3, 16, 16))
    assert 0.05 < results.std() < 1
    assert ((results < 0) | (results > 1)).float().mean() < 0.5
    assert (results[0] - results[1]).abs().mean() > 0.05


def test_exported_model_in_both_runtimes(tmp_path: Path) -> None:
    """Parity on the examples, then batches and sizes that the graph was not traced with."""
    spec = model_spec("swinir_m_x4")
    graph = swinir.served(swinir.build(swinir.seeded_state(3, {**SMALL, "groups": 1, "depth": 2}), "test"))
    examples = swinir.examples(1)
    model = to_onnx(spec, graph, examples[0])
    (parity,) = check_parity(spec, model, graph, examples)
    assert parity.relative < 1e-5
    operators = [node.op_type for node in model.graph.node]
    assert {"If", "Loop", "NonZero", "Where", "GatherND", "Gather"}.isdisjoint(operators)
    assert operators.count("Shape") <= 3
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    run = openvino_session(path)
    for shape in ((1, 8, 8, 3), (3, 24, 40, 3)):
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
        (lambda state: state.pop(f"{BLOCK}.attn.proj.bias"), f"lacks {BLOCK}.attn.proj.bias"),
        (lambda state: state.update({"upsample.0.weight": torch.zeros(1)}), "also has upsample.0.weight"),
        (lambda state: state.update({"norm.bias": torch.zeros(5)}), "other shapes for norm.bias"),
        (lambda state: state.pop("conv_first.weight"), "conv_first.weight is missing"),
        (
            lambda state: state.update({f"{BLOCK}.attn.relative_position_bias_table": torch.zeros(169, 4)}),
            f"other shapes for {BLOCK}.attn.relative_position_bias_table",
        ),
    ],
)
def test_other_weights_are_refused(change: Callable[[StateDict], object], what: str) -> None:
    state = swinir.seeded_state(1, SMALL)
    change(state)
    with pytest.raises(CheckpointMismatch, match=rf"mine\.pth.*{what}"):
        swinir.build(state, "mine.pth")


def test_weights_of_another_architecture_are_refused() -> None:
    state = rrdbnet.seeded_state(1, {"num_feat": 8, "num_block": 1, "num_grow_ch": 4})
    with pytest.raises(CheckpointMismatch, match=r"mine\.pth holds weights of another network"):
        swinir.build(state, "mine.pth")
