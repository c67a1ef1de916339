"""The runtimes that serve exported models on a CPU, as plain functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openvino
from numpy.typing import NDArray

Run = Callable[[NDArray[Any]], list[NDArray[Any]]]


def openvino_session(path: Path) -> Run:
    """Input → outputs of the model in OpenVINO, with the precision that the CPU profile sets."""
    model = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda given: [value.copy() for value in model(given).values()]
