"""The ``parameters`` of the native OpenVINO backend, as properties of OpenVINO's own."""

from __future__ import annotations

from dataclasses import dataclass

from backends.model_config import ModelConfig
from backends.parameters import PYTHON_BACKEND_KEYS, Parameters
from backends.threads import share
from limner.cpu import cpu_flags, usable_cores
from limner.errors import ServingError

_PRECISIONS = {"F32": "f32", "BF16": "bf16", "F16": "f16"}
_CACHED_PRIMITIVES = 256
"""What was prepared for a shape is kept, and OpenVINO's own limit of 5000 is never met: each new size of photo would
cost 3 MB for good. With this, sizes by turns are as fast as without a limit; with 16 they are a tenth slower."""

_KNOWN = (
    "COMPILATION_NUM_THREADS",
    "CPU_EXTENSION_PATH",
    "ENABLE_BATCH_PADDING",
    "HINT_BF16",
    "INFERENCE_NUM_THREADS",
    "INFERENCE_PRECISION_HINT",
    "NUM_STREAMS",
    "PERFORMANCE_HINT",
    "RESHAPE_IO_LAYERS",
    "SKIP_OV_DYNAMIC_BATCHSIZE",
    "TARGET_DEVICE",
    *PYTHON_BACKEND_KEYS,
)


@dataclass(frozen=True)
class OpenVinoKeys:
    """``properties`` go to ``compile_model``; the rest steers how the model file is read and batched."""

    device: str
    extension: str | None
    properties: dict[str, str | int | bool]
    reshape: bool
    pad_batches: bool
    skip_dynamic_batch: bool


def read_keys(config: ModelConfig) -> OpenVinoKeys:
    """Raises ``ServingError`` naming model and key for an unknown key, a wrong value or a GPU instance."""
    if config.kind != "CPU":
        raise ServingError(
            f"model '{config.name}': the openvino backend runs KIND_CPU instances only, got KIND_{config.kind}; "
            "say instance_group [ { kind: KIND_CPU } ]"
        )
    parameters = Parameters(config.name, "parameters", config.parameters)
    parameters.refuse_unknown(_KNOWN)
    device = (parameters.text("TARGET_DEVICE") or "CPU").upper()
    return OpenVinoKeys(
        device=device,
        extension=parameters.text("CPU_EXTENSION_PATH"),
        properties=_properties(parameters, config.instances, device),
        reshape=bool(parameters.flag("RESHAPE_IO_LAYERS")),
        pad_batches=bool(parameters.flag("ENABLE_BATCH_PADDING")),
        skip_dynamic_batch=bool(parameters.flag("SKIP_OV_DYNAMIC_BATCHSIZE")),
    )


def _properties(parameters: Parameters, instances: int, device: str) -> dict[str, str | int | bool]:
    properties: dict[str, str | int | bool] = {}
    hint = parameters.choice("PERFORMANCE_HINT", ("LATENCY", "THROUGHPUT", "CUMULATIVE_THROUGHPUT"))
    if hint:
        properties["PERFORMANCE_HINT"] = hint
    streams = _streams(parameters, instances)
    if streams:
        properties["NUM_STREAMS"] = streams
    compilation = parameters.count("COMPILATION_NUM_THREADS")
    threads = parameters.count("INFERENCE_NUM_THREADS")
    precision = _precision(parameters)
    if device == "CPU":
        # Natively the instances share one pool; here each is a process, and gets its part of it.
        properties["INFERENCE_NUM_THREADS"] = share(threads or usable_cores(), instances)
        properties["INFERENCE_PRECISION_HINT"] = precision or ("bf16" if _has_amx() else "f32")
        # Each process would pin its threads from core 0 on: two instances then share cores while others idle.
        properties["ENABLE_CPU_PINNING"] = False
        properties["CPU_RUNTIME_CACHE_CAPACITY"] = _CACHED_PRIMITIVES
        return properties  # without COMPILATION_NUM_THREADS, which OpenVINO's CPU plugin does not know
    if compilation:
        properties["COMPILATION_NUM_THREADS"] = compilation
    if precision:
        properties["INFERENCE_PRECISION_HINT"] = precision
    return properties


def _streams(parameters: Parameters, instances: int) -> str | int | None:
    value = parameters.text("NUM_STREAMS")
    if value is None or value.upper() in ("AUTO", "NUMA"):
        return value and value.upper()
    if not value.isdecimal():
        raise parameters.wrong("NUM_STREAMS", "AUTO, NUMA or a whole number")
    return share(int(value), instances)


def _precision(parameters: Parameters) -> str | None:
    bf16 = parameters.flag("HINT_BF16")
    if bf16 is False:
        raise parameters.wrong("HINT_BF16", "YES")
    chosen = parameters.choice("INFERENCE_PRECISION_HINT", tuple(_PRECISIONS))
    if chosen:
        return _PRECISIONS[chosen]
    return "bf16" if bf16 else None


def _has_amx() -> bool:
    """Without AMX, bf16 runs at half the speed of f32, and OpenVINO would still choose it where avx512_bf16 exists."""
    return "amx_bf16" in cpu_flags()
