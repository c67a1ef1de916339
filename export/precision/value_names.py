"""Names for the values inside a graph that tell graphs of different weights apart.

ONNX Runtime's TensorRT provider keeps engines under a name made of the file's name and the names of the values, not
of the weights. Two checkpoints of one network would share an engine: after an update, the old one would go on
answering.
"""

from __future__ import annotations

import hashlib

import onnx

_DIGITS = 16


def named_by_content(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose inner values are called by a digest of the whole model and a number. Tensors keep their names."""
    named = onnx.ModelProto()
    named.CopyFrom(model)
    digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()[:_DIGITS]
    outputs = {output.name for output in named.graph.output}
    inner = (value for node in named.graph.node for value in node.output if value and value not in outputs)
    names = {value: f"{digest}_{number}" for number, value in enumerate(inner)}
    for node in named.graph.node:
        node.input[:] = [names.get(value, value) for value in node.input]
        node.output[:] = [names.get(value, value) for value in node.output]
    for value in named.graph.value_info:
        value.name = names.get(value.name, value.name)
    return named
