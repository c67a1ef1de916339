"""Every config.pbtxt is what Triton expects and what the code and the exports declare."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from backends.model_config import ModelConfig, read_model_config
from backends.onnxruntime import keys as onnxruntime_keys
from backends.onnxruntime.providers import choose_providers
from backends.openvino import keys as openvino_keys
from backends.winograd.keys import read_threads
from export.architectures import ARCHITECTURES
from export.models import MODELS, ModelSpec
from export.precision.forms import ONNX_FILE, OPENVINO_FILE, PLAN_FILE
from export.tensorrt_profiles import profile
from limner.rrdb import WEIGHTS_FILE
from limner.settings import PROJECT_ROOT
from serving.winograd import WINOGRAD_CONFIG

REPOSITORY = PROJECT_ROOT / "model_repository"
CONFIGS = sorted(REPOSITORY.glob("*/**/*.pbtxt"))
NETWORKS = sorted(path.parent.name for path in REPOSITORY.glob("*/configs"))
GPU_PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider")

AsTriton = Callable[[str, str], ModelConfig]


def read(path: Path) -> model_config_pb2.ModelConfig:
    return text_format.Parse(path.read_text("utf-8"), model_config_pb2.ModelConfig())


def named(tensors: object) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {tensor.name: (tensor.data_type, tuple(tensor.dims)) for tensor in tensors}  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_config_parses_names_its_folder_and_bounds_its_queue(path: Path) -> None:
    config = read(path)
    assert config.name == path.relative_to(REPOSITORY).parts[0]
    if config.platform == "ensemble":
        return
    policy = config.dynamic_batching.default_queue_policy
    assert 0 < policy.max_queue_size <= 256
    assert policy.timeout_action == model_config_pb2.ModelQueuePolicy.REJECT
    assert policy.default_timeout_microseconds > 0
    assert config.instance_group, "without a count ONNX Runtime would start two instances"


@pytest.fixture
def as_triton(tmp_path: Path) -> AsTriton:
    """Reads a network's profile as Triton hands it to a Python-based backend."""

    def parse(name: str, chosen: str) -> ModelConfig:
        config = read(REPOSITORY / name / "configs" / f"{chosen}.pbtxt")
        version = tmp_path / name / "1"
        version.mkdir(parents=True, exist_ok=True)
        for file in (ONNX_FILE, OPENVINO_FILE, PLAN_FILE, WEIGHTS_FILE):
            (version / file).touch()
        (group,) = config.instance_group
        args = {
            "model_config": json_format.MessageToJson(config, preserving_proto_field_name=True),
            "model_repository": str(version.parent),
            "model_version": "1",
            "model_instance_kind": model_config_pb2.ModelInstanceGroup.Kind.Name(group.kind).removeprefix("KIND_"),
            "model_instance_device_id": "0",
        }
        return read_model_config(args, ONNX_FILE)

    return parse


def test_every_network_is_there_in_every_profile() -> None:
    assert sorted(spec.name for spec in MODELS) == NETWORKS
    for name in NETWORKS:
        there = {path.stem for path in (REPOSITORY / name / "configs").iterdir()}
        assert there - {WINOGRAD_CONFIG} == {"cpu", "gpu", "tensorrt"}


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_networks_have_the_tensors_of_their_export(spec: ModelSpec) -> None:
    kinds = {"UINT8": model_config_pb2.TYPE_UINT8, "FP32": model_config_pb2.TYPE_FP32}
    for path in (REPOSITORY / spec.name).glob("**/*.pbtxt"):
        config = read(path)
        for declared, exported in ((config.input, spec.inputs), (config.output, spec.outputs)):
            assert [tensor.name for tensor in declared] == [tensor.name for tensor in exported]
            for tensor, export in zip(declared, exported, strict=True):
                assert tensor.data_type == kinds[export.dtype]
                shape = export.shape[1:] if config.max_batch_size else export.shape
                assert list(tensor.dims) == [size if isinstance(size, int) else -1 for size in shape]
        assert bool(config.max_batch_size) == (spec.inputs[0].shape[0] == "N")
        preferred = config.dynamic_batching.preferred_batch_size
        assert max(preferred, default=0) in (0, config.max_batch_size)


