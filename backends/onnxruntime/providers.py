"""Which execution providers a model's instance group and accelerators ask for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from backends.model_config import ModelConfig
from backends.onnxruntime.keys import CUDA_KEYS
from backends.onnxruntime.tensorrt import tensorrt_options
from backends.parameters import Parameters
from limner.errors import ServingError

Provider = tuple[str, dict[str, str]]

_TENSORRT, _CUDA, _OPENVINO = "TensorrtExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider"
_BROUGHT_BY = {
    _TENSORRT: "onnxruntime-gpu, with the TensorRT libraries of tensorrt-cu12",
    _CUDA: "onnxruntime-gpu",
    _OPENVINO: "onnxruntime-openvino",
}
_CUDNN_SEARCH = ("EXHAUSTIVE", "HEURISTIC", "DEFAULT")
_ARENA_STRATEGIES = ("kNextPowerOfTwo", "kSameAsRequested")


def choose_providers(config: ModelConfig, available: Collection[str]) -> list[Provider]:
    """Providers in order of preference; the CPU's comes last, always.

    GPU accelerators apply to KIND_GPU instances and are checked, but not used, on the others. Raises ``ServingError``
    for an unknown accelerator or key, and for a provider that is not ``available``, with the package that brings it.
    """
    accelerators = config.optimization.get("execution_accelerators", {})
    cuda: dict[str, str] = {"device_id": str(config.device_id)}
    wanted: list[Provider] = []
    for entry in accelerators.get("gpu_execution_accelerator", []):
        parameters = _parameters(config, "gpu", entry)
        if entry["name"] == "tensorrt":
            wanted.append((_TENSORRT, tensorrt_options(parameters, config.device_id)))
        elif entry["name"] == "cuda":
            cuda |= parameters.values
        else:
            raise _unknown(config, "gpu", entry["name"], "tensorrt, cuda")
    cuda |= _deprecated_cuda_options(config)
    wanted = [*wanted, (_CUDA, cuda)] if config.kind == "GPU" else []
    for entry in accelerators.get("cpu_execution_accelerator", []):
        if entry["name"] != "openvino":
            raise _unknown(config, "cpu", entry["name"], "openvino")
        wanted.append((_OPENVINO, {"device_type": "CPU"}))  # its parameters are ignored, natively too
    for name, _ in wanted:
        if name not in available:
            raise ServingError(
                f"model '{config.name}' asks for {name}, which the installed onnxruntime lacks; "
                f"the package that brings it is {_BROUGHT_BY[name]} (available: {', '.join(available)})"
            )
    return [*wanted, ("CPUExecutionProvider", {})]


def _parameters(config: ModelConfig, side: str, entry: Mapping[str, Any]) -> Parameters:
    return Parameters(config.name, f"{side}_execution_accelerator '{entry['name']}'", entry.get("parameters", {}))


def _unknown(config: ModelConfig, side: str, name: str, known: str) -> ServingError:
    return ServingError(f"model '{config.name}': unknown {side}_execution_accelerator '{name}'; known: {known}")


def _deprecated_cuda_options(config: ModelConfig) -> dict[str, str]:
    """CUDA options given as model parameters, some by number: the form before accelerator ``cuda`` existed."""
    parameters = Parameters(
        config.name, "parameters", {key: value for key, value in config.parameters.items() if key in CUDA_KEYS}
    )
    options: dict[str, str] = {}
    for key, names in (("cudnn_conv_algo_search", _CUDNN_SEARCH), ("arena_extend_strategy", _ARENA_STRATEGIES)):
        number = parameters.choice(key, tuple(str(index) for index in range(len(names))))
        if number is not None:
            options[key] = names[int(number)]
    limit = parameters.count("gpu_mem_limit")
    if limit is not None:
        options["gpu_mem_limit"] = str(limit)
    same_stream = parameters.flag("do_copy_in_default_stream")
    if same_stream is not None:
        options["do_copy_in_default_stream"] = "1" if same_stream else "0"
    return options
