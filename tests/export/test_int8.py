"""INT8: quantised where it passes the gate, FP32 with the reason where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest

from export.architectures import rrdbnet
from export.models import model_spec
from export.onnx_export import to_onnx
from export.precision import int8
from export.precision.forms import OPENVINO_FILE, write_forms
from export.precision.gate import Limits, judge
from export.precision.layers import kept_convolutions
from export.precision.openvino_ir import read_onnx
from export.precision.recipes import Recipe, recipes_for
from export.precision.samples import evaluation_inputs
from limner.errors import ExportError
from tests.export.small_networks import small_graph

SPEC = model_spec("realesrgan_x4")
SMALL = {"num_feat": 16, "num_block": 1, "num_grow_ch": 8}


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    """A small network of the kind, with random weights whose output keeps to the middle of the range."""
    state = rrdbnet.seeded_state(1, SMALL)
    state["conv_last.weight"] *= 0.1
    state["conv_last.bias"] = state["conv_last.bias"] * 0 + 0.5
    served = rrdbnet.served(rrdbnet.build(state, "test")).eval()
    return to_onnx(SPEC, served, rrdbnet.examples(1)[0])


def set_gate(monkeypatch: pytest.MonkeyPatch, minima: Mapping[str, float], *recipes: Recipe) -> None:
    monkeypatch.setattr(int8, "LIMITS", {"background": Limits(minima)})
    monkeypatch.setattr(int8, "recipes_for", lambda spec: recipes)


def constants(path: Path) -> list[str]:
    model = openvino.Core().read_model(path)
    return [node.get_element_type().get_type_name() for node in model.get_ops() if node.get_type_name() == "Constant"]


def test_int8_that_passes_is_served(graph: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_gate(monkeypatch, {"psnr_mean": 25.0}, Recipe("mixed"))
    forms = write_forms(SPEC, graph, "int8", tmp_path)
    assert (forms.precision, forms.reason) == ("int8", None)
    (tried,) = forms.quality
    assert tried["passed"] is True
    assert (tried["recipe"], tried["limits"]) == ("mixed", {"psnr_mean": 25.0})
    assert "i8" in constants(tmp_path / OPENVINO_FILE)
    assert {file.name for file in tmp_path.iterdir()} == {"model.onnx", "model.xml", "model.bin"}
    tile = np.random.default_rng(0).integers(0, 256, (3, 24, 16, 3), dtype=np.uint8)
    (result,) = int8.run(openvino.Core().read_model(tmp_path / OPENVINO_FILE), [(tile,)])
    assert result[0].shape == (3, 96, 64, 3)
    assert result[0].dtype == np.uint8


def test_what_no_recipe_brings_through_stays_fp32(
    graph: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_gate(monkeypatch, {"psnr_mean": 99.0, "ssim": 0.1}, Recipe("mixed"), Recipe("ends", keep_first=1, keep_last=2))
    forms = write_forms(SPEC, graph, "int8", tmp_path)
    assert forms.precision == "fp32"
    assert forms.reason is not None
    assert "psnr_mean" in forms.reason
    assert "instead of 99" in forms.reason
    assert "ssim" not in forms.reason
    assert [tried["recipe"] for tried in forms.quality] == ["mixed", "ends"]
    assert not {"i8", "u8"} & set(constants(tmp_path / OPENVINO_FILE))


def test_recipes_are_tried_until_one_passes(
    graph: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = Recipe("everything in FP32", float_types=("Add", "Multiply", "Interpolate"), keep_cheapest=1.0)
    set_gate(monkeypatch, {"psnr_mean": 70.0}, Recipe("mixed"), everything, Recipe("never reached"))
    forms = write_forms(SPEC, graph, "int8", tmp_path)
    assert forms.precision == "int8"
    assert [(tried["recipe"], tried["passed"]) for tried in forms.quality] == [
        ("mixed", False),
        ("everything in FP32", True),
    ]


@pytest.fixture(scope="module")
def float_model(graph: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory) -> openvino.Model:
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    return read_onnx(path)


@pytest.mark.parametrize(
    ("recipe", "kept"),
    [
        (Recipe("ends", keep_first=1, keep_last=2), ["node_conv2d", "node_conv2d_19", "node_conv2d_20"]),
        (Recipe("pictures", keep_pictures=True), ["node_conv2d", "node_conv2d_20"]),
        # That of the whole network has three channels, and the first of a dense block fewer than those after it.
        (Recipe("cheapest", keep_cheapest=0.02), ["node_conv2d", "node_conv2d_1", "node_conv2d_11"]),
        (Recipe("none"), []),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_which_layers_are_kept(float_model: openvino.Model, recipe: Recipe, kept: list[str]) -> None:
    names = kept_convolutions(float_model, recipe, [(1, 32, 32, 3)])
    assert [name.partition("/")[0] for name in names] == kept


def test_kept_layers_stay_in_fp32(float_model: openvino.Model) -> None:
    counts = []
    for recipe in (Recipe("all"), Recipe("ends", keep_first=1, keep_last=2)):
        quantised = int8.quantise(SPEC, float_model, recipe)
        counts.append(sum(node.get_element_type().get_type_name() == "i8" for node in quantised.get_ops()))
    assert counts[0] - counts[1] == 3


@pytest.mark.parametrize(("fast", "reach"), [(True, 127), (False, 64)])
def test_weights_take_half_the_range_where_sums_would_overflow(
    float_model: openvino.Model, fast: bool, reach: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without VNNI or AMX, two products of 8 bits are added in 16."""
    monkeypatch.setattr(int8, "runs_int8_fast", lambda: fast)
    quantised = int8.quantise(SPEC, float_model, Recipe("mixed"))
    weights = [node.data for node in quantised.get_ops() if node.get_element_type().get_type_name() == "i8"]
    assert len(weights) > 10
    assert max(int(np.abs(values.astype(np.int32)).max()) for values in weights) == reach


