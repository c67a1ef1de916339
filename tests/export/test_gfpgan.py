"""GFPGANv1Clean against upstream's, and its graph in every runtime that serves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export.architectures import gfpgan, rrdbnet
from export.architectures.face_graph import normalised
from export.architectures.gfpgan import Hyperparameters, unused_shapes
from export.checkpoint import save_checkpoint
from export.models import model_spec
from export.onnx_export import to_onnx
from export.parity import TOLERANCE, ExactGraph, check_parity
from export.registry import weight_file
from limner.errors import CheckpointMismatch
from tests.export.gfpgans import SMALL, TINY, faces, small_export, spec_for, with_styles_in_the_thousands
from tests.export.runtimes import openvino_session
from tests.upstream.client import ask_upstream, require_upstream


@pytest.mark.parametrize(
    "layout", [SMALL, TINY, {"out_size": 128, "channel_multiplier": 1, "num_style_feat": 16, "narrowing": 16}]
)
def test_hyperparameters_are_read_off_the_weights(layout: dict[str, int]) -> None:
    assert Hyperparameters.of(gfpgan.seeded_state(1, layout), "test") == Hyperparameters(**layout)


def test_same_as_upstream_with_large_styles(tmp_path: Path) -> None:
    require_upstream()
    state = with_styles_in_the_thousands(gfpgan.seeded_state(2, SMALL))
    save_checkpoint(state, tmp_path / "net.pth")
    face = normalised(faces(SMALL))
    with torch.inference_mode():
        ours = gfpgan.build(state, "test")(face).numpy()
    options: dict[str, object] = {"name": "gfpgan", "layout": json.dumps(SMALL)}
    theirs = ask_upstream("network", tmp_path / "net.pth", options, face=face.numpy())["result"]
    assert ours.shape == (2, 3, 64, 64)
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.ptp(theirs))


def test_full_size_is_upstreams_and_exports(tmp_path: Path) -> None:
    """The published layout: upstream loads it strictly, gives the same, and so does the exported graph."""
    require_upstream()
    state = gfpgan.seeded_state(0, {})
    assert Hyperparameters.of(state, "test") == Hyperparameters()
    save_checkpoint(state, tmp_path / "net.pth")
    # Every published key is there: beside them, the file holds little more than their names.
    values = 4 * sum(value.numel() for value in state.values())
    assert 0 < weight_file("GFPGANv1.4.pth").size - values < 100_000
    (example,) = gfpgan.examples(3)
    face = example[0][:1]
    graph = gfpgan.served(gfpgan.build(state, "test")).eval()
    with torch.inference_mode():
        ours = graph.network(normalised(face)).numpy()
    theirs = ask_upstream("network", tmp_path / "net.pth", {"name": "gfpgan"}, face=normalised(face).numpy())["result"]
    assert 0.2 < theirs.std() < 0.6
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.ptp(theirs))
    spec = model_spec("gfpgan")
    (parity,) = check_parity(spec, to_onnx(spec, graph, example), cast("ExactGraph", graph), [(face,)])
    assert parity.relative < 1e-5


def test_seeded_weights_make_every_part_matter() -> None:
    state = gfpgan.seeded_state(0, SMALL)
    face = normalised(faces(SMALL))
    with torch.inference_mode():
        network = gfpgan.build(state, "test")
        result = network(face)
        quiet = {key: torch.zeros_like(value) if ".noises." in key else value for key, value in state.items()}
        without_noise = gfpgan.build(quiet, "test")(face)
    assert 0.1 < result.std() < 0.6
    assert (result[0] - result[1]).abs().mean() > 0.05
    assert 0.005 < (result - without_noise).abs().mean() < 0.2


def test_unused_keys_are_named_and_the_rest_is_needed() -> None:
    state = gfpgan.seeded_state(0, SMALL)
    unused = unused_shapes(Hyperparameters(**SMALL))
    network = gfpgan.build(state, "test")
    needed = set(network.state_dict())
    assert needed | set(unused) == set(state)
    assert not needed & set(unused)
    stripped = gfpgan.build({key: value for key, value in state.items() if key not in unused}, "test")
    face = normalised(faces(SMALL))
    with torch.inference_mode():
        assert torch.equal(stripped(face), network(face))


def test_exported_model_is_the_network(tmp_path: Path) -> None:
    """ONNX Runtime and OpenVINO against PyTorch, in other batch sizes than that of the trace."""
    graph, model = small_export()
    check_parity(spec_for(SMALL), model, cast("ExactGraph", graph), [(faces(SMALL),)])
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    run = openvino_session(path)
    for batch in (1, 3):
        given = torch.cat((faces(SMALL, 6), faces(SMALL, 7)))[:batch]
        with torch.inference_mode():
            (exact,) = graph.exact(given)
        for (result,) in (session.run(None, {"FACE": given.numpy()}), run(given.numpy())):
            assert result.dtype == np.uint8
            assert result.shape == (batch, 64, 64, 3)
            assert np.abs(result - exact.numpy()).max() <= 0.5 + TOLERANCE * 255


def test_exported_graph_has_constant_weights_and_sizes() -> None:
    _, model = small_export()
    constants = {tensor.name for tensor in model.graph.initializer}
    nodes = model.graph.node
    assert all(node.input[1] in constants for node in nodes if node.op_type in ("Conv", "Gemm"))
    assert all(node.input[2] in constants for node in nodes if node.op_type == "Resize")
    kinds = {node.op_type for node in nodes}
    assert not kinds & {"Shape", "Gather", "Expand", "If", "Loop", "NonZero", "Pow", "ConvTranspose", "Slice"}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.pop("final_conv.bias"), "lacks final_conv.bias"),
        (lambda state: state.pop("final_linear.weight"), "lacks final_linear.weight"),
        (lambda state: state.pop("stylegan_decoder.noises.noise3"), "lacks stylegan_decoder.noises.noise3"),
        (lambda state: state.update({"toRGB.4.weight": torch.zeros(1)}), "also has toRGB.4.weight"),
        (lambda state: state.update({"final_conv.bias": torch.zeros(5)}), "other shapes for final_conv.bias"),
        (lambda state: state.pop("stylegan_decoder.constant_input.weight"), "constant_input.weight is missing"),
        (lambda state: [state.pop(key) for key in list(state) if "conv_body_down" in key], "lacks conv_body_down"),
    ],
)
def test_other_weights_are_refused(change: Any, what: str) -> None:
    state = gfpgan.seeded_state(1, SMALL)
    change(state)
    with pytest.raises(CheckpointMismatch, match=what) as caught:
        gfpgan.build(state, "mine.pth")
    assert "mine.pth" in caught.value.message


def test_another_architecture_is_refused() -> None:
    with pytest.raises(CheckpointMismatch, match=r"mine\.pth holds weights of another network"):
        gfpgan.build(rrdbnet.seeded_state(1, {"num_feat": 16, "num_block": 1, "num_grow_ch": 8}), "mine.pth")
