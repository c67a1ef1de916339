"""CodeFormer against upstream's, its fidelity, and its graph in every runtime that serves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from export.architectures import codeformer
from export.architectures.codeformer import with_style_of
from export.architectures.codeformer_coder import Hyperparameters
from export.architectures.codeformer_predictor import SelfAttention
from export.architectures.common import StateDict
from export.architectures.face_graph import normalised
from export.architectures.vqgan import random_faces
from export.checkpoint import save_checkpoint
from limner.errors import CheckpointMismatch
from tests.export.faces import SMALL_SIDE, Exported, export_small, smallest_margin
from tests.upstream.client import ask_upstream, require_upstream

SMALL = {"nf": 32, "levels": 3, "connect": 2, "dim_embd": 64, "n_layers": 2, "codebook_size": 256}
FIDELITIES = torch.tensor([[0.0], [0.5], [1.0]])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    graph = codeformer.served(codeformer.build(codeformer.seeded_state(1, SMALL), "test")).eval()
    return export_small("codeformer", graph, tmp_path_factory.mktemp("codeformer"), FIDELITIES[1:])


def compare(
    layout: dict[str, int], face: torch.Tensor, fidelity: torch.Tensor, folder: Path
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Ours of the whole batch, upstream's of each face alone; of the same weights, which upstream loads strictly."""
    require_upstream()
    state = codeformer.seeded_state(0, layout)
    save_checkpoint(state, folder / "net.pth")
    with torch.inference_mode():
        ours = codeformer.build(state, "test")(face, fidelity).numpy()
    options: dict[str, object] = {"name": "codeformer", "key": "params_ema", "layout": json.dumps(layout)}
    arrays = {"face": face.numpy(), "fidelity": fidelity.numpy()}
    return ours, ask_upstream("network", folder / "net.pth", options, **arrays)["restored"]


@pytest.mark.parametrize("layout", [{}, SMALL])
def test_hyperparameters_are_read_off_the_weights(layout: dict[str, int]) -> None:
    expected = Hyperparameters.from_layout(layout)
    with torch.device("meta"):
        state = codeformer.CodeFormer(expected).state_dict()
    assert Hyperparameters.of(state, "test") == expected


def test_same_as_upstream_with_a_fidelity_for_each_face(tmp_path: Path) -> None:
    """One face at 0, where upstream skips the fusion, at 0.5 and at 1; and below 0, which is the same as 0."""
    face = normalised(random_faces(2, 1, SMALL_SIDE)).repeat(4, 1, 1, 1)
    ours, theirs = compare(SMALL, face, torch.cat((FIDELITIES, torch.tensor([[-1.0]]))), tmp_path)
    np.testing.assert_allclose(ours, theirs, atol=float(1e-5 * np.ptp(theirs)))
    assert np.array_equal(theirs[0], theirs[3])
    assert np.abs(theirs[1] - theirs[0]).mean() > 0.05
    assert np.abs(theirs[2] - theirs[1]).mean() > 0.05


def test_published_network_is_upstreams(tmp_path: Path) -> None:
    """The published layout, every key, on a face of the published size."""
    ours, theirs = compare({}, normalised(random_faces(2, 1)), FIDELITIES[1:2], tmp_path)
    assert ours.shape == (1, 3, 512, 512)
    assert 0.05 < theirs.std() < 0.7
    np.testing.assert_allclose(ours, theirs, atol=float(1e-4 * np.ptp(theirs)))


def test_seeded_result_depends_on_the_face() -> None:
    network = codeformer.build(codeformer.seeded_state(0, SMALL), "test")
    with torch.inference_mode():
        for fidelity in FIDELITIES.split(1):  # type: ignore[no-untyped-call]
            faces = [normalised(random_faces(seed, 1, SMALL_SIDE)) for seed in (1, 2)]
            one, other = (network(face, fidelity) for face in faces)
            assert 0.05 < one.std() < 0.7
            assert (one.abs() > 1).float().mean() < 0.1
            assert (one - other).abs().mean() > 0.3 * one.std()


