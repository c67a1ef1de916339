"""Reads networks that are published as ONNX files."""

from __future__ import annotations

from pathlib import Path

import onnx

from limner.errors import CheckpointMismatch


def read_published(path: Path) -> onnx.ModelProto:
    """The model in ``path``, checked to be well-formed.

    Raises:
        CheckpointMismatch: naming the file, where it is missing, cut short or no ONNX model.
    """
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker raise many kinds
        raise CheckpointMismatch(
            f"{path.name} is no ONNX model, or is damaged or cut short ({type(error).__name__}). "
            "Delete it and fetch it again."
        ) from None
    return model