def test_a_role_without_limits_stays_fp32(graph: onnx.ModelProto, tmp_path: Path) -> None:
    forms = write_forms(replace(SPEC, role="identity"), graph, "int8", tmp_path)
    assert (forms.precision, forms.quality) == ("fp32", ())
    assert forms.reason == "There are no limits to judge INT8 of the role identity by."
    assert not {"i8", "u8"} & set(constants(tmp_path / OPENVINO_FILE))


def test_a_margin_widens_ranges_of_activations_only(float_model: openvino.Model) -> None:
    def ranges(margin: float) -> list[list[float]]:
        quantised = int8.quantise(SPEC, float_model, Recipe("", float_types=("Add", "Multiply"), margin=margin))
        assert "i8" in {node.get_element_type().get_type_name() for node in quantised.get_ops()}
        nodes = [node for node in quantised.get_ordered_ops() if node.get_type_name() == "FakeQuantize"]
        return [[float(node.input_value(port).get_node().data.item()) for port in range(1, 5)] for node in nodes]

    np.testing.assert_allclose(ranges(1.5), 1.5 * np.array(ranges(1.0)), rtol=1e-5)


def test_of_a_face_restorer_only_convolutions_are_quantised(tmp_path: Path) -> None:
    """And it is closer to FP32 than what NNCF makes of it by itself."""
    (tmp_path / "model.onnx").write_bytes(small_graph("gfpgan_clean").SerializeToString())
    model, spec = read_onnx(tmp_path / "model.onnx"), model_spec("gfpgan")
    pictures = evaluation_inputs(spec)[:3]
    references = int8.run(model, pictures)
    ratios = []
    for recipe in (Recipe("NNCF"), recipes_for(spec)[0]):
        quantised = int8.quantise(spec, model, recipe)
        ratios.append(judge(spec, references, int8.run(quantised, pictures), Limits({})).figures["psnr_mean"])
    takers = {
        taker.get_node().get_type_name()
        for node in quantised.get_ops()
        if node.get_type_name() == "FakeQuantize"
        for taker in node.output(0).get_target_inputs()
    }
    assert takers == {"Convolution"}
    assert ratios[1] > ratios[0] + 3


def test_a_tool_that_fails_is_a_typed_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graph: onnx.ModelProto
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr("export.precision.int8.nncf.quantize", broken)
    with pytest.raises(ExportError, match=r"realesrgan_x4 could not be quantised \(RuntimeError\).*fp32"):
        write_forms(SPEC, graph, "int8", tmp_path)
