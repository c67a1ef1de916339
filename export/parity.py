"""Whether an exported graph computes what its PyTorch source does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.models import ModelSpec
from limner.errors import ExportError

TOLERANCE = 1e-3
"""Largest error allowed, as a fraction of the range of the reference's values."""

SETTLING = frozenset({"ArgMax", "Cast", "Round", "TopK"})
"""What stands between the exact values and an output: rounding, and sorting or picking, where near ties may swap.

A Gather by what TopK gave is a part of sorting too.
"""


class ExactGraph(Protocol):
    def exact(self, *inputs: Any, **named: Any) -> tuple[Tensor, ...]:
        """One tensor for each output, before rounding, sorting and picking."""


@dataclass(frozen=True)
class Parity:
    """Largest error of one output, before rounding, over all examples; ``relative`` to the reference's range."""

    output: str
    max_error: float
    relative: float

    def describe(self) -> dict[str, object]:
        """Its entry in a manifest."""
        return {"output": self.output, "max_error": self.max_error, "relative": self.relative}


def check_parity(
    spec: ModelSpec, model: onnx.ModelProto, graph: ExactGraph, examples: Sequence[tuple[Tensor, ...]]
) -> tuple[Parity, ...]:
    """Run ``model`` in ONNX Runtime and ``graph`` in PyTorch on the same inputs.

    Raises:
        ExportError: where an output differs by more than ``TOLERANCE`` of its range, or in shape.
    """
    probes = [_probe(model, output.name) for output in spec.outputs]
    names = [output.name for output in spec.outputs]
    session = _session(model, probes)
    worst = [Parity(output.name, 0.0, 0.0) for output in spec.outputs]
    for example in examples:
        with torch.inference_mode():
            references = [reference.numpy() for reference in graph.exact(*example)]
        # Both comparisons below are written so that NaN counts as the largest error.
        feed = {given.name: value.numpy() for given, value in zip(spec.inputs, example, strict=True)}
        results = session.run([*names, *probes], feed)
        _check_shapes(spec, example, results[: len(names)])
        for index, (reference, result) in enumerate(zip(references, results[len(names) :], strict=True)):
            found = _compare(spec, index, reference, result)
            if not found.relative <= worst[index].relative:
                worst[index] = found
    for parity in worst:
        if not parity.relative <= TOLERANCE:
            raise ExportError(
                f"{parity.output} of {spec.name} differs from PyTorch by {parity.relative:.2g} of its range, "
                f"more than {TOLERANCE:g}. Nothing was replaced; check that the pinned versions are installed."
            )
    return tuple(worst)


def _check_shapes(spec: ModelSpec, example: tuple[Tensor, ...], results: Sequence[NDArray[Any]]) -> None:
    sizes: dict[str, int] = {}
    for given, value in zip(spec.inputs, example, strict=True):
        given.fits(value.shape, sizes)
    for output, result in zip(spec.outputs, results, strict=True):
        if not output.fits(result.shape, sizes):
            raise ExportError(
                f"{output.name} of {spec.name} has shape {list(result.shape)} for an input {list(example[0].shape)}, "
                f"but {list(output.shape)} is declared. The weights may be those of another scale."
            )


def _compare(spec: ModelSpec, index: int, reference: NDArray[Any], result: NDArray[Any]) -> Parity:
    name = spec.outputs[index].name
    if reference.shape != result.shape:
        raise ExportError(f"{name} of {spec.name} has shape {result.shape}, in PyTorch {reference.shape}.")
    error = float(np.abs(reference.astype(np.float64) - result).max())
    return Parity(name, error, error / max(float(np.ptp(reference)), 1e-12))


def _probe(model: onnx.ModelProto, output: str) -> str:
    """The tensor from which ``output`` comes by rounding or sorting alone."""
    producers = {name: node for node in model.graph.node for name in node.output}
    name = output
    while (node := producers.get(name)) is not None and _settles(node, producers):
        name = node.input[0]
    return name


def _settles(node: onnx.NodeProto, producers: Mapping[str, onnx.NodeProto]) -> bool:
    if node.op_type == "Gather":
        index = producers.get(node.input[1])
        while index is not None and index.op_type == "Reshape":
            index = producers.get(index.input[0])
        return index is not None and index.op_type == "TopK"
    return node.op_type in SETTLING


def _session(model: onnx.ModelProto, probes: Sequence[str]) -> onnxruntime.InferenceSession:
    """A session of a copy of ``model`` that also gives the tensors called ``probes``."""
    widened = onnx.ModelProto()
    widened.CopyFrom(model)
    present = {value.name for value in widened.graph.output}
    for name in dict.fromkeys(probes):
        if name not in present:
            widened.graph.output.append(onnx.ValueInfoProto(name=name))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        widened.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
    )
