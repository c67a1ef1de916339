"""RestoreFormer against upstream's, and its graph in every runtime that serves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from export.architectures import restoreformer
from export.architectures.common import StateDict
from export.architectures.face_graph import normalised
from export.architectures.restoreformer import Hyperparameters, RestoreFormer
from export.architectures.vqgan import Codebook, random_faces
from export.checkpoint import save_checkpoint
from limner.errors import CheckpointMismatch
from tests.export.faces import SMALL_SIDE, Exported, export_small, smallest_margin
from tests.upstream.client import ask_upstream, require_upstream

SMALL = {"ch": 32, "levels": 3, "n_embed": 256, "embed_dim": 64}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    graph = restoreformer.served(restoreformer.build(restoreformer.seeded_state(1, SMALL), "test")).eval()
    return export_small("restoreformer", graph, tmp_path_factory.mktemp("restoreformer"))


def compare(layout: dict[str, int], side: int, count: int, folder: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ours and upstream's of the same weights, which upstream loads strictly."""
    require_upstream()
    state = restoreformer.seeded_state(0, layout)
    save_checkpoint(state, folder / "net.pth")
    face = normalised(random_faces(2, count, side))
    with torch.inference_mode():
        ours = restoreformer.build(state, "test")(face).numpy()
    options = {"name": "restoreformer", "key": "params_ema", "layout": json.dumps(layout)}
    return ours, ask_upstream("network", folder / "net.pth", options, face=face.numpy())["restored"]


@pytest.mark.parametrize("layout", [{}, SMALL])
def test_hyperparameters_are_read_off_the_weights(layout: dict[str, int]) -> None:
    expected = Hyperparameters.from_layout(layout)
    with torch.device("meta"):
        state = RestoreFormer(expected).state_dict()
    assert Hyperparameters.of(state, "test") == expected


def test_same_as_upstream(tmp_path: Path) -> None:
    ours, theirs = compare(SMALL, SMALL_SIDE, 2, tmp_path)
    assert ours.shape == (2, 3, SMALL_SIDE, SMALL_SIDE)
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.ptp(theirs))


def test_published_layout_is_upstreams(tmp_path: Path) -> None:
    """Every key, width and level; on a face of 128×128, which the network takes as it takes 512×512."""
    ours, theirs = compare({}, 128, 1, tmp_path)
    assert 0.05 < theirs.std() < 0.6
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.ptp(theirs))


def test_seeded_result_depends_on_the_face() -> None:
    network = restoreformer.build(restoreformer.seeded_state(0, SMALL), "test")
    with torch.inference_mode():
        one, other = (network(normalised(random_faces(seed, 1, SMALL_SIDE))) for seed in (1, 2))
    assert 0.05 < one.std() < 0.6
    assert (one.abs() > 1).float().mean() < 0.05
    assert (one - other).abs().mean() > 0.5 * one.std()


def test_nearest_code_is_upstreams() -> None:
    """Without the square that is the same for every code."""
    generator = torch.Generator().manual_seed(4)
    codebook = Codebook(50, 6)
    codebook.load_state_dict({"embedding.weight": torch.randn(50, 6, generator=generator)})
    codebook.take_squares()
    places = torch.randn(2, 6, 4, 4, generator=generator)
    with torch.inference_mode():
        found = codebook.nearest(places)
        rows = places.permute(0, 2, 3, 1).reshape(2, 16, 6)
        distances = torch.cdist(rows, codebook.embedding.weight.expand(2, -1, -1))
        assert torch.equal(found, distances.argmin(dim=2))
        assert len(torch.unique(found)) > 10
        assert torch.equal(codebook(found)[1, :, 2, 3], codebook.embedding.weight[found[1, 4 * 2 + 3]])


def test_seeded_codes_are_far_apart(small: Exported) -> None:
    """A near tie between two codes could fall the other way in another runtime; no parity could then be told."""
    network: Any = small.graph.network
    with torch.inference_mode():
        places = network.quant_conv(network.encoder(normalised(random_faces(1, 2, SMALL_SIDE)))[0])
        rows = places.flatten(2).transpose(1, 2)
        scores = functional.linear(rows, network.quantize.embedding.weight, -network.quantize.half_squares)
    assert len(torch.unique(scores.argmax(dim=2))) > 50
    assert smallest_margin(scores) > 1e-4


def test_parity_is_close(small: Exported) -> None:
    assert small.parity[0].relative < 2e-5


@pytest.mark.parametrize("count", [1, 3])
def test_exported_model_is_the_network(small: Exported, count: int) -> None:
    """ONNX Runtime and OpenVINO against PyTorch, with other batches than the traced one."""
    faces = random_faces(5, count, SMALL_SIDE).numpy()
    exact = small.exact(faces)
    for result in small.served(faces):
        assert result.dtype == np.uint8
        assert result.shape == (count, SMALL_SIDE, SMALL_SIDE, 3)
        # Rounding moves a value by up to half a level.
        assert np.abs(result - exact).max() < 0.51


def test_exported_graph_is_plain(small: Exported) -> None:
    """No shape is read at run time, and nothing is chosen or repeated."""
    assert small.operators == {
        "Add", "ArgMin", "Cast", "Clip", "Conv", "Div", "Gather", "InstanceNormalization", "MatMul", "Mul",
        "Reshape", "Resize", "Round", "Sigmoid", "Softmax", "Sub", "Transpose",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.pop("decoder.conv_out.bias"), "lacks decoder.conv_out.bias"),
        (lambda state: state.update({"quantize.extra": torch.zeros(1)}), "also has quantize.extra"),
        (lambda state: state.update({"quant_conv.bias": torch.zeros(5)}), "other shapes for quant_conv.bias"),
        (lambda state: state.pop("quantize.embedding.weight"), "quantize.embedding.weight is missing"),
        (lambda state: state.update({"encoder.conv_in.weight": torch.zeros(20, 3, 3, 3)}), "have widths"),
        (lambda state: state.clear(), "encoder.conv_in.weight is missing"),
    ],
)
def test_other_weights_are_refused(change: Callable[[StateDict], object], what: str) -> None:
    state = restoreformer.seeded_state(1, SMALL)
    change(state)
    with pytest.raises(CheckpointMismatch, match=what) as caught:
        restoreformer.build(state, "mine.pth")
    assert "mine.pth" in caught.value.message