def test_style_is_that_of_the_other() -> None:
    """AdaIN gives the means and unbiased variances of the style, in any range that FP16 has."""
    generator = torch.Generator().manual_seed(3)
    style = 3 + 2 * torch.randn(2, 5, 16, 16, generator=generator)
    content = 900 + 150 * torch.randn(2, 5, 16, 16, generator=generator)
    result = with_style_of(style, content)
    torch.testing.assert_close(result.mean(dim=(2, 3)), style.mean(dim=(2, 3)))
    torch.testing.assert_close(result.var(dim=(2, 3)), style.var(dim=(2, 3)), rtol=1e-4, atol=0)


def test_positions_may_be_projected_beforehand() -> None:
    """The same as PyTorch's attention with positions added to query and key."""
    theirs = torch.nn.MultiheadAttention(32, 8, batch_first=True)
    generator = torch.Generator().manual_seed(5)
    for parameter in theirs.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 6
    ours = SelfAttention(16, 32)
    ours.load_state_dict(theirs.state_dict())
    positions = torch.randn(16, 32, generator=generator)
    ours.place(positions)
    tokens = torch.randn(2, 16, 32, generator=generator)
    with torch.inference_mode():
        expected, _ = theirs(tokens + positions, tokens + positions, tokens)
        torch.testing.assert_close(ours(tokens), expected)


def test_seeded_codes_are_far_apart(small: Exported) -> None:
    """A near tie between two codes could fall the other way in another runtime; no parity could then be told."""
    network: Any = small.graph.network
    encoded = normalised(random_faces(1, 2, SMALL_SIDE))
    with torch.inference_mode():
        for block in network.encoder.blocks:
            encoded = block(encoded)
        logits = network.code_logits(encoded)
    assert len(logits.argmax(dim=2).unique()) > 50
    assert smallest_margin(logits) > 1e-4


def test_parity_is_close(small: Exported) -> None:
    assert small.parity[0].relative < 2e-5


@pytest.mark.parametrize("fidelity", [FIDELITIES[:1], FIDELITIES])
def test_exported_model_is_the_network(small: Exported, fidelity: torch.Tensor) -> None:
    """ONNX Runtime and OpenVINO against PyTorch, with other batches than the traced one."""
    given = (random_faces(5, len(fidelity), SMALL_SIDE).numpy(), fidelity.numpy())
    exact = small.exact(*given)
    for result in small.served(*given):
        assert result.dtype == np.uint8
        assert result.shape == (len(fidelity), SMALL_SIDE, SMALL_SIDE, 3)
        # Rounding moves a value by up to half a level.
        assert np.abs(result - exact).max() < 0.51


def test_exported_graph_is_plain(small: Exported) -> None:
    """No shape is read at run time, nothing is chosen or repeated, and fidelity is no branch."""
    assert small.operators == {
        "Add", "ArgMax", "Cast", "Clip", "Concat", "Conv", "Div", "Erf", "Gather", "InstanceNormalization",
        "LayerNormalization", "LeakyRelu", "MatMul", "Mul", "Pow", "ReduceMean", "Reshape", "Resize", "Round",
        "Sigmoid", "Softmax", "Split", "Sqrt", "Sub", "Transpose",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.pop("ft_layers.1.norm2.bias"), "lacks ft_layers.1.norm2.bias"),
        (lambda state: state.update({"fuse_convs_dict.512.shift.0.bias": torch.zeros(1)}), "also has fuse_convs_dict"),
        (lambda state: state.update({"feat_emb.bias": torch.zeros(5)}), "other shapes for feat_emb.bias"),
        (lambda state: state.pop("position_emb"), "position_emb is missing"),
        (lambda state: state.pop("encoder.blocks.3.conv.weight"), "lacks encoder.blocks"),
        (lambda state: state.clear(), "encoder.blocks.0.weight is missing"),
    ],
)
def test_other_weights_are_refused(change: Callable[[StateDict], object], what: str) -> None:
    state = codeformer.seeded_state(1, SMALL)
    change(state)
    with pytest.raises(CheckpointMismatch, match=what) as caught:
        codeformer.build(state, "mine.pth")
    assert "mine.pth" in caught.value.message
