"""Every config.pbtxt is what Triton expects and what the code and the exports declare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from export.models import MODELS
from limner.settings import PROJECT_ROOT

REPOSITORY = PROJECT_ROOT / "model_repository"
CONFIGS = sorted(REPOSITORY.glob("*/**/*.pbtxt"))
NETWORKS = sorted(path.parent.name for path in REPOSITORY.glob("*/configs"))


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


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_have_the_cpu_profile_and_the_tensors_of_their_export(name: str) -> None:
    spec = next(spec for spec in MODELS if spec.name == name)
    kinds = {"UINT8": model_config_pb2.TYPE_UINT8, "FP32": model_config_pb2.TYPE_FP32}
    profiles = {path.stem for path in (REPOSITORY / name / "configs").glob("*.pbtxt")}
    assert "cpu" in profiles
    for path in (REPOSITORY / name).glob("**/*.pbtxt"):
        config = read(path)
        for declared, exported in ((config.input, spec.inputs), (config.output, spec.outputs)):
            assert [tensor.name for tensor in declared] == [tensor.name for tensor in exported]
            for tensor, export in zip(declared, exported, strict=True):
                assert tensor.data_type == kinds[export.dtype]
                shape = export.shape[1:] if config.max_batch_size else export.shape
                assert len(tensor.dims) == len(shape)
                for dim, size in zip(tensor.dims, shape, strict=True):
                    assert dim == size if isinstance(size, int) else True


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
