"""The configuration keys of the native ONNX Runtime backend that shape a session."""

from __future__ import annotations

from dataclasses import dataclass

from backends.model_config import ModelConfig
from backends.parameters import PYTHON_BACKEND_KEYS, Parameters
from limner.cpu import usable_cores

ARENA_SHRINKAGE = "memory.enable_memory_arena_shrinkage"
DEVICE_ALLOCATOR = "session.use_device_allocator_for_initializers"
CUDA_KEYS = ("arena_extend_strategy", "cudnn_conv_algo_search", "do_copy_in_default_stream", "gpu_mem_limit")
_KNOWN = (
    "enable_mem_arena",
    "enable_mem_pattern",
    "execution_mode",
    "inter_op_thread_count",
    "intra_op_thread_count",
    ARENA_SHRINKAGE,
    DEVICE_ALLOCATOR,
    *CUDA_KEYS,
    *PYTHON_BACKEND_KEYS,
)

# Triton's optimization.graph.level; 0 and absent mean all optimisations.
_GRAPH_LEVELS = {-1: "ORT_ENABLE_BASIC", 1: "ORT_ENABLE_EXTENDED", 2: "ORT_DISABLE_ALL"}


@dataclass(frozen=True)
class SessionKeys:
    """``graph_level`` is a name of ``onnxruntime.GraphOptimizationLevel``; None leaves ONNX Runtime's default."""

    graph_level: str
    parallel: bool
    intra_op_threads: int
    inter_op_threads: int
    memory_arena: bool | None
    memory_pattern: bool | None
    session_entries: dict[str, str]
    run_entries: dict[str, str]


def read_keys(config: ModelConfig) -> SessionKeys:
    """Raises ``ServingError`` naming model and key for an unknown key or a wrong value."""
    parameters = Parameters(config.name, "parameters", config.parameters)
    parameters.refuse_unknown(_KNOWN)
    level = int(config.optimization.get("graph", {}).get("level", 0))
    return SessionKeys(
        graph_level=_GRAPH_LEVELS.get(level, "ORT_ENABLE_ALL"),
        parallel=parameters.choice("execution_mode", ("0", "1")) == "1",
        # Each session has its own pool, natively too: several instances do not divide the cores.
        intra_op_threads=parameters.count("intra_op_thread_count") or usable_cores(),
        inter_op_threads=parameters.count("inter_op_thread_count") or usable_cores(),
        memory_arena=parameters.flag("enable_mem_arena"),
        memory_pattern=parameters.flag("enable_mem_pattern"),
        session_entries=_entries(parameters, DEVICE_ALLOCATOR),
        run_entries=_entries(parameters, ARENA_SHRINKAGE),
    )


def _entries(parameters: Parameters, key: str) -> dict[str, str]:
    value = parameters.text(key)
    return {} if value is None else {key: value}
