"""FP16: what overflows is found out on a CPU, what is sensitive stays in FP32, and the whole family passes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.architectures import ARCHITECTURES
from export.models import ModelSpec, model_spec
from export.precision import fp16
from export.precision.fp16 import RECIPES, run, write_fp16
from export.precision.half import emulated, in_half
from export.precision.samples import Inputs, evaluation_inputs
from export.precision.value_names import named_by_content
from tests.export.small_networks import small_graph, spec_of

SPEC = model_spec("realesrgan_x4")
SAMPLES: tuple[Inputs, ...] = (
    (np.random.default_rng(5).integers(0, 256, (1, 24, 16, 3), dtype=np.uint8),),
    (np.tile(np.arange(0, 255, 15, dtype=np.uint8)[None, None, :, None], (2, 12, 1, 3)),),
)


def chain(*steps: tuple[str, float]) -> onnx.ModelProto:
    """A graph TILE → UPSCALED, both UINT8 [N, H, W, 3], that does one thing after the other to every value."""
    nodes = [
        helper.make_node("Cast", ["TILE"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["values"], ["0"], perm=[0, 3, 1, 2]),
    ]
    constants = []
    for number, (operator, value) in enumerate(steps):
        inputs = [str(number)]
        if operator != "Sqrt":
            inputs.append(f"constant{number}")
            weights = np.float32(value) * (np.eye(3)[..., None, None] if operator == "Conv" else np.ones(()))
            constants.append(numpy_helper.from_array(weights.astype(np.float32), inputs[1]))
        nodes.append(helper.make_node(operator, inputs, [str(number + 1)]))
    nodes += [
        helper.make_node("Transpose", [str(len(steps))], ["turned"], perm=[0, 2, 3, 1]),
        helper.make_node("Round", ["turned"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["UPSCALED"], to=TensorProto.UINT8),
    ]
    tensors = [helper.make_tensor_value_info(name, TensorProto.UINT8, "NHW3") for name in ("TILE", "UPSCALED")]
    for tensor in tensors:
        tensor.type.tensor_type.shape.dim[3].dim_value = 3
    graph = helper.make_graph(nodes, "chain", tensors[:1], tensors[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fp16, "evaluation_inputs", lambda spec: SAMPLES)


def weight_types(model: onnx.ModelProto) -> set[int]:
    weights = {name for node in model.graph.node if node.op_type == "Conv" for name in node.input[1:]}
    return {tensor.data_type for tensor in model.graph.initializer if tensor.name in weights}


@pytest.mark.usefixtures("few_samples")
def test_a_sane_graph_becomes_fp16(tmp_path: Path) -> None:
    model = chain(("Conv", 0.01), ("Mul", 3.0), ("Conv", 33.3))
    before = model.SerializeToString()
    forms = write_fp16(SPEC, model, tmp_path)
    assert (forms.precision, forms.reason) == ("fp16", None)
    (entry,) = forms.quality
    assert entry["recipe"] == RECIPES[0].name
    assert entry["passed"]
    assert entry["pictures"] == len(SAMPLES)
    written = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(written, full_check=True)
    assert weight_types(written) == {TensorProto.FLOAT16}
    tensors = (*written.graph.input, *written.graph.output)
    assert {tensor.type.tensor_type.elem_type for tensor in tensors} == {TensorProto.UINT8}
    assert model.SerializeToString() == before


@pytest.mark.usefixtures("few_samples")
def test_an_overflow_is_caught_and_fp32_is_written(tmp_path: Path) -> None:
    """Two convolutions with 255,000 between them: ONNX Runtime on a CPU would never notice."""
    model = chain(("Conv", 1000.0), ("Conv", 0.001))
    forms = write_fp16(SPEC, model, tmp_path)
    assert forms.precision == "fp32"
    assert forms.reason is not None
    assert forms.reason.startswith("FP16 did not pass the quality gate: psnr_mean ")
    (entry,) = forms.quality
    assert entry["recipe"] == RECIPES[0].name, "without codes and norms all recipes are the same"
    assert not entry["passed"]
    assert onnx.load(tmp_path / "model.onnx") == model

    halved = in_half(model, RECIPES[0])
    assert np.array_equal(run(SPEC, halved, SAMPLES)[0][0], SAMPLES[0][0])
    assert not np.array_equal(run(SPEC, emulated(halved), SAMPLES)[0][0], SAMPLES[0][0])


def test_a_role_without_limits_stays_fp32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fp16, "LIMITS", {})
    model = chain(("Conv", 1.0))
    forms = write_fp16(SPEC, model, tmp_path)
    assert (forms.precision, forms.quality) == ("fp32", ())
    assert forms.reason == "There are no limits to judge FP16 of the role background by."
    assert onnx.load(tmp_path / "model.onnx") == model


@pytest.mark.usefixtures("few_samples")
def test_norms_are_kept_where_only_they_overflow(tmp_path: Path) -> None:
    model = chain(("Conv", 10.0), ("Pow", 2.0), ("Sqrt", 0.0), ("Conv", 0.1))
    forms = write_fp16(SPEC, model, tmp_path)
    assert forms.precision == "fp16"
    assert [entry["passed"] for entry in forms.quality] == [False, True]
    assert weight_types(onnx.load(tmp_path / "model.onnx")) == {TensorProto.FLOAT16}


def test_what_follows_the_last_convolution_stays_in_fp32() -> None:
    """Boxes in pixels would lose whole pixels above 2048."""
    model = chain(("Conv", 1.0), ("Add", 8192.0), ("Sub", 8192.0))
    for recipe in RECIPES:
        result = run(SPEC, emulated(in_half(model, recipe)), SAMPLES)
        assert all(np.array_equal(after[0], before[0]) for after, before in zip(result, SAMPLES, strict=True))
    squeezed = chain(("Conv", 1.0), ("Add", 8192.0), ("Sub", 8192.0), ("Conv", 1.0))
    assert not np.array_equal(run(SPEC, emulated(in_half(squeezed, RECIPES[0])), SAMPLES)[0][0], SAMPLES[0][0])


def test_what_chooses_a_code_is_kept_and_what_draws_is_halved() -> None:
    plain, choosing, careful = (weight_types(in_half(small_graph("restoreformer"), recipe)) for recipe in RECIPES)
    assert plain == {TensorProto.FLOAT16}
    assert choosing == careful == {TensorProto.FLOAT, TensorProto.FLOAT16}


def test_names_of_values_tell_weights_apart() -> None:
    """ONNX Runtime keeps TensorRT engines under them."""

    def inner(model: onnx.ModelProto) -> set[str]:
        return {name for node in named_by_content(model).graph.node for name in node.output} - {"UPSCALED"}

    one, again, other = (chain(("Conv", value), ("Mul", 2.0)) for value in (0.5, 0.5, 0.25))
    assert inner(one) == inner(again)
    assert inner(one).isdisjoint(inner(other))
    named = named_by_content(one)
    onnx.checker.check_model(named, full_check=True)
    assert np.array_equal(run(SPEC, named, SAMPLES)[0][0], run(SPEC, one, SAMPLES)[0][0])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_passes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_sample(spec: ModelSpec) -> tuple[Inputs, ...]:
        return evaluation_inputs(spec)[:1]

    monkeypatch.setattr(fp16, "evaluation_inputs", one_sample)
    forms = write_fp16(spec_of(name), small_graph(name), tmp_path)
    assert (forms.precision, forms.reason) == ("fp16", None)
