"""From weights to the FP32 graph that everything else is made of, proved equal to its source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import onnx

from export.architectures import ARCHITECTURES, architecture, published_graph
from export.models import ModelSpec
from export.onnx_export import to_onnx
from export.parity import ExactGraph, Parity, check_parity
from export.sources import Source
from limner.errors import CheckpointMismatch

_EXAMPLES_SEED = 1


@dataclass(frozen=True)
class FloatGraph:
    """``model`` takes and gives the declared tensors; ``source`` names the network that it turned out to be."""

    model: onnx.ModelProto
    parity: tuple[Parity, ...]
    source: Source


def float_graph(spec: ModelSpec, source: Source) -> FloatGraph:
    """Build, trace and check.

    Raises:
        WeightsError: where the weights cannot be read or belong to another network.
        ExportError: where the graph cannot be exported or differs from its source.
    """
    if source.kind != "given":
        return _graph_of(spec, source)
    # Somebody's own file does not say which of the model's networks it is for: the first that it fits.
    files = {weight.architecture: weight.file for weight in reversed(spec.files)}
    files[source.architecture] = source.file
    mismatch: CheckpointMismatch | None = None
    for file in dict.fromkeys((source.file, *files.values())):
        try:
            return _graph_of(spec, replace(source, file=file))
        except CheckpointMismatch as error:
            mismatch = mismatch or error
    raise mismatch or CheckpointMismatch(f"{source.label} fits no network of {spec.name}.")


def _graph_of(spec: ModelSpec, source: Source) -> FloatGraph:
    if ARCHITECTURES[source.architecture].published_onnx:
        module = published_graph(source.architecture)
        published = source.load_onnx()
        model = module.served_model(published, source.label)
        reference: object = module.reference(published)
        examples = module.examples(_EXAMPLES_SEED)
    else:
        network = architecture(source.architecture)
        reference = network.served(network.build(source.load(), source.label)).eval()
        examples = network.examples(_EXAMPLES_SEED)
        model = to_onnx(spec, reference, examples[0])
    return FloatGraph(model, check_parity(spec, model, cast("ExactGraph", reference), examples), source)
