"""OpenVINO's own files: a graph in ``model.xml``, its weights in ``model.bin``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino

from limner.errors import ExportError


def read_onnx(path: Path) -> Any:
    """The ``openvino.Model`` in an ONNX file, with what is constant folded: only then do biases look like biases.

    Raises:
        ExportError: where OpenVINO cannot read it.
    """
    try:
        return openvino.convert_model(path)
    except Exception as error:  # the converter raises many kinds
        raise ExportError(
            f"OpenVINO {openvino.__version__} cannot read the exported graph ({type(error).__name__}). "
            "Check that the pinned versions are installed: limner doctor."
        ) from error


def write_openvino(model: Any, path: Path) -> None:
    """Write ``path`` and the weights beside it, uncompressed.

    Raises:
        OSError: where the disk is full.
    """
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(None, "OpenVINO could not write the model") from error
