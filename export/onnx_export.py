"""From a PyTorch graph to an ONNX file whose tensors are exactly those that were declared."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from export.models import OPSET, ModelSpec
from export.tensors import ONNX_TYPES, TensorSpec
from limner.errors import ExportError


def to_onnx(spec: ModelSpec, graph: nn.Module, example: tuple[Tensor, ...]) -> onnx.ModelProto:
    """Trace ``graph`` on ``example`` and give it the names and dynamic axes that ``spec`` declares.

    Args:
        spec: declares the tensors.
        graph: takes the inputs, gives the outputs, both in order; constants are folded.
        example: one tensor for each input; no dynamic axis may have length 0 or 1 in it, or it would be taken for a
            constant.

    Raises:
        ExportError: where the graph cannot be traced or its tensors are not those declared.
    """
    dynamic = tuple(dict.fromkeys(given.dynamic_axes, torch.export.Dim.DYNAMIC) for given in spec.inputs)
    try:
        with _quiet():
            program = torch.onnx.export(
                graph,
                example,
                dynamo=True,
                dynamic_shapes=dynamic,
                input_names=[given.name for given in spec.inputs],
                output_names=[output.name for output in spec.outputs],
                opset_version=OPSET,
                optimize=True,
                verbose=False,
            )
        if program is None:
            raise ExportError(f"{spec.name} could not be exported to ONNX: the exporter returned nothing.")
        model = program.model_proto
    except ExportError:
        raise
    except Exception as error:  # the exporter raises many kinds
        raise ExportError(
            f"{spec.name} could not be exported to ONNX ({type(error).__name__}). "
            "Check that the pinned versions of torch, onnx and onnxscript are installed: limner doctor."
        ) from error
    _declare(model.graph.input, spec.inputs, spec.name)
    _declare(model.graph.output, spec.outputs, spec.name)
    _strip(model)
    onnx.checker.check_model(model)
    return model


def _declare(values: Any, specs: Sequence[TensorSpec], model: str) -> None:
    """Check the graph's tensors against ``specs`` and write the declared axis names in place of the tracer's."""
    if [value.name for value in values] != [spec.name for spec in specs]:
        found = ", ".join(value.name for value in values)
        raise ExportError(f"{model} was exported with tensors {found} instead of {', '.join(s.name for s in specs)}.")
    for value, spec in zip(values, specs, strict=True):
        tensor = value.type.tensor_type
        sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
        fits = len(sizes) == len(spec.shape) and all(
            size == declared if isinstance(declared, int) else size is None
            for size, declared in zip(sizes, spec.shape, strict=True)
        )
        if tensor.elem_type != ONNX_TYPES[spec.dtype] or not fits:
            raise ExportError(
                f"{spec.name} of {model} was exported as type {tensor.elem_type} {sizes}, "
                f"but {spec.dtype} {list(spec.shape)} is declared."
            )
        for dim, declared in zip(tensor.shape.dim, spec.shape, strict=True):
            if isinstance(declared, str):
                dim.dim_param = declared


def _strip(model: onnx.ModelProto) -> None:
    """Remove what the exporter notes about the Python source: it is large, and holds paths of this machine."""
    graph = model.graph
    noted: tuple[Any, ...] = (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer)
    for item in noted:
        del item.metadata_props[:]
        item.doc_string = ""
    # Shapes of intermediate tensors name the tracer's symbols; runtimes infer them anew.
    del graph.value_info[:]
    model.producer_name = "limner"
    model.producer_version = ""
    graph.name = "main"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's own progress, logs and deprecation notes from the user; failures still raise."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