@pytest.mark.parametrize("name", NETWORKS)
def test_backends_know_every_key_of_the_cpu_profile(name: str, as_triton: AsTriton) -> None:
    config = as_triton(name, "cpu")
    assert config.file.name == OPENVINO_FILE
    keys = openvino_keys.read_keys(config)
    # What has one shape per item is compiled for it; what has not stays free.
    assert keys.skip_dynamic_batch == (config.max_batch_size > 0 and -1 not in config.inputs[0].dims)


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_backends_know_every_key_of_the_gpu_profile(spec: ModelSpec, as_triton: AsTriton) -> None:
    config = as_triton(spec.name, "gpu")
    onnxruntime_keys.read_keys(config)
    providers = dict(choose_providers(config, GPU_PROVIDERS))
    shapes = profile(spec)
    if shapes is None:
        assert list(providers) == ["CUDAExecutionProvider", "CPUExecutionProvider"]
        assert providers["CUDAExecutionProvider"]["cudnn_conv_algo_search"] == "HEURISTIC"
        return
    assert list(providers) == [*GPU_PROVIDERS, "CPUExecutionProvider"]
    options = providers["TensorrtExecutionProvider"]
    assert not {key for key in options if key.endswith(("fp16_enable", "bf16_enable", "int8_enable"))}
    assert options["trt_engine_cache_path"].endswith(f"/{spec.name}"), "networks alike share the names of their engines"
    for word, attribute in (("min", "smallest"), ("opt", "commonest"), ("max", "largest")):
        wanted = (f"{shape.name}:{'x'.join(map(str, getattr(shape, attribute)))}" for shape in shapes)
        assert options[f"trt_profile_{word}_shapes"] == ",".join(wanted)


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_profile_shapes_are_shapes_of_the_inputs(spec: ModelSpec) -> None:
    shapes = profile(spec)
    if shapes is None:
        assert spec.role == "detector"
        return
    config = read(REPOSITORY / spec.name / "configs" / "gpu.pbtxt")
    for attribute in ("smallest", "commonest", "largest"):
        sizes: dict[str, int] = {}
        for given, shape in zip(spec.inputs, shapes, strict=True):
            assert given.name == shape.name
            assert given.fits(getattr(shape, attribute), sizes)
        assert sizes["N"] <= config.max_batch_size
        assert all(side % 8 == 0 for word, side in sizes.items() if word != "N")
    assert sizes["N"] == config.max_batch_size


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.name)
def test_the_tensorrt_profile_is_the_gpu_profile_with_plans(spec: ModelSpec) -> None:
    plans, graphs = (read(REPOSITORY / spec.name / "configs" / f"{chosen}.pbtxt") for chosen in ("tensorrt", "gpu"))
    if profile(spec) is not None:
        assert (plans.platform, plans.backend, plans.default_model_filename) == ("tensorrt_plan", "", PLAN_FILE)
        plans.ClearField("platform")
        plans.ClearField("default_model_filename")
        plans.backend = graphs.backend
        graphs.ClearField("optimization")
    assert plans == graphs


def test_limners_own_kernel_is_configured_where_exports_are_made_for_it(as_triton: AsTriton) -> None:
    """As OpenVINO is, but for what belongs to either: the gateway and the pipeline see no difference."""
    for spec in MODELS:
        folder = REPOSITORY / spec.name / "configs"
        made = any(ARCHITECTURES[weight.architecture].winograd for weight in spec.files)
        assert (folder / f"{WINOGRAD_CONFIG}.pbtxt").is_file() == made
        if not made:
            continue
        ours, theirs = (read(folder / f"{chosen}.pbtxt") for chosen in (WINOGRAD_CONFIG, "cpu"))
        assert ours.backend == "winograd"
        assert as_triton(spec.name, WINOGRAD_CONFIG).file.name == WEIGHTS_FILE
        read_threads(as_triton(spec.name, WINOGRAD_CONFIG))
        assert ours.max_batch_size == 2  # side by side; with more, the first would wait for the last
        for config in (ours, theirs):
            for field in ("backend", "default_model_filename", "parameters", "max_batch_size"):
                config.ClearField(field)
        assert ours == theirs


@pytest.mark.parametrize("chosen", ["config", "cpu", "gpu", "tensorrt"])
def test_networks_of_a_role_are_configured_alike(chosen: str) -> None:
    seen: dict[str, model_config_pb2.ModelConfig] = {}
    for spec in MODELS:
        folder = REPOSITORY / spec.name
        config = read(folder / "config.pbtxt" if chosen == "config" else folder / "configs" / f"{chosen}.pbtxt")
        for field in ("name", "input", "output"):
            config.ClearField(field)
        for accelerator in config.optimization.execution_accelerators.gpu_execution_accelerator:
            for key in ("trt_engine_cache_path", *(f"trt_profile_{word}_shapes" for word in ("min", "opt", "max"))):
                del accelerator.parameters[key]
        assert seen.setdefault(spec.role, config) == config, spec.name


def test_steps_fit_together() -> None:
    """Each tensor of the ensemble has one maker, and its takers declare the same type and shape."""
    ensemble = read(REPOSITORY / "enhance_photo/config.pbtxt")
    made = {tensor.name: (tensor.data_type, tuple(tensor.dims)) for tensor in ensemble.input}
    for step in ensemble.ensemble_scheduling.step:
        outputs = named(read(REPOSITORY / step.model_name / "config.pbtxt").output)
        assert set(step.output_map) == set(outputs)
        for theirs, ours in step.output_map.items():
            assert ours not in made, f"{ours} would be made twice; Triton takes that for new input"
            made[ours] = outputs[theirs]
    for step in ensemble.ensemble_scheduling.step:
        inputs = named(read(REPOSITORY / step.model_name / "config.pbtxt").input)
        assert set(step.input_map) == set(inputs)
        for theirs, ours in step.input_map.items():
            assert made[ours] == inputs[theirs]
    assert all(made[tensor.name] == (tensor.data_type, tuple(tensor.dims)) for tensor in ensemble.output)


def test_python_models_read_only_parameters_that_are_configured() -> None:
    for model in REPOSITORY.glob("*/1/model.py"):
        used = set(re.findall(r'self\.parameters\["(\w+)"\]', model.read_text("utf-8")))
        assert used == set(read(model.parents[1] / "config.pbtxt").parameters)
