"""Configuration keys: what each becomes, and how a wrong one is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.model_config import ModelConfig, read_model_config
from backends.onnxruntime import keys as onnxruntime_keys
from backends.onnxruntime.providers import choose_providers
from backends.openvino import keys as openvino_keys
from limner.cpu import usable_cores
from limner.errors import ServingError
from tests.backends.networks import BARE_CONFIG

CORES = usable_cores()
ALL_PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider")


def openvino(parameters: dict[str, str], instances: int = 1) -> openvino_keys.OpenVinoKeys:
    return openvino_keys.read_keys(replace(BARE_CONFIG, parameters=parameters, instances=instances))


def onnxruntime(parameters: dict[str, str], level: int = 0) -> onnxruntime_keys.SessionKeys:
    return onnxruntime_keys.read_keys(
        replace(BARE_CONFIG, parameters=parameters, optimization={"graph": {"level": level}})
    )


def accelerator(side: str, name: str, **parameters: str) -> dict[str, Any]:
    entry = {"name": name, "parameters": parameters}
    return {"execution_accelerators": {f"{side}_execution_accelerator": [entry]}}


def gpu(optimization: dict[str, Any], **parameters: str) -> ModelConfig:
    return replace(BARE_CONFIG, optimization=optimization, parameters=parameters, kind="GPU", device_id=1)


@pytest.mark.parametrize(("amx", "precision"), [(False, "f32"), (True, "bf16")])
def test_openvino_defaults(monkeypatch: pytest.MonkeyPatch, amx: bool, precision: str) -> None:
    monkeypatch.setattr(openvino_keys, "_has_amx", lambda: amx)
    assert openvino({}).properties == {
        "INFERENCE_NUM_THREADS": CORES,
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,
        "CPU_RUNTIME_CACHE_CAPACITY": 256,
    }


def test_openvino_keys_become_properties() -> None:
    keys = openvino(
        {
            "INFERENCE_NUM_THREADS": "8",
            "COMPILATION_NUM_THREADS": "2",
            "NUM_STREAMS": "4",
            "PERFORMANCE_HINT": "throughput",
            "HINT_BF16": "YES",
            "RESHAPE_IO_LAYERS": "yes",
            "ENABLE_BATCH_PADDING": "YES",
            "SKIP_OV_DYNAMIC_BATCHSIZE": "YES",
        }
    )
    assert keys.properties == {
        "INFERENCE_NUM_THREADS": 8,
        "NUM_STREAMS": 4,
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "bf16",
        "ENABLE_CPU_PINNING": False,
        "CPU_RUNTIME_CACHE_CAPACITY": 256,
    }
    assert keys.reshape
    assert keys.pad_batches
    assert keys.skip_dynamic_batch


def test_openvino_on_another_device_gets_only_what_is_asked_for() -> None:
    keys = openvino({"TARGET_DEVICE": "gpu", "COMPILATION_NUM_THREADS": "2"})
    assert (keys.device, keys.properties) == ("GPU", {"COMPILATION_NUM_THREADS": 2})


def test_openvino_instances_share_threads_and_streams() -> None:
    keys = openvino({"INFERENCE_NUM_THREADS": "12", "NUM_STREAMS": "2"}, instances=3)
    assert keys.properties["INFERENCE_NUM_THREADS"] == 4
    assert keys.properties["NUM_STREAMS"] == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"NUM_STREAM": "2"}, "model 'm': unknown key 'NUM_STREAM' in parameters; did you mean 'NUM_STREAMS'?"),
        ({"NUM_STREAMS": "few"}, "model 'm': key 'NUM_STREAMS' in parameters is 'few', expected AUTO, NUMA or"),
        ({"INFERENCE_NUM_THREADS": "-1"}, "key 'INFERENCE_NUM_THREADS' in parameters is '-1', expected a whole number"),
        ({"PERFORMANCE_HINT": "FAST"}, "key 'PERFORMANCE_HINT' in parameters is 'FAST', expected one of LATENCY"),
        ({"ENABLE_BATCH_PADDING": "maybe"}, "key 'ENABLE_BATCH_PADDING' in parameters is 'maybe', expected YES or NO"),
    ],
)
def test_openvino_wrong_keys_are_named(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(ServingError) as raised:
        openvino(parameters)
    assert message in raised.value.message


def test_openvino_refuses_gpu_instances() -> None:
    with pytest.raises(ServingError, match="runs KIND_CPU instances only, got KIND_GPU"):
        openvino_keys.read_keys(replace(BARE_CONFIG, kind="GPU"))


@pytest.mark.parametrize(
    ("level", "name"), [(-1, "BASIC"), (0, "ENABLE_ALL"), (1, "ENABLE_EXTENDED"), (2, "DISABLE_ALL")]
)
def test_onnxruntime_graph_level(level: int, name: str) -> None:
    assert onnxruntime({}, level).graph_level.endswith(name)


def test_onnxruntime_keys() -> None:
    keys = onnxruntime(
        {
            "intra_op_thread_count": "3",
            "inter_op_thread_count": "0",
            "execution_mode": "1",
            "enable_mem_arena": "0",
            "enable_mem_pattern": "1",
            "memory.enable_memory_arena_shrinkage": "cpu:0",
            "session.use_device_allocator_for_initializers": "1",
        }
    )
    assert (keys.intra_op_threads, keys.inter_op_threads, keys.parallel) == (3, CORES, True)
    assert (keys.memory_arena, keys.memory_pattern) == (False, True)
    assert keys.run_entries == {"memory.enable_memory_arena_shrinkage": "cpu:0"}
    assert keys.session_entries == {"session.use_device_allocator_for_initializers": "1"}


def test_tensorrt_keys_become_provider_options() -> None:
    optimization = accelerator(
        "gpu",
        "tensorrt",
        precision_mode="FP16",
        max_workspace_size_bytes="1073741824",
        trt_engine_cache_enable="true",
        trt_engine_cache_path="engines",
        trt_profile_min_shapes="x:1x8x8x3",
        trt_builder_optimization_level="3",
        trt_cuda_graph_enable="0",
    )
    chosen = choose_providers(gpu(optimization, gpu_mem_limit="1024", cudnn_conv_algo_search="1"), ALL_PROVIDERS)
    assert chosen == [
        (
            "TensorrtExecutionProvider",
            {
                "device_id": "1",
                "trt_fp16_enable": "1",
                "trt_max_workspace_size": "1073741824",
                "trt_engine_cache_enable": "1",
                "trt_engine_cache_path": "engines",
                "trt_profile_min_shapes": "x:1x8x8x3",
                "trt_builder_optimization_level": "3",
                "trt_cuda_graph_enable": "0",
            },
        ),
        ("CUDAExecutionProvider", {"device_id": "1", "gpu_mem_limit": "1024", "cudnn_conv_algo_search": "HEURISTIC"}),
        ("CPUExecutionProvider", {}),
    ]


def test_gpu_accelerators_do_not_apply_to_cpu_instances() -> None:
    config = replace(BARE_CONFIG, optimization=accelerator("gpu", "tensorrt", precision_mode="FP16"))
    assert choose_providers(config, ()) == [("CPUExecutionProvider", {})]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (gpu(accelerator("gpu", "tensorrt", precision="FP16")), "unknown key 'precision' in gpu_execution_accelerator"),
        (gpu(accelerator("gpu", "tensor-rt")), "model 'm': unknown gpu_execution_accelerator 'tensor-rt'"),
        (gpu({}), "model 'm' asks for CUDAExecutionProvider, which the installed onnxruntime lacks; the package that"),
        (gpu({}), "onnxruntime-gpu"),
        (replace(BARE_CONFIG, optimization=accelerator("cpu", "openvino")), "onnxruntime-openvino"),
    ],
)
def test_onnxruntime_wrong_accelerators_are_named(config: ModelConfig, message: str) -> None:
    with pytest.raises(ServingError) as raised:
        choose_providers(config, ("CPUExecutionProvider",))
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('"sequence_batching": {"direct": {}}', "does not support sequence_batching"),
        ('"input": [{"name": "x", "data_type": "TYPE_STRING", "dims": [1]}]', "input 'x' is TYPE_STRING"),
        ('"input": [{"name": "x", "optional": true}]', "does not support input 'x' optional"),
    ],
)
def test_what_is_not_supported_is_said(tmp_path: Path, config: str, message: str) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.onnx").touch()
    args = {
        "model_config": f'{{"name": "m", {config}}}',
        "model_repository": str(tmp_path),
        "model_version": "1",
        "model_instance_kind": "CPU",
        "model_instance_device_id": "0",
    }
    with pytest.raises(ServingError) as raised:
        read_model_config(args, "model.onnx")
    assert "model 'm'" in raised.value.message
    assert message in raised.value.message
