"""Upstream's own networks, timed: the PyTorch modules in ``.venv-upstream``, and what is published as ONNX."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from export.architectures import ARCHITECTURES
from export.checkpoint import save_checkpoint
from export.registry import weight_file
from export.sources import Source
from limner.settings import PROJECT_ROOT

_PYTHON = PROJECT_ROOT / ".venv-upstream" / "bin" / "python"
"""Made by ``make upstream``."""

_ORACLE = PROJECT_ROOT / "tests" / "upstream" / "oracle.py"

_RUNS = 3
"""In each process of the oracle; their median leaves out the first one, which is slow."""

_ORACLE_NAMES = {
    "gfpgan_clean": "gfpgan",
    "retinaface_mobilenet": "retinaface",
    "retinaface_resnet50": "retinaface",
}
"""Modules in ``tests/upstream/networks`` that are not called as the architecture is."""

_INPUT_NAMES = {"face_restorer": "face", "parser": "picture", "background": "tile", "detector": "planes"}


class Upstream(Protocol):
    def seconds(self) -> float:
        """How long upstream takes for the input, its start not included."""


def upstream_of(source: Source, inputs: Mapping[str, NDArray[Any]], folder: Path, threads: int) -> Upstream:
    """What upstream makes of the same weights and the same input.

    Args:
        source: the weights.
        inputs: what the exported model is given, by name; the first one is the picture, UINT8.
        folder: for files; it must last.
        threads: how many to use.
    """
    picture = next(iter(inputs.values()))
    if ARCHITECTURES[source.architecture].published_onnx:
        return _PublishedGraph(source, _planes(picture), threads)
    arrays = {_INPUT_NAMES[weight_file(source.file).role]: _planes(picture) / np.float32(127.5) - 1}
    arrays |= {name.lower(): array for name, array in list(inputs.items())[1:]}
    return _Oracle(source, arrays, folder, threads)


def _planes(picture: NDArray[Any]) -> NDArray[np.float32]:
    """UINT8 [N, H, W, 3] or [H, W, 3] → FP32 [N, 3, H, W] in [0, 255]."""
    batch = picture if picture.ndim == 4 else picture[None]
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2), np.float32)


class _Oracle:
    def __init__(self, source: Source, arrays: Mapping[str, NDArray[Any]], folder: Path, threads: int) -> None:
        weight = weight_file(source.file)
        checkpoint, given, self._answer = folder / weight.file, folder / "input.npz", folder / "output.npz"
        key = weight.keys[0] if weight.keys else None
        save_checkpoint(source.load(), checkpoint, key)
        np.savez(given, **dict(arrays))
        name = _ORACLE_NAMES.get(source.architecture, source.architecture)
        files = ["--weights", str(checkpoint), "--input", str(given), "--output", str(self._answer)]
        options = ["--name", name, "--key", key or "", "--layout", json.dumps(dict(weight.layout))]
        self._command = [str(_PYTHON), str(_ORACLE), "network", *files, *options, "--rounds", str(_RUNS)]
        self._environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}

    def seconds(self) -> float:
        done = subprocess.run(self._command, env=self._environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode:
            raise SystemExit(f"Upstream's network failed; `make upstream` installs it.\n{done.stderr[-1000:]}")
        with np.load(self._answer) as arrays:
            return float(arrays["seconds"])


class _PublishedGraph:
    def __init__(self, source: Source, planes: NDArray[np.float32], threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        graph = source.load_onnx().SerializeToString()
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._feed = {self._session.get_inputs()[0].name: planes}

    def seconds(self) -> float:
        self._session.run(None, self._feed)
        started = time.perf_counter()
        self._session.run(None, self._feed)
        return time.perf_counter() - started
