"""Native TensorRT plans: built by the GPU that they are for, from the graph that ONNX Runtime would be given."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from export.models import ModelSpec
from export.precision.forms import ONNX_FILE, PLAN_FILE
from export.tensorrt_profiles import InputProfile, profile
from limner.errors import ExportError
from limner.gpu import has_gpu

_WORKSPACE_BYTES = 4 << 30
"""As in ``configs/gpu.pbtxt``."""


def write_plan(spec: ModelSpec, folder: Path) -> None:
    """Write ``model.plan`` beside ``model.onnx``; it runs on GPUs like this one and with this TensorRT only.

    Writes nothing for a model that TensorRT does not run; its configuration takes the graph.

    Raises:
        ExportError: without a GPU or TensorRT, or where TensorRT refuses the graph.
        OSError: where the disk is full.
    """
    tensorrt, shapes = require_tensorrt(), profile(spec)
    if shapes is not None:
        graph = (folder / ONNX_FILE).read_bytes()
        (folder / PLAN_FILE).write_bytes(build_engine(tensorrt, spec.name, graph, shapes))


def require_tensorrt() -> Any:
    """The module ``tensorrt``, on a machine with a GPU.

    Raises:
        ExportError: what is missing, and how to get it.
    """
    if not has_gpu():
        raise ExportError(
            "A TensorRT plan is built on the machine with the GPU that it is for, and there is no NVIDIA driver here. "
            "Export there, or serve with LIMNER_PROFILE=gpu, which builds engines when Triton starts."
        )
    try:
        return import_module("tensorrt")
    except ImportError:
        raise ExportError(
            "TensorRT is not installed. Install the version that your Triton container carries "
            "(docs/gpu.md): pip install tensorrt-cu12==<version>."
        ) from None


def build_engine(
    tensorrt: Any, name: str, graph: bytes, shapes: Sequence[InputProfile], targets: Sequence[str] = ()
) -> bytes:
    """An engine for a graph. Its types are obeyed: what is FP32 in it stays so.

    Args:
        tensorrt: the module ``tensorrt``, or ``tensorrt_rtx``, which can build for GPUs that are not there.
        name: of the model, for errors.
        graph: an ONNX file.
        shapes: of every input.
        targets: names of ``tensorrt_rtx.ComputeCapability`` to build for; none: the GPU of this machine.

    Raises:
        ExportError: where the graph cannot be read or built.
    """
    logger = tensorrt.Logger(tensorrt.Logger.ERROR)
    builder = tensorrt.Builder(logger)
    if builder is None:
        raise ExportError("TensorRT cannot use this machine's GPU; its driver may be too old: nvidia-smi tells.")
    network = builder.create_network(_strongly_typed(tensorrt))
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse(graph):
        reason = parser.get_error(0).desc() if parser.num_errors else "no reason given"
        raise ExportError(f"TensorRT {tensorrt.__version__} cannot read the graph of {name}: {reason}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
    optimisation = builder.create_optimization_profile()
    for shape in shapes:
        optimisation.set_shape(shape.name, shape.smallest, shape.commonest, shape.largest)
    config.add_optimization_profile(optimisation)
    if targets:
        config.num_compute_capabilities = len(targets)
        for number, target in enumerate(targets):
            config.set_compute_capability(getattr(tensorrt.ComputeCapability, target), number)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ExportError(f"TensorRT {tensorrt.__version__} cannot build {name} on this machine; is memory free?")
    return bytes(engine)


def _strongly_typed(tensorrt: Any) -> int:
    """The flag of TensorRT 10; from 11 on there is no other kind of network."""
    flag = getattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)
