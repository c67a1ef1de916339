"""Reads networks that are published as ONNX files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import onnx

from limner.errors import CheckpointMismatch

LARGEST: Final = 1 << 30
"""In bytes. No network that Limner knows comes near; a protobuf file cannot hold more than twice that."""


def read_published(path: Path) -> onnx.ModelProto:
    """The model in ``path``, checked to be well-formed and whole: nothing in it refers to other files.

    Raises:
        CheckpointMismatch: naming the file, where it is missing, cut short, too large, no ONNX model, or keeps its
            weights in other files.
    """
    try:
        size = path.stat().st_size
    except OSError:
        raise CheckpointMismatch(f"{path.name} does not exist.") from None
    if size > LARGEST:
        raise CheckpointMismatch(f"{path.name} has {size / 1e6:.0f} MB, more than any network that Limner knows.")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        outside = any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model))
        if not outside:
            onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker raise many kinds
        raise CheckpointMismatch(
            f"{path.name} is no ONNX model, or is damaged or cut short ({type(error).__name__}). "
            "Delete it and fetch it again."
        ) from None
    if outside:
        raise CheckpointMismatch(
            f"{path.name} keeps its weights in other files, which Limner does not follow. "
            "Put the published file in its place."
        )
    return model


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All tensors of the model, those in attributes, subgraphs and functions included."""
    yield from _tensors_of(model.graph)
    for function in model.functions:
        yield from _tensors_in(function.node)


def _tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _tensors_in(graph.node)


def _tensors_in(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _tensors_of(graph)
